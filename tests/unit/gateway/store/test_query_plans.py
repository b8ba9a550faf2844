"""The hot statements must find their rows by index, whatever the backlog: their plans are pinned here."""

import sqlite3
from pathlib import Path

import pytest

from gateway.store import claim, finish, reap, rows, schema, submit, watch

PARAMETERS = {
    "token": b"",
    "instance": "",
    "until": 0,
    "steady": 0,
    "wall": 0,
    "kinds": '["echo"]',
    "user": "ann",
    "before": b"",
    "states": None,
    "kind": None,
    "text": None,
    "hex": None,
    "named": "[]",
    "limit": 1,
    "keep": 0,
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    made = schema.open_for_writing(tmp_path_factory.mktemp("plans") / "shard.db", fresh=True)
    yield made
    made.close()


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    wanted = PARAMETERS if ":" in sql else tuple(0 for _ in range(sql.count("?")))
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", wanted)]


HOT = {
    "known key": (submit.KNOWN_KEY, ["SEARCH idempotency USING INDEX sqlite_autoindex_idempotency_1 (user=? AND key=?)"]),
    "load": (rows.LOAD, ["SEARCH tenants USING PRIMARY KEY (user=?)"]),
    "buried key": (reap.BURY, ["SEARCH idempotency USING INTEGER PRIMARY KEY (rowid=?)"]),
    "job by uuid": (rows.JOB_BY_UUID, ["SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (uuid=?)"]),
    "receipt": (finish.RECEIPT, ["SEARCH receipts USING PRIMARY KEY (token=?)"]),
    "replayed claim": (claim.REPLAY, ["SEARCH claims USING PRIMARY KEY (instance=? AND attempt_id=?)"]),
    "held by instance": (claim.HELD_BY, ["SEARCH jobs USING INDEX jobs_held (instance=?)"]),
    "due": (reap.DUE, ["SEARCH jobs USING INDEX jobs_due (due_at>? AND due_at<?)"]),
    "overdue leases": (reap.OVERDUE, ["SEARCH jobs USING INDEX jobs_leased (lease_until>? AND lease_until<?)"]),
    "expiring": (reap.EXPIRING, ["SEARCH jobs USING INDEX jobs_expiring (expires_at>? AND expires_at<?)"]),
    "old": (reap.OLD, ["SEARCH jobs USING INDEX jobs_final (finished_at>? AND finished_at<?)"]),
    "last event": (watch.LAST_EVENT, ["SEARCH tenants USING PRIMARY KEY (user=?)"]),
    "everybody's page": (watch.EVERYBODYS_PAGE, ["SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (uuid<?)"]),
    "whose job": (watch.USER_OF, ["SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (uuid=?)"]),
    "one user's job": (watch.JOB_OF_USER, ["SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (uuid=?)"]),
}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_uses_its_index(connection: sqlite3.Connection, name: str):
    sql, expected = HOT[name]
    assert [step for step in plan(connection, sql) if not step.startswith(("LIST SUBQUERY", "SCAN json_each"))] == expected


def test_a_lease_walks_users_in_turn_and_takes_each_ones_first_job_without_sorting(connection: sqlite3.Connection):
    steps = plan(connection, claim.LEASE_NEXT)
    assert "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)" in steps
    assert "SCAN tenant USING INDEX tenants_turn" in steps
    assert "SEARCH job USING INDEX jobs_ready (user=?)" in steps
    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize("sql", [watch.EVENTS, watch.PAGE, watch.LOG_OF, reap.NEXT_WALL, reap.NEXT_LEASE, *reap.FORGET, reap.FORGET_NEWS])
def test_no_statement_reads_a_whole_table(connection: sqlite3.Connection, sql: str):
    scans = [step for step in plan(connection, sql) if step.startswith("SCAN") and "INDEX" not in step and "json_each" not in step]
    assert [step for step in scans if not step.startswith(("SCAN CONSTANT", "SCAN (subquery", "SCAN 1"))] == []


def test_the_test_sees_a_missing_index(tmp_path: Path):
    made = schema.open_for_writing(tmp_path / "shard.db", fresh=True)
    made.execute("DROP INDEX jobs_due")
    assert plan(made, reap.DUE) != HOT["due"][1]
    made.close()

"""Attacks on the audit log (security reference J05, J06, J07)."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.client.admin import open_admin
from app.client.api import open_api
from app.commands import audit as command
from contract.errors import AuditUnavailable
from contract.people import OfferMake
from gateway.rules.audit import encode
from gateway.store.audit import AuditNotWritten
from gateway.wiring import Gateway
from tests.support.clock import ManualClock
from tests.support.devices import KEYS
from tests.support.inside import gateway_on

DAY_S = 86_400.0


@contextlib.contextmanager
def opened(data: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(data / "audit.db", isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def drop_triggers(connection: sqlite3.Connection) -> None:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")


async def verified(data: Path, capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, int | None]:
    """Exit code of `flowork audit verify`, and the first bad record it names."""
    capsys.readouterr()
    code = await asyncio.to_thread(command.main, ["verify", "--json", "--data", str(data), *arguments])
    return code, json.loads(capsys.readouterr().out)["broken_at"]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway whose log has 40 records and checkpoints at 20 and 40."""
    async with gateway_on(tmp_path / "g") as made:
        audit, care = made._parts.operations.audit, made._parts.operations.audit_care
        while (seq := audit.file.newest(2**62, 1)[0].seq) < 40:
            await audit.note("test", "owner", str(seq))
            if seq + 1 in {20, 40}:
                await care.checkpoint()
        yield made


BLOCKED = [
    "UPDATE audit_event SET body = x'7b7d' WHERE seq = 3",
    "DELETE FROM audit_event WHERE seq = 40",
    "REPLACE INTO audit_event SELECT * FROM audit_event WHERE seq = 3",
    "INSERT INTO audit_event SELECT * FROM audit_event WHERE seq = 3 ON CONFLICT DO UPDATE SET body = x'7b7d'",
    "INSERT INTO audit_event VALUES (42, 0, x'7b7d', zeroblob(32), zeroblob(32))",
    "DELETE FROM checkpoint",
    "UPDATE checkpoint SET hash = zeroblob(32)",
    "INSERT INTO prune_anchor SELECT seq, hash, 1, 0, zeroblob(64) FROM audit_event WHERE seq = 20",
]
TAMPERED = {
    # What is missing at the end shows after the last record: the one of the admin token that the question itself took.
    "a changed record": (["UPDATE audit_event SET body = x'7b7d' WHERE seq = 3"], 3),
    "a removed record": (["DELETE FROM audit_event WHERE seq = 7"], 7),
    "a replaced record": (["REPLACE INTO audit_event SELECT seq, at_ms, x'7b7d', prev, hash FROM audit_event WHERE seq = 9"], 9),
    "a gap at the end": (["INSERT INTO audit_event SELECT 99, at_ms, body, prev, hash FROM audit_event WHERE seq = 40"], 42),
    "a cut tail": (["DELETE FROM audit_event WHERE seq > 30"], 32),
    "a removed checkpoint": (["DELETE FROM checkpoint WHERE number = (SELECT min(number) FROM checkpoint)"], 1),
    "all checkpoints removed": (["DELETE FROM checkpoint"], 1),
    "a cut tail and its checkpoint": (["DELETE FROM audit_event WHERE seq > 30", "DELETE FROM checkpoint WHERE seq > 30"], 32),
    "a forged prune": (
        [
            "INSERT INTO prune_anchor SELECT seq, hash, 1, 0, zeroblob(64) FROM audit_event WHERE seq = 20",
            "DELETE FROM audit_event WHERE seq <= 20",
            "DELETE FROM checkpoint WHERE seq <= 20",
        ],
        20,
    ),
    "only the guards dropped": ([], 43),
}


@pytest.mark.parametrize("how", ["blocked", *TAMPERED, "a rewritten tail"])
async def test_J05_tampering_is_blocked_or_found_at_its_record(running: Gateway, tmp_path: Path, how: str, capsys: pytest.CaptureFixture):
    data = tmp_path / "g"
    assert await verified(data, capsys) == (0, None)
    with opened(data) as connection:
        if how == "blocked":
            for statement in BLOCKED:
                with pytest.raises(sqlite3.IntegrityError):
                    connection.execute(statement)
            expected: tuple[int, int | None] = (0, None)
        elif how == "a rewritten tail":
            drop_triggers(connection)
            rewrite(connection, 25)
            expected = (1, 40)
        else:
            drop_triggers(connection)
            statements, seq = TAMPERED[how]
            for statement in statements:
                connection.execute(statement)
            expected = (1, seq)
    assert await verified(data, capsys) == expected


def rewrite(connection: sqlite3.Connection, first: int) -> None:
    """Another story from a record on, with hashes that fit."""
    from gateway.rules.audit import link

    (prev,) = connection.execute("SELECT hash FROM audit_event WHERE seq = ?", (first - 1,)).fetchone()
    for seq, at_ms in connection.execute("SELECT seq, at_ms FROM audit_event WHERE seq >= ? ORDER BY seq", (first,)).fetchall():
        body = encode({"event": "nothing", "actor": "owner", "target": ""})
        head = link(seq, at_ms, prev, body)
        connection.execute("UPDATE audit_event SET body = ?, prev = ?, hash = ? WHERE seq = ?", (body, prev, head, seq))
        prev = head


@pytest.mark.parametrize("witness", ["file", "secrets", "noted"])
async def test_J05_yesterdays_copy_in_place_of_the_file_is_found_by_each_witness_alone(
    tmp_path: Path, witness: str, capsys: pytest.CaptureFixture
):
    data, heads = tmp_path / "g", tmp_path / "g.witness" / "audit-heads.log"
    async with gateway_on(data):
        pass
    shutil.copy(data / "audit.db", tmp_path / "yesterday.db")
    assert not (data / "audit.db-wal").exists()
    async with gateway_on(data) as running:
        for _ in range(30):
            await running._parts.operations.audit.note("what must not be known", "owner")
    noted = " ".join(heads.read_text().splitlines()[-1].split()[:2])
    shutil.copy(tmp_path / "yesterday.db", data / "audit.db")
    if witness != "file":
        heads.unlink()
    if witness != "secrets":
        (data / "secrets" / "audit-head").unlink()
    async with gateway_on(data) as running:
        last = running._parts.operations.audit.file.newest(2**62, 1)[0].seq
        code, broken_at = await verified(data, capsys, *(["--head", noted] if witness == "noted" else []))
        assert (code, broken_at) == (1, last + 2)  # after the record of the admin token that the question took
        if witness != "noted":
            assert "NOT whole" in " ".join(running._parts.operations.audit_care.status().alarms)
            # What was seen stays seen, whatever is signed from now on.
            await running._parts.operations.audit_care.checkpoint()
            assert (await verified(data, capsys))[0] == 1


@contextlib.contextmanager
def full(running: Gateway, _data: Path) -> Iterator[None]:
    connection = running._parts.operations.audit.file._connection
    (before,) = connection.execute("PRAGMA max_page_count").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with contextlib.suppress(AuditNotWritten):  # fill what is left of the last page
        for _ in range(1000):
            running._parts.operations.audit.file.append(0, encode({"event": "x" * 200}))
    yield
    connection.execute(f"PRAGMA max_page_count = {before}")


@contextlib.contextmanager
def locked(_running: Gateway, data: Path) -> Iterator[None]:
    with opened(data) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def read_only(running: Gateway, _data: Path) -> Iterator[None]:
    connection = running._parts.operations.audit.file._connection
    connection.execute("PRAGMA query_only = ON")
    yield
    connection.execute("PRAGMA query_only = OFF")


@pytest.mark.parametrize("trouble", [full, locked, read_only], ids=lambda trouble: trouble.__name__)
async def test_J06_what_cannot_be_written_down_answers_503_and_does_not_happen(tmp_path: Path, trouble, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.store.audit.BUSY_S", 0.05)
    data = tmp_path / "g"
    async with gateway_on(data) as running, open_admin(data) as admin, open_api(running.address, KEYS, running.gateway_key) as api:
        with trouble(running, data):
            for act in (api.sign_in(), admin.offer(OfferMake()), admin.add_engine("shed"), drained(admin.audit_export())):
                with pytest.raises(AuditUnavailable) as refused:
                    await act
                assert (refused.value.status, refused.value.code, refused.value.retry_after_s) == (503, "audit.unavailable", 30)
            assert running._parts.operations.pairing.offers() == []
            assert [engine.name for engine in (await admin.status()).engines] == []
        await admin.add_engine("shed")
        assert (await api.sign_in()).user


async def drained(export) -> None:
    async for _ in export:
        pass


async def test_J07_after_91_days_a_day_goes_with_a_signed_anchor_and_a_set_clock_prunes_nothing(tmp_path: Path):
    clock = ManualClock()
    clock.wall = 1_704_067_200_000_000  # 2024-01-01
    async with gateway_on(tmp_path / "g") as running:
        audit, care = running._parts.operations.audit, running._parts.operations.audit_care
        ages = Ages(tmp_path / "g", clock)
        audit.clock = clock
        first_day = audit.file.newest(2**62, 1)[0].seq + 1
        for day in range(95):
            clock.advance(DAY_S)
            await audit.note("test", "owner", str(day))
            await care.tick()
            if day == 10:
                await a_clock_ten_years_ahead(audit, care, clock)
            assert day < 91 or ages.oldest() <= 91, day
            assert audit.file.following(first_day - 1, 1)[0].seq == first_day or ages.oldest() >= 90
        assert 90 <= ages.oldest() <= 91
        with opened(tmp_path / "g") as connection:
            anchors = connection.execute("SELECT count(*) FROM prune_anchor").fetchone()[0]
        assert anchors >= 1
        assert audit.file.verify([], audit.seal.holds).broken_at is None


class Ages:
    """Whole days since the oldest record that is kept."""

    def __init__(self, data: Path, clock: ManualClock) -> None:
        self._data, self._clock = data, clock

    def oldest(self) -> int:
        with opened(self._data) as connection:
            (at_ms,) = connection.execute("SELECT min(at_ms) FROM audit_event").fetchone()
        return self._clock.wall // 86_400_000_000 - at_ms // 86_400_000


async def a_clock_ten_years_ahead(audit, care, clock: ManualClock) -> None:
    before = audit.file.following(0, 10_000)
    clock.step_wall(3650 * DAY_S)
    await care.tick()
    clock.step_wall(-3650 * DAY_S)
    assert audit.file.following(0, len(before)) == before

"""Who may read the metrics: holders of a token that stands, and nobody else."""

import pytest

from contract.errors import AuditUnavailable, MetricsTokenInvalid, MetricsTokenTaken, MetricsTokenUnknown
from contract.opaque_token import mint
from gateway.operations.metrics_access import MetricsAccess
from tests.support.queue import chance
from tests.unit.gateway.operations.conftest import Rooms


@pytest.fixture
def access(rooms: Rooms) -> MetricsAccess:
    return MetricsAccess(rooms.control.metrics_tokens, rooms.book.audit, rooms.clock, chance(3))


async def test_a_token_reads_until_it_is_revoked(access: MetricsAccess, rooms: Rooms):
    made = await access.add("prometheus", "owner")
    access.check(f"Bearer {made.token}")
    access.check(f"bearer {made.token}")
    await access.revoke("prometheus", "owner")
    with pytest.raises(MetricsTokenInvalid):
        access.check(f"Bearer {made.token}")
    assert rooms.book.events() == [("metrics.token_add", "owner", "prometheus"), ("metrics.token_revoke", "owner", "prometheus")]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic {token}", "{token}", "Bearer {other}", "Bearer {engine}"])
async def test_nothing_else_reads(access: MetricsAccess, header: str | None):
    made = await access.add("prometheus", "owner")
    said = header and header.format(token=made.token, other=mint("m", chance(9)).text, engine=mint("e", chance(9)).text)
    with pytest.raises(MetricsTokenInvalid):
        access.check(said)


async def test_another_secret_under_a_known_id_does_not_read(access: MetricsAccess):
    made, other = await access.add("prometheus", "owner"), mint("m", bytes)
    access._known[other.id] = access._known[made.id]
    with pytest.raises(MetricsTokenInvalid):
        access.check(f"Bearer {other.text}")


async def test_it_stands_after_a_restart_and_only_its_hash_is_kept(access: MetricsAccess, rooms: Rooms, tmp_path):
    made = await access.add("prometheus", "owner")
    again = MetricsAccess(rooms.control.metrics_tokens, rooms.book.audit, rooms.clock, chance(4))
    with pytest.raises(MetricsTokenInvalid):
        again.check(f"Bearer {made.token}")
    await again.load()
    again.check(f"Bearer {made.token}")
    assert [(token.name, token.id) for token in again.tokens()] == [("prometheus", made.id)]
    secret = made.token.rpartition("_")[2].encode()
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and secret in file.read_bytes()]


async def test_a_name_is_taken_once_and_free_again_after_its_end(access: MetricsAccess):
    first = await access.add("prometheus", "owner")
    with pytest.raises(MetricsTokenTaken):
        await access.add("prometheus", "owner")
    await access.revoke("prometheus", "owner")
    with pytest.raises(MetricsTokenUnknown):
        await access.revoke("prometheus", "owner")
    assert (await access.add("prometheus", "owner")).token != first.token


async def test_what_cannot_be_written_down_does_not_happen(access: MetricsAccess, rooms: Rooms):
    made = await access.add("prometheus", "owner")
    rooms.book.break_it()
    with pytest.raises(AuditUnavailable):
        await access.add("other", "owner")
    with pytest.raises(AuditUnavailable):
        await access.revoke("prometheus", "owner")
    access.check(f"Bearer {made.token}")
    assert [token.name for token in access.tokens()] == ["prometheus"]

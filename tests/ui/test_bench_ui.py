"""`python -m bench ui`: it measures the real window. How fast that is, is no matter of a test."""

from tests.support.benches import measured


async def test_it_shows_all_rows_hears_every_snapshot_and_asks_nothing_once_closed():
    told = await measured("ui", "--seconds", "1")
    assert told["rows"] == 10_000
    assert told["rows_after"] > 10_000
    assert told["emits"] == {**told["emits"], "sent": 2000, "heard": 2000}
    assert told["asked_while_closed"] == 0
    assert told["worst_block_ms"] > 0

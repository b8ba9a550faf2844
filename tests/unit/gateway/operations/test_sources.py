"""Engines by id and name, and where a user's jobs are."""

import pytest

from contract.errors import EngineUnknown
from gateway.operations.sources import Sources

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


async def test_an_engine_is_found_by_id_and_by_name(rooms):
    assert rooms.sources.engine("lab") == rooms.sources.engine(LAB)
    assert [row.name for row in rooms.sources.engines()] == ["lab", "den"]


@pytest.mark.parametrize("name", ["", "nobody", "LAB", "la", f"{LAB}x"])
async def test_what_is_no_engine_is_unknown(rooms, name: str):
    with pytest.raises(EngineUnknown):
        rooms.sources.engine(name)


async def test_an_engine_whose_name_is_anothers_id_does_not_take_its_jobs(rooms):
    await rooms.control.add_engine("cccccccccccccccc", LAB, 3)
    await rooms.sources.engines_changed()
    assert rooms.sources.engine(LAB).name == "lab"


async def test_a_new_engine_is_known_after_it_was_told(rooms):
    await rooms.control.add_engine("cccccccccccccccc", "attic", 3)
    with pytest.raises(EngineUnknown):
        rooms.sources.engine("attic")
    await rooms.sources.engines_changed()
    assert rooms.sources.engine("attic").id == "cccccccccccccccc"


async def test_where_a_user_has_jobs_is_sorted_and_survives_a_restart(rooms):
    for user, engine in (("ann", DEN), ("ann", LAB), ("ann", DEN), ("bob", DEN)):
        await rooms.sources.note(user, engine)
    again = Sources(rooms.control)
    await again.load()
    for sources in (rooms.sources, again):
        assert (sources.of("ann"), sources.of("bob"), sources.of("eve")) == ([LAB, DEN], [DEN], [])


async def test_what_could_not_be_written_does_not_count_as_noted(rooms, monkeypatch: pytest.MonkeyPatch):
    async def broken(_user: str, _engine: str) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(rooms.control, "add_source", broken)
        with pytest.raises(ZeroDivisionError):
            await rooms.sources.note("ann", LAB)
    assert rooms.sources.of("ann") == []
    await rooms.sources.note("ann", LAB)
    assert await rooms.control.sources() == [("ann", LAB)]


async def test_a_reload_forgets_what_is_no_longer_there(rooms):
    rooms.sources._of_user["ghost"] = {LAB}
    await rooms.sources.load()
    assert rooms.sources.of("ghost") == []

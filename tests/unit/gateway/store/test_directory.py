"""Which queue files are open: made once, opened on use, closed when too many, refused without harm to the others."""

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contract.errors import EngineUnknown, ShardUnavailable, StorageFull
from gateway.store.control import Control, EngineRow, open_control
from gateway.store.directory import LocalShards
from gateway.store.seam import Committed
from kit.clock import SECOND
from tests.support.clock import ManualClock
from tests.support.queue import admit, chance, draft, limits

ENGINES = ("aaaa", "bbbb", "cccc")
PATIENCE_S = 10.0


@dataclass
class Place:
    """A folder of queues with its control.db."""

    folder: Path
    control: Control
    clock: ManualClock
    commits: list[tuple[str, Committed]] = field(default_factory=list)

    def directory(self, at_most: int = 64) -> LocalShards:
        return LocalShards(
            self.folder,
            self.control,
            limits(),
            self.clock,
            chance(),
            lambda engine, committed: self.commits.append((engine, committed)),
            at_most,
        )

    def file(self, engine: str) -> Path:
        return self.folder / f"{engine}.db"

    async def row(self, engine: str) -> EngineRow:
        return next(row for row in await self.control.engines() if row.id == engine)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with open_control(tmp_path / "control.db") as (control, _people):
        for at, engine in enumerate(ENGINES):
            await control.add_engine(engine, f"name-{engine}", at)
        yield Place(tmp_path / "shards", control, ManualClock())


@contextlib.asynccontextmanager
async def shards_of(place: Place, at_most: int = 64) -> AsyncIterator[LocalShards]:
    shards = place.directory(at_most)
    try:
        yield shards
    finally:
        await shards.close_all()


@pytest.fixture
async def shards(place: Place) -> AsyncIterator[LocalShards]:
    async with shards_of(place) as made:
        yield made


def open_engines(shards: LocalShards) -> list[str]:
    return [shard.source for shard in shards.open_now()]


async def submit(shards: LocalShards, engine: str, **changes) -> None:
    async with shards.use(engine) as store:
        await store.submit("ann", [draft(**changes)], admit)


async def queued(shards: LocalShards, engine: str) -> int:
    async with shards.use(engine) as store:
        return (await store.load()).queued


async def test_nothing_is_opened_before_it_is_used(place: Place, shards: LocalShards):
    assert open_engines(shards) == []
    assert list(place.folder.iterdir()) == []


async def test_the_folder_is_its_owners_alone(place: Place, shards: LocalShards):
    assert place.folder.stat().st_mode & 0o777 == 0o700


async def test_the_first_use_makes_the_file_and_notes_that_it_was_made(place: Place, shards: LocalShards):
    async with shards.use("aaaa") as store:
        assert store.source == "aaaa"
        assert place.file("aaaa").exists()
        row = await place.row("aaaa")
        assert (row.shard_made, row.wake_at) == (True, 0)
    assert not (await place.row("bbbb")).shard_made
    assert not place.file("bbbb").exists()


async def test_a_shard_stays_open_between_uses(shards: LocalShards):
    async with shards.use("aaaa") as first:
        pass
    async with shards.use("aaaa") as second:
        assert second is first


async def test_many_who_come_at_once_share_one_open_shard(place: Place, shards: LocalShards):
    async def used() -> int:
        async with shards.use("aaaa") as store:
            return id(store)

    assert len(set(await asyncio.gather(*(used() for _ in range(16))))) == 1
    assert shards.refusals() == {}


async def test_an_unknown_engine_is_unknown_and_gets_no_file(place: Place, shards: LocalShards):
    with pytest.raises(EngineUnknown):
        async with shards.use("nobody"):
            pass
    assert list(place.folder.iterdir()) == []
    assert shards.refusals() == {}
    assert shards._entries == {}


async def test_what_was_submitted_is_there_after_a_close_and_another_open(place: Place, shards: LocalShards):
    await submit(shards, "aaaa")
    await shards.close("aaaa")
    assert open_engines(shards) == []
    assert await queued(shards, "aaaa") == 1


async def test_a_queue_that_was_made_and_is_missing_is_refused_not_made_anew(place: Place, shards: LocalShards):
    await submit(shards, "aaaa")
    await shards.close("aaaa")
    place.file("aaaa").unlink()
    with pytest.raises(ShardUnavailable):
        await queued(shards, "aaaa")
    assert not place.file("aaaa").exists()
    assert "missing" in shards.refusals()["aaaa"]


async def test_a_damaged_queue_is_refused_and_left_byte_for_byte(place: Place, shards: LocalShards):
    await submit(shards, "aaaa")
    await shards.close("aaaa")
    raw = bytearray(place.file("aaaa").read_bytes())
    raw[4096:12288] = b"\xde\xad" * 4096
    place.file("aaaa").write_bytes(raw)
    before = hashlib.sha256(raw).hexdigest()
    for _ in range(2):
        with pytest.raises(ShardUnavailable):
            await queued(shards, "aaaa")
    assert hashlib.sha256(place.file("aaaa").read_bytes()).hexdigest() == before
    assert "damaged" in shards.refusals()["aaaa"]


async def test_a_refused_queue_does_not_disturb_the_others(place: Place, shards: LocalShards):
    await submit(shards, "aaaa")
    await submit(shards, "bbbb")
    await shards.close("aaaa")
    place.file("aaaa").write_bytes(b"my diary\n" * 1000)

    async def one(engine: str) -> int | str:
        try:
            return await queued(shards, engine)
        except ShardUnavailable as refusal:
            return refusal.code

    assert await asyncio.gather(one("bbbb"), one("aaaa"), one("cccc"), one("aaaa")) == [1, "shard.unavailable", 0, "shard.unavailable"]
    assert list(shards.refusals()) == ["aaaa"]


async def test_after_a_repair_the_next_use_opens_it_and_the_refusal_is_forgotten(place: Place, shards: LocalShards, tmp_path: Path):
    await submit(shards, "aaaa")
    await shards.close("aaaa")
    shutil.copy(place.file("aaaa"), tmp_path / "backup.db")
    place.file("aaaa").write_bytes(b"my diary\n" * 1000)
    with pytest.raises(ShardUnavailable):
        await queued(shards, "aaaa")
    shutil.copy(tmp_path / "backup.db", place.file("aaaa"))
    assert await queued(shards, "aaaa") == 1
    assert shards.refusals() == {}


async def test_a_queue_that_another_gateway_has_is_refused_until_it_lets_go(place: Place, shards: LocalShards):
    async with shards_of(place) as other:
        await submit(other, "aaaa")
        with pytest.raises(ShardUnavailable):
            await queued(shards, "aaaa")
        assert "in use" in shards.refusals()["aaaa"]
    assert await queued(shards, "aaaa") == 1


async def test_beyond_the_bound_the_longest_unused_is_closed(place: Place):
    async with shards_of(place, at_most=2) as shards:
        for engine in ("aaaa", "bbbb", "aaaa", "cccc"):
            await queued(shards, engine)
        assert sorted(open_engines(shards)) == ["aaaa", "cccc"]


async def test_a_shard_in_use_is_never_closed_even_beyond_the_bound(place: Place):
    async with shards_of(place, at_most=1) as shards:
        async with shards.use("aaaa") as store:
            await queued(shards, "bbbb")
            await shards.close("aaaa")
            await store.submit("ann", [draft()], admit)
            assert "aaaa" in open_engines(shards)
        await queued(shards, "cccc")
        assert open_engines(shards) == ["cccc"]


async def test_one_who_comes_while_it_closes_gets_it_open_again(place: Place, shards: LocalShards):
    await submit(shards, "aaaa")
    _, waiting = await asyncio.gather(shards.close("aaaa"), queued(shards, "aaaa"))
    assert waiting == 1
    assert open_engines(shards) == ["aaaa"]
    assert shards.refusals() == {}


async def test_users_of_many_engines_at_once_all_get_theirs_within_a_small_bound(place: Place):
    async with shards_of(place, at_most=1) as shards:

        async def use_it(turn: int) -> None:
            await submit(shards, ENGINES[turn % 3], key=f"k{turn}")

        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(use_it(turn) for turn in range(12)))
            assert [await queued(shards, engine) for engine in ENGINES] == [4, 4, 4]


async def test_shards_that_were_beyond_the_bound_while_in_use_do_not_stay_open_when_they_are_let_go(place: Place):
    async with shards_of(place, at_most=1) as shards:
        async with shards.use("aaaa"), shards.use("bbbb"), shards.use("cccc"):
            pass
        assert len(open_engines(shards)) == 1


async def test_a_closed_shard_notes_when_it_wants_to_be_opened_again(place: Place, shards: LocalShards):
    at = place.clock.wall + 60 * SECOND
    await submit(shards, "aaaa", run_at=at)
    await shards.close("aaaa")
    assert (await place.row("aaaa")).wake_at == at
    await queued(shards, "aaaa")
    assert (await place.row("aaaa")).wake_at == 0


async def test_an_empty_shard_never_wants_to_be_opened_again(place: Place, shards: LocalShards):
    await queued(shards, "aaaa")
    await shards.close("aaaa")
    assert (await place.row("aaaa")).wake_at is None


async def test_closing_does_what_is_due(place: Place, shards: LocalShards):
    await submit(shards, "aaaa", run_at=place.clock.wall + 60 * SECOND)
    place.clock.advance(61)
    await shards.close("aaaa")
    assert await queued(shards, "aaaa") == 1


async def test_closing_what_is_not_open_does_nothing(place: Place, shards: LocalShards):
    await shards.close("aaaa")
    await shards.close("nobody")
    await submit(shards, "aaaa")
    await asyncio.gather(shards.close("aaaa"), shards.close("aaaa"))
    assert open_engines(shards) == []
    assert shards._entries == {}


async def test_at_the_end_all_are_closed_and_their_files_are_free(place: Place):
    async with shards_of(place) as shards:
        for engine in ENGINES:
            await submit(shards, engine)
    assert open_engines(shards) == []
    assert not list(place.folder.glob("*-wal"))
    async with shards_of(place) as again:
        assert [await queued(again, engine) for engine in ENGINES] == [1, 1, 1]


async def test_commits_are_told_with_their_engine(place: Place, shards: LocalShards):
    await submit(shards, "aaaa")
    await submit(shards, "bbbb")
    assert [(engine, len(commit.events)) for engine, commit in place.commits if commit.events] == [("aaaa", 1), ("bbbb", 1)]


async def test_a_use_that_fails_inside_leaves_the_shard_usable_and_closable(shards: LocalShards):
    with pytest.raises(ZeroDivisionError):
        async with shards.use("aaaa"):
            raise ZeroDivisionError
    assert await queued(shards, "aaaa") == 0
    await shards.close("aaaa")
    assert open_engines(shards) == []


async def test_a_shard_that_cannot_be_reaped_on_closing_does_not_fail_the_use_of_another(place: Place, monkeypatch):
    from gateway.store.shard import SqliteShard

    async def full(_self):
        raise StorageFull

    shards = place.directory(at_most=1)
    await submit(shards, "aaaa")
    with monkeypatch.context() as broken:
        broken.setattr(SqliteShard, "reap", full)
        try:
            await queued(shards, "bbbb")
        finally:
            broken.undo()
            await shards.close_all()


async def test_a_shard_that_could_not_be_reaped_on_closing_can_be_used_again(place: Place, monkeypatch):
    from gateway.store.shard import SqliteShard

    async def full(_self):
        raise StorageFull

    shards = place.directory()
    await submit(shards, "aaaa")
    with monkeypatch.context() as broken:
        broken.setattr(SqliteShard, "reap", full)
        with contextlib.suppress(StorageFull):
            await shards.close("aaaa")
    try:
        assert await queued(shards, "aaaa") == 1
    finally:
        await shards.close_all()

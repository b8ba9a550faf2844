"""One update in order, over a real server: what is asked, what is kept, and what never happens."""

import json
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from app.crypto.release_keys import KeysUnusable
from app.desktop.installed import Installed
from app.rules.update import Current, Offer, Reason
from app.services.update.failure import UpdateFailed
from app.services.update.fetch import REDIRECTS, fetching
from app.services.update.updater import Updater
from contract.update import Kind
from contract.update_address import MANIFEST_NAME
from kit.files import exclusive_lock, private_folder
from tests.support.clock import ManualClock
from tests.support.releases import Key, Site, a_file, a_manifest, cut, elsewhere, signed, site

NEW = bytes(range(256)) * 3000
OLD = {"released_at": "2025-12-31T00:00:00Z", "expires_at": "2026-03-01T00:00:00Z"}


def manifest(*files: dict[str, Any], **other: Any) -> dict[str, Any]:
    return a_manifest(*(files or (a_file(NEW, "new.exe", "windows-x64", "setup"),)), **{**OLD, **other})


class Bench:
    """A data folder, a place where releases lie, and a program that knows one key."""

    def __init__(self, data: Path, place: Site) -> None:
        self.data, self.place = data, place
        self.key = Key()
        self.keys: Callable[[], tuple[str, ...]] = lambda: (self.key.public,)
        self.clock = ManualClock()
        self.here = Installed(Kind.SETUP, "windows-x64", data / "flowork.exe")
        self.version = "1.0.0"
        self.allowed: Callable[[str], bool] = lambda url: url.startswith(place.url)
        place.publish(manifest(), self.key, **{"new.exe": NEW})

    @property
    def updater(self) -> Updater:
        return Updater(
            self.data,
            self.place.manifest_url,
            self.here,
            self.clock,
            keys=self.keys,
            version=self.version,
            fetch=lambda: fetching(self.allowed),
        )

    async def fails(self, act: str = "check") -> Reason:
        with pytest.raises(UpdateFailed) as failed:
            await getattr(self.updater, act)()
        return failed.value.reason

    def names(self) -> set[str]:
        folder = self.data / "update"
        return {path.name for path in folder.iterdir()} - {"state.json", "lock"} if folder.exists() else set()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with site(None) as place:
        yield Bench(tmp_path / "data", place)


async def test_what_is_found_is_fetched_verified_and_started_after_the_drain_and_in_that_order(bench: Bench):
    did: list[object] = []

    async def drain() -> None:
        did.append("drained")

    found = await bench.updater.check()
    assert isinstance(found, Offer)
    assert await bench.updater.install(drain, did.append) == "9.0.0"
    path = bench.data / "update" / "Flowork-9.0.0-setup.exe"
    assert did == ["drained", path]
    assert path.read_bytes() == NEW
    assert bench.names() == {path.name}


async def test_what_was_changed_during_the_drain_is_not_started(bench: Bench):
    async def drain() -> None:
        (bench.data / "update" / "Flowork-9.0.0-setup.exe").write_bytes(NEW[:-1] + b"!")

    started: list[Path] = []
    await bench.updater.check()
    with pytest.raises(UpdateFailed) as failed:
        await bench.updater.install(drain, started.append)
    assert (failed.value.reason, started, bench.names()) == (Reason.OTHER_CONTENT, [], set())


async def test_what_expired_during_the_drain_is_not_started(bench: Bench):
    async def drain() -> None:
        bench.clock.advance(100 * 86400)

    started: list[Path] = []
    await bench.updater.check()
    with pytest.raises(UpdateFailed) as failed:
        await bench.updater.install(drain, started.append)
    assert (failed.value.reason, started) == (Reason.EXPIRED, [])


async def test_nothing_foreign_lies_beside_a_setup_that_is_started(bench: Bench):
    async def drain() -> None:
        (bench.data / "update" / "version.dll").write_bytes(b"evil")
        (bench.data / "update" / "folder").mkdir()

    await bench.updater.check()
    await bench.updater.install(drain, lambda _: None)
    assert bench.names() == {"Flowork-9.0.0-setup.exe"}


async def test_a_setup_that_cannot_be_started_is_told(bench: Bench):
    async def drain() -> None: ...

    def start(_: Path) -> None:
        raise OSError("no")

    await bench.updater.check()
    with pytest.raises(UpdateFailed) as failed:
        await bench.updater.install(drain, start)
    assert failed.value.reason is Reason.NOT_STARTED


async def test_nothing_is_drained_for_a_file_that_is_refused(bench: Bench):
    drained: list[int] = []

    async def drain() -> None:
        drained.append(1)

    bench.place.files["/new.exe"] = NEW[:-1] + b"!"
    await bench.updater.check()
    with pytest.raises(UpdateFailed):
        await bench.updater.install(drain, lambda _: None)
    assert drained == []


async def test_a_build_without_keys_asks_nobody(bench: Bench):
    bench.keys = tuple
    assert await bench.fails() is Reason.NO_KEYS
    assert bench.place.paths() == []
    assert not bench.updater.view("notify").checkable


async def test_a_build_whose_keys_are_damaged_asks_nobody(bench: Bench):
    def damaged() -> tuple[str, ...]:
        raise KeysUnusable("it is cut off")

    bench.keys = damaged
    assert await bench.fails() is Reason.NO_KEYS
    assert bench.place.paths() == []


async def test_an_accepted_manifest_is_remembered_and_a_refused_one_changes_nothing_but_the_time(bench: Bench):
    await bench.updater.check()
    before = bench.updater.shelf.read()
    assert (before.version, before.tried, before.failed) == ("9.0.0", bench.clock.wall, None)
    bench.clock.advance(60)
    bench.place.publish(manifest(version="10.0.0"), Key())
    assert await bench.fails() is Reason.NOT_SIGNED
    after = bench.updater.shelf.read()
    assert after == before.model_copy(update={"tried": bench.clock.wall, "failed": Reason.NOT_SIGNED})


async def test_after_the_update_nothing_is_offered_any_more(bench: Bench):
    await bench.updater.check()
    assert bench.updater.view("notify").offered == "9.0.0"
    bench.version = "9.0.0"
    assert bench.updater.view("notify").offered == ""
    assert await bench.updater.check() == Current("9.0.0")
    assert await bench.fails("download") is Reason.NOTHING_FOUND


async def test_after_the_update_its_file_is_removed(bench: Bench):
    await bench.updater.check()
    await bench.updater.download()
    bench.version = "9.0.0"
    await bench.updater.check()
    assert bench.names() == set()


async def test_the_keys_of_a_newer_build_end_an_earlier_change_of_keys(bench: Bench):
    """Who installs a build by hand, because a key was lost, must not be held by what the lost key signed."""
    lost, newest = Key(), Key()
    bench.place.publish(manifest(keys=[lost.public]), bench.key, lost)
    await bench.updater.check()
    assert bench.updater.trusted(bench.updater.shelf.read()) == (lost.public,)
    bench.keys = lambda: (newest.public,)
    assert bench.updater.trusted(bench.updater.shelf.read()) == (newest.public,)
    bench.place.publish(manifest(), lost)
    assert await bench.fails() is Reason.NOT_SIGNED


async def test_after_a_change_of_keys_what_is_known_is_still_offered(bench: Bench):
    new = Key()
    bench.place.publish(manifest(keys=[new.public]), bench.key, new)
    await bench.updater.check()
    assert (await bench.updater.download()).read_bytes() == NEW


async def test_a_refused_manifest_changes_no_keys(bench: Bench):
    thief = Key()
    bench.place.publish(manifest(keys=[thief.public], version="0.1.0"), bench.key, thief)
    assert await bench.fails() is Reason.OLDER
    assert bench.updater.shelf.read().keys == ()


async def test_what_is_remembered_and_cannot_be_read_is_begun_anew(bench: Bench):
    await bench.updater.check()
    (bench.data / "update" / "state.json").write_text("{")
    assert bench.updater.view("notify").offered == ""
    assert isinstance(await bench.updater.check(), Offer)


async def test_a_remembered_manifest_is_verified_again_whenever_it_is_used(bench: Bench):
    await bench.updater.check()
    state = json.loads((bench.data / "update" / "state.json").read_text())
    forged = signed(manifest(version="9.9.9"), Key()).decode()
    (bench.data / "update" / "state.json").write_text(json.dumps({**state, "manifest": forged}))
    assert bench.updater.view("notify").offered == ""
    assert await bench.fails("download") is Reason.NOT_SIGNED


async def test_only_one_is_at_work(bench: Bench):
    await bench.updater.check()
    with exclusive_lock(private_folder(bench.data / "update") / "lock"):
        assert await bench.fails("check") is Reason.BUSY
        assert await bench.fails("download") is Reason.BUSY


async def test_where_no_file_is_for_here_nothing_is_fetched(bench: Bench):
    bench.here = Installed(None, "linux-x64", Path("python"))
    await bench.updater.check()
    view = bench.updater.view("notify")
    assert (view.offered, view.kind, view.command, view.itself) == ("9.0.0", "source", "", False)
    assert await bench.fails("download") is Reason.NOT_FOR_HERE


async def test_a_version_is_told_once(bench: Bench):
    assert bench.updater.told("9.0.0")
    assert not bench.updater.told("9.0.0")
    assert bench.updater.told("9.0.1")


async def test_a_file_of_an_earlier_version_makes_room_for_the_newer_one(bench: Bench):
    await bench.updater.check()
    await bench.updater.download()
    bench.place.publish(manifest(version="9.0.1"), bench.key)
    await bench.updater.check()
    await bench.updater.download()
    assert bench.names() == {"Flowork-9.0.1-setup.exe"}


# -- fetching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["ftp://localhost/x", "file:///etc/passwd", "http://localhost:1/x", "https://[", "", "//127.0.0.1:1/"])
async def test_a_redirect_to_where_nothing_may_come_from_is_not_followed(bench: Bench, where: str):
    bench.place.files[f"/{MANIFEST_NAME}"] = elsewhere(where)
    assert await bench.fails() is Reason.UNREACHABLE
    assert set(bench.place.paths()) == {f"/{MANIFEST_NAME}"}


async def test_a_redirect_to_a_server_that_may_not_be_asked_is_not_followed(bench: Bench):
    with site(None) as other:
        other.publish(manifest(), bench.key)
        bench.place.files[f"/{MANIFEST_NAME}"] = elsewhere(other.manifest_url)
        assert await bench.fails() is Reason.UNREACHABLE
        assert other.paths() == []


async def test_redirects_are_followed_but_not_for_ever(bench: Bench):
    bench.place.files["/1"] = bench.place.files[f"/{MANIFEST_NAME}"]
    bench.place.files[f"/{MANIFEST_NAME}"] = elsewhere("/1")
    assert isinstance(await bench.updater.check(), Offer)
    bench.place.files["/1"] = elsewhere("/1")
    bench.place.asked.clear()
    assert await bench.fails() is Reason.UNREACHABLE
    assert len(bench.place.asked) == REDIRECTS + 1


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 500, 503])
async def test_only_an_answer_of_200_is_one(bench: Bench, status: int):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    bench.place.files[f"/{MANIFEST_NAME}"] = answer
    assert await bench.fails() is Reason.UNREACHABLE


async def test_what_is_compressed_is_not_unpacked(bench: Bench):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()

    bench.place.files[f"/{MANIFEST_NAME}"] = answer
    assert await bench.fails() is Reason.UNREACHABLE


async def test_a_place_that_is_not_there_is_told(bench: Bench):
    bench.place.url = "http://127.0.0.1:1"
    bench.allowed = lambda _: True
    assert await bench.fails() is Reason.UNREACHABLE


async def half(bench: Bench) -> int:
    """Some of the file has come; how much."""
    await bench.updater.check()
    bench.place.files["/new.exe"] = cut(NEW, 300_000)
    assert await bench.fails("download") is Reason.INTERRUPTED
    (part,) = (bench.data / "update").glob(".*.part")
    # How much of the last bytes is read before the end of the connection is a matter of luck: settle it.
    with part.open("r+b") as file:
        file.truncate(0)
        file.write(NEW[:100_000])
    return 100_000


async def test_a_server_that_cannot_go_on_in_the_middle_sends_all_of_it(bench: Bench):
    await half(bench)
    bench.place.files["/new.exe"], bench.place.ranges = NEW, False
    assert (await bench.updater.download()).read_bytes() == NEW


@pytest.mark.parametrize("told", ["bytes 0-767999/768000", "", "bytes 1000000-2/3", "none"])
async def test_a_server_that_goes_on_elsewhere_is_not_believed(bench: Bench, told: str):
    await half(bench)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", told)
        handler.end_headers()

    bench.place.files["/new.exe"] = answer
    assert await bench.fails("download") is Reason.UNREACHABLE
    assert not (bench.data / "update" / "Flowork-9.0.0-setup.exe").exists()


async def test_a_part_that_is_a_link_is_not_written_through(bench: Bench, tmp_path: Path):
    await half(bench)
    (part,) = (bench.data / "update").glob(".*.part")
    part.unlink()
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    part.symlink_to(victim)
    bench.place.files["/new.exe"] = NEW
    assert (await bench.updater.download()).read_bytes() == NEW
    assert victim.read_bytes() == b"mine"


async def test_a_part_with_a_second_name_elsewhere_is_not_written_through(bench: Bench, tmp_path: Path):
    await half(bench)
    (part,) = (bench.data / "update").glob(".*.part")
    os.link(part, tmp_path / "victim")
    before = (tmp_path / "victim").read_bytes()
    bench.place.files["/new.exe"] = NEW
    assert (await bench.updater.download()).read_bytes() == NEW
    assert (tmp_path / "victim").read_bytes() == before


async def test_a_size_that_is_announced_and_wrong_ends_it_before_anything_comes(bench: Bench):
    await bench.updater.check()
    bench.place.files["/new.exe"] = NEW + b"!"
    assert await bench.fails("download") is Reason.OTHER_SIZE
    assert bench.names() == set()

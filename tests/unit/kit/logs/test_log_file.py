"""`kit.logs.file`: lines in a file of their owner's, put aside by size; a disk that fails costs lines, nothing else."""

import errno
import os
import stat
from pathlib import Path

import pytest

from kit.logs import file as module
from kit.logs.file import LOOK_AGAIN_S, LogFile


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """A file in a folder, with a clock and an ear for failures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = Time()
        self.failures: list[OSError] = []

    def file(self, max_bytes: int = 10_000, files: int = 3) -> LogFile:
        return LogFile(self.folder, "flowork", max_bytes, files, self.failures.append, self.time)

    def text(self, name: str = "flowork.log") -> str:
        return (self.folder / name).read_text()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.suffix != ".lock")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "logs")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_file_and_folder_are_their_owners_alone(disk: Disk):
    disk.folder.mkdir(mode=0o755)
    (disk.folder / "flowork.log").write_text("old\n")
    (disk.folder / "flowork.log").chmod(0o644)
    disk.file().write(["new"])
    assert stat.S_IMODE(disk.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((disk.folder / "flowork.log").stat().st_mode) == 0o600
    assert disk.text() == "old\nnew\n"


def test_no_file_grows_beyond_its_size_and_the_oldest_goes(disk: Disk):
    file = disk.file(max_bytes=50, files=3)
    for number in range(20):
        assert file.write([f"{number:09d}", f"{number:09d}"]) == 2
    assert disk.names() == ["flowork.log", "flowork.log.1", "flowork.log.2"]
    assert all(len(disk.text(name)) <= 50 for name in disk.names())
    kept = disk.text("flowork.log.2") + disk.text("flowork.log.1") + disk.text()
    assert kept.splitlines() == [f"{number:09d}" for number in range(20) for _ in range(2)][-len(kept.splitlines()) :]


def test_one_file_is_begun_anew_where_no_other_is_kept(disk: Disk):
    file = disk.file(max_bytes=30, files=1)
    file.write(["a" * 20])
    file.write(["b" * 20])
    assert (disk.names(), disk.text()) == (["flowork.log"], "b" * 20 + "\n")


def test_a_large_batch_is_spread_over_files(disk: Disk):
    assert disk.file(max_bytes=100, files=50).write(["x" * 9] * 100) == 100
    assert sum(len(disk.text(name)) for name in disk.names()) == 1000


def test_a_line_longer_than_a_file_is_kept(disk: Disk):
    file = disk.file(max_bytes=10)
    assert file.write(["a", "b" * 50, "c"]) == 3
    assert disk.text("flowork.log.1") == "b" * 50 + "\n"


def test_half_a_line_of_whoever_died_is_ended(disk: Disk):
    disk.folder.mkdir()
    (disk.folder / "flowork.log").write_text('{"half')
    disk.file().write(["whole"])
    assert disk.text() == '{"half\nwhole\n'


def test_a_full_disk_is_told_once_and_tried_again_later(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    file = disk.file()
    assert file.write(["before"]) == 1

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", full)
        assert file.write(["lost"]) == 0
        disk.time.now += LOOK_AGAIN_S
        assert file.write(["lost"]) == 0
    assert [failure.errno for failure in disk.failures] == [errno.ENOSPC]
    assert file.write(["too early"]) == 0
    disk.time.now += LOOK_AGAIN_S
    assert file.write(["after"]) == 1
    assert disk.text() == "before\nafter\n"


def test_a_folder_that_vanished_is_made_again(disk: Disk):
    file = disk.file()
    file.write(["gone"])
    for path in disk.folder.iterdir():
        path.unlink()
    disk.folder.rmdir()
    disk.time.now += LOOK_AGAIN_S
    assert file.write(["there"]) == 1
    assert disk.text() == "there\n"


def test_a_folder_that_cannot_be_made_costs_lines_only(tmp_path: Path):
    (tmp_path / "logs").write_text("a file")
    disk = Disk(tmp_path / "logs")
    assert disk.file().write(["lost"]) == 0
    assert len(disk.failures) == 1


@pytest.mark.skipif(os.name == "nt", reason="O_NOFOLLOW")
def test_no_link_is_followed_out_of_the_folder(disk: Disk, tmp_path: Path):
    disk.folder.mkdir()
    (disk.folder / "flowork.log").symlink_to(tmp_path / "elsewhere")
    assert disk.file().write(["x"]) == 0
    assert not (tmp_path / "elsewhere").exists()


def test_two_processes_never_write_one_file_and_the_second_takes_the_name_that_falls_free(disk: Disk):
    first, second = disk.file(), disk.file()
    first.write(["first"])
    second.write(["second"])
    assert (disk.text(), disk.text("flowork-2.log")) == ("first\n", "second\n")
    first.close()
    disk.time.now += LOOK_AGAIN_S
    second.write(["alone"])
    assert (disk.text(), disk.text("flowork-2.log")) == ("first\nalone\n", "second\n")


def test_a_file_that_cannot_be_put_aside_goes_on(disk: Disk, monkeypatch: pytest.MonkeyPatch):
    file = disk.file(max_bytes=20)
    file.write(["a" * 15])

    def held(*_: object) -> None:
        raise PermissionError  # as Windows does while another program has it open

    monkeypatch.setattr(module.Path, "replace", held)
    assert file.write(["b" * 15]) == 1
    assert disk.text() == "a" * 15 + "\n" + "b" * 15 + "\n"
    assert disk.failures == []

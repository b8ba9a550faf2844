"""`kit.files`: nobody else reads a private file, none is ever half written, and a lock has one holder."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kit import files
from kit.files import Locked, exclusive_lock, private_folder, write_private

HOLD = """
import sys
from pathlib import Path
from kit.files import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
import sys
from pathlib import Path
from kit.files import Locked, exclusive_lock
try:
    with exclusive_lock(Path(sys.argv[1])):
        print("held")
except Locked:
    print("locked")
"""
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes are a POSIX matter")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@POSIX
class TestPrivateFolder:
    @pytest.mark.usefixtures("no_umask")
    def test_only_its_owner_enters_it_whatever_the_umask(self, tmp_path: Path):
        assert mode(private_folder(tmp_path / "data")) == 0o700

    def test_missing_parents_are_made(self, tmp_path: Path):
        folder = private_folder(tmp_path / "a" / "b" / "c")
        assert folder == tmp_path / "a" / "b" / "c"
        assert mode(folder) == 0o700

    def test_a_folder_that_stood_open_is_closed(self, tmp_path: Path):
        (tmp_path / "data").mkdir(mode=0o755)
        (tmp_path / "data" / "kept").write_text("x")
        assert mode(private_folder(tmp_path / "data")) == 0o700
        assert (tmp_path / "data" / "kept").read_text() == "x"

    def test_a_file_in_its_place_is_an_error_and_stays(self, tmp_path: Path):
        (tmp_path / "data").write_text("x")
        with pytest.raises(FileExistsError):
            private_folder(tmp_path / "data")
        assert (tmp_path / "data").read_text() == "x"


class TestWritePrivate:
    @POSIX
    @pytest.mark.usefixtures("no_umask")
    def test_only_its_owner_reads_it_whatever_the_umask(self, tmp_path: Path):
        write_private(tmp_path / "key", b"secret")
        assert mode(tmp_path / "key") == 0o600
        assert (tmp_path / "key").read_bytes() == b"secret"

    @POSIX
    def test_replacing_a_file_that_stood_open_closes_it(self, tmp_path: Path):
        (tmp_path / "key").write_bytes(b"a longer old text")
        (tmp_path / "key").chmod(0o644)
        write_private(tmp_path / "key", b"new")
        assert (mode(tmp_path / "key"), (tmp_path / "key").read_bytes()) == (0o600, b"new")

    @POSIX
    def test_a_link_in_its_place_is_replaced_and_not_written_through(self, tmp_path: Path):
        (tmp_path / "elsewhere").write_bytes(b"old")
        (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
        write_private(tmp_path / "key", b"new")
        assert not (tmp_path / "key").is_symlink()
        assert (tmp_path / "elsewhere").read_bytes() == b"old"

    @POSIX
    def test_a_planted_link_does_not_lead_the_write_astray(self, tmp_path: Path):
        (tmp_path / "elsewhere").write_bytes(b"old")
        (tmp_path / f".key.{os.getpid()}.tmp").symlink_to(tmp_path / "elsewhere")
        write_private(tmp_path / "key", b"new")
        assert (tmp_path / "elsewhere").read_bytes() == b"old"
        assert not (tmp_path / "key").is_symlink()

    @POSIX
    def test_a_scratch_file_left_open_by_a_crash_does_not_open_the_new_one(self, tmp_path: Path):
        left = tmp_path / f".key.{os.getpid()}.tmp"
        left.write_bytes(b"half")
        left.chmod(0o644)
        write_private(tmp_path / "key", b"new")
        assert mode(tmp_path / "key") == 0o600

    def test_nothing_but_the_file_is_left_behind(self, tmp_path: Path):
        write_private(tmp_path / "key", b"1")
        write_private(tmp_path / "key", b"2")
        assert [path.name for path in tmp_path.iterdir()] == ["key"]

    @pytest.mark.parametrize("data", [b"", b"\0", b"\r\n", bytes(range(256)) * 4096])
    def test_every_byte_arrives_unchanged(self, tmp_path: Path, data: bytes):
        write_private(tmp_path / "key", data)
        assert (tmp_path / "key").read_bytes() == data

    @pytest.mark.parametrize("failing", ["fsync", "replace"])
    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
    def test_a_write_that_fails_leaves_the_old_file_and_no_scratch(self, tmp_path: Path, monkeypatch, failing: str, error: BaseException):
        def fail(*_arguments: object) -> None:
            raise error

        write_private(tmp_path / "key", b"old")
        monkeypatch.setattr(*((files.os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
        with pytest.raises(type(error)):
            write_private(tmp_path / "key", b"new")
        monkeypatch.undo()
        assert [path.name for path in tmp_path.iterdir()] == ["key"]
        assert (tmp_path / "key").read_bytes() == b"old"

    def test_a_first_write_that_fails_leaves_nothing(self, tmp_path: Path, monkeypatch):
        monkeypatch.setattr(files.os, "fsync", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_private(tmp_path / "key", b"new")
        monkeypatch.undo()
        assert list(tmp_path.iterdir()) == []

    def test_bytes_are_on_the_disk_before_the_name_shows_them_and_the_name_before_it_returns(self, tmp_path: Path, monkeypatch):
        acts: list[str] = []
        replace = Path.replace
        monkeypatch.setattr(files.os, "fsync", lambda fd: acts.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"))
        monkeypatch.setattr(Path, "replace", lambda source, target: (acts.append("name"), replace(source, target))[1])
        write_private(tmp_path / "key", b"1")
        assert acts == (["file", "name"] if sys.platform == "win32" else ["file", "name", "folder"])


class TestExclusiveLock:
    def test_a_second_caller_in_this_process_is_kept_out(self, tmp_path: Path):
        with exclusive_lock(tmp_path / "lock"):
            with pytest.raises(Locked):
                with exclusive_lock(tmp_path / "lock"):
                    pytest.fail("two hold it")

    def test_a_refused_caller_does_not_free_the_lock(self, tmp_path: Path):
        with exclusive_lock(tmp_path / "lock"):
            for _ in range(2):
                with pytest.raises(Locked):
                    with exclusive_lock(tmp_path / "lock"):
                        pytest.fail("two hold it")

    def test_it_is_free_after_the_block_and_after_an_error_in_it(self, tmp_path: Path):
        with exclusive_lock(tmp_path / "lock"):
            pass
        with pytest.raises(ZeroDivisionError):
            with exclusive_lock(tmp_path / "lock"):
                raise ZeroDivisionError
        with exclusive_lock(tmp_path / "lock"):
            pass

    def test_its_file_stays_or_a_waiter_could_lock_a_deleted_one(self, tmp_path: Path):
        with exclusive_lock(tmp_path / "lock"):
            inode = (tmp_path / "lock").stat().st_ino
        assert (tmp_path / "lock").stat().st_ino == inode

    @POSIX
    @pytest.mark.usefixtures("no_umask")
    def test_its_file_is_private(self, tmp_path: Path):
        with exclusive_lock(tmp_path / "lock"):
            assert mode(tmp_path / "lock") == 0o600

    def test_two_files_are_two_locks(self, tmp_path: Path):
        with exclusive_lock(tmp_path / "a"), exclusive_lock(tmp_path / "b"):
            pass

    @POSIX
    def test_a_link_in_its_place_is_not_followed(self, tmp_path: Path):
        (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError):
            with exclusive_lock(tmp_path / "lock"):
                pytest.fail("followed")
        assert not (tmp_path / "elsewhere").exists()

    def test_another_process_is_kept_out(self, tmp_path: Path):
        with exclusive_lock(tmp_path / "lock"):
            other = subprocess.run([sys.executable, "-c", TRY, str(tmp_path / "lock")], capture_output=True, text=True, check=True)
            assert other.stdout == "locked\n"
        other = subprocess.run([sys.executable, "-c", TRY, str(tmp_path / "lock")], capture_output=True, text=True, check=True)
        assert other.stdout == "held\n"

    def test_another_process_keeps_us_out_until_it_is_killed(self, tmp_path: Path):
        with holder(tmp_path / "lock") as process:
            with pytest.raises(Locked):
                with exclusive_lock(tmp_path / "lock"):
                    pytest.fail("two hold it")
            process.kill()
        with exclusive_lock(tmp_path / "lock"):
            pass

    def test_a_child_does_not_inherit_the_lock_and_keep_it_after_us(self, tmp_path: Path):
        wait = [sys.executable, "-c", "print('up', flush=True); input()"]
        with exclusive_lock(tmp_path / "lock"):
            child = subprocess.Popen(wait, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"up\n"
            with exclusive_lock(tmp_path / "lock"):
                pass
            child.kill()

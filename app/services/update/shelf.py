"""`<data>/update/`: what is known of updates, and the file that was fetched. Nobody but its owner gets in (0700)."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.rules.update import SPARE, Reason
from app.services.update.failure import UpdateFailed
from contract.update import KEYS_MAX, KeyText, UpdateFile
from kit.files import Locked, exclusive_lock, private_folder, write_private
from kit.logs import Log

log = Log("update")
STATE: Final = "state.json"
LOCK: Final = "lock"
READ: Final = 1024 * 1024
FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Kept(BaseModel):
    """What is remembered, written whole or not at all."""

    model_config = ConfigDict(frozen=True)

    version: str = "0.0.0"
    """Of the newest manifest that was ever accepted."""
    released: int = 0
    """When that one was signed; microseconds since the epoch."""
    manifest: str = ""
    """Its envelope: it is verified anew whenever something is done because of it."""
    keys: Annotated[tuple[KeyText, ...], Field(max_length=KEYS_MAX)] = ()
    """That took the place of the built-in ones; empty while those hold."""
    instead_of: str = ""
    """The fingerprint of the built-in keys whose place they took: a build with others is newer than the change."""
    tried: int | None = None
    """When it was looked last."""
    failed: Reason | None = None
    """Why that look found nothing to believe."""
    told: str = ""
    """The version that the person was told of."""


class Shelf:
    """One data folder's."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "update"

    @property
    def folder(self) -> Path:
        """Where it is; made when something is written."""
        return self._folder

    def read(self) -> Kept:
        """What is remembered; nothing, when nothing is there."""
        try:
            return Kept.model_validate_json((self._folder / STATE).read_bytes())
        except FileNotFoundError:
            return Kept()
        except (OSError, ValidationError) as error:
            log.warning("update.state_unreadable", reason=type(error).__name__)
            return Kept()

    def write(self, kept: Kept) -> None:
        """Remember.

        Raises:
            UpdateFailed.
        """
        with _written():
            write_private(private_folder(self._folder) / STATE, kept.model_dump_json().encode())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else of this data folder be at work on an update.

        Raises:
            UpdateFailed.
        """
        try:
            with _written():
                folder = private_folder(self._folder)
            with exclusive_lock(folder / LOCK):
                yield
        except Locked as error:
            raise UpdateFailed(Reason.BUSY) from error

    def sweep(self, *kept: str) -> None:
        """Remove whatever does not belong here: a setup looks for its parts beside itself."""
        for path in sorted(self._folder.iterdir()):
            if path.name not in {STATE, LOCK, *kept}:
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def holds(self, name: str, wanted: UpdateFile) -> bool:
        """Whether the file is there, and is the one that was signed: read to its end, now."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | NO_LINK)
        except OSError:
            return False
        with os.fdopen(descriptor, "rb") as file:
            return _ours(file) and os.fstat(descriptor).st_size == wanted.size and _digest(file).hexdigest() == wanted.sha256

    def begin(self, name: str, wanted: UpdateFile) -> "Part":
        """Go on with what came of this file before, or begin it.

        Raises:
            UpdateFailed: there is no room.
        """
        path = self._folder / part_name(wanted)
        self.sweep(path.name)
        with _written():
            part = Part(path, self._folder / name, _opened(path), wanted)
            if shutil.disk_usage(self._folder).free < wanted.size - part.length + SPARE:
                part.close() if part.length else part.throw_away()
                raise UpdateFailed(Reason.DISK_FULL)
        return part


class Part:
    """A file that is on its way; blocks, so call it on another thread."""

    def __init__(self, path: Path, final: Path, file: BinaryIO, wanted: UpdateFile) -> None:
        self._path, self._final, self._file, self._wanted = path, final, file, wanted
        self._hash = _digest(file)
        self.length = file.tell()
        if self.length >= wanted.size:  # whole, and not the one: else it would have its final name
            self.begin_again()

    def begin_again(self) -> None:
        """Nothing of it has come."""
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self.length = 0

    def write(self, piece: bytes) -> None:
        """The next bytes of it.

        Raises:
            UpdateFailed: there are more than there should be, or there is no room.
        """
        if self.length + len(piece) > self._wanted.size:
            raise UpdateFailed(Reason.OTHER_SIZE)
        with _written():
            self._file.write(piece)
        self._hash.update(piece)
        self.length += len(piece)

    def finish(self) -> Path:
        """Give it its name, if it is the one that was signed.

        Raises:
            UpdateFailed.
        """
        if self.length != self._wanted.size:
            raise UpdateFailed(Reason.OTHER_SIZE)
        if self._hash.hexdigest() != self._wanted.sha256:
            raise UpdateFailed(Reason.OTHER_CONTENT)
        with _written():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._path.replace(self._final)
        return self._final

    def close(self) -> None:
        """Keep what has come, for the next try."""
        with suppress(OSError):  # what could not be written is not there
            self._file.close()

    def throw_away(self) -> None:
        """It is not worth keeping."""
        self.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def part_name(wanted: UpdateFile) -> str:
    """Of another content there is another part: what belongs to different files is never put together."""
    return f".{wanted.sha256[:32]}.part"


def _opened(path: Path) -> BinaryIO:
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | NO_LINK), "r+b")
    except OSError:  # not there, or a link
        path.unlink(missing_ok=True)
    else:
        if _ours(file):
            return file
        file.close()
        path.unlink()
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK, 0o600), "r+b")


def _ours(file: BinaryIO) -> bool:
    """A plain file that has no second name elsewhere."""
    told = os.fstat(file.fileno())
    return stat.S_ISREG(told.st_mode) and told.st_nlink == 1


def _digest(file: BinaryIO) -> "hashlib._Hash":
    made = hashlib.sha256()
    while piece := file.read(READ):
        made.update(piece)
    return made


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise UpdateFailed(Reason.DISK_FULL) from error
        log.warning("update.not_written", reason=error.strerror or type(error).__name__)
        raise UpdateFailed(Reason.NOT_WRITTEN) from error

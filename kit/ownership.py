"""Is a folder, with everything in it, its owner's alone? Looked at before anything in it is believed."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

OTHERS = 0o077
OTHERS_WRITE = 0o022


class NotOurs(Exception):
    """Others could have changed what is in the folder; the message names what and the command that mends it."""


class Judgement(StrEnum):
    """What is to be done about one file or folder."""

    FINE = "fine"
    TIGHTEN = "tighten"
    """Others can look in, which we may end ourselves: what they could not write, they have not changed."""
    LINK = "link"
    FOREIGN = "foreign"
    WRITABLE = "writable"


@dataclass(frozen=True, slots=True)
class Found:
    """What `lstat` says of one file or folder."""

    path: Path
    uid: int
    mode: int


def judge(found: Found, uid: int) -> Judgement:
    """Judge one file or folder that should belong to `uid` alone."""
    if stat.S_ISLNK(found.mode):
        return Judgement.LINK
    if found.uid != uid:
        return Judgement.FOREIGN
    if found.mode & OTHERS_WRITE:
        return Judgement.WRITABLE
    return Judgement.TIGHTEN if found.mode & OTHERS else Judgement.FINE


def make_ours(folder: Path) -> list[Path]:
    """Refuse a folder that others could have changed; close one that they could only look into; make one that is not there.

    Returns:
        What had to be closed.

    Raises:
        NotOurs.
    """
    try:
        if not folder.is_symlink():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NotOurs(f"{folder} cannot be the data folder ({error.strerror}). Name another one with --data.") from error
    if sys.platform == "win32":  # pragma: no cover
        from kit import windows_acl

        reason = windows_acl.judge(windows_acl.sddl_of(folder), windows_acl.my_sid())
        if reason is not None:
            raise NotOurs(windows_acl.advice(folder, reason))
        return []
    return _closed(folder, os.geteuid())


def look(folder: Path) -> list[str]:
    """What `make_ours` would refuse or close, in words; changes nothing. Empty when the folder is its owner's alone."""
    if sys.platform == "win32":  # pragma: no cover
        from kit import windows_acl

        reason = windows_acl.judge(windows_acl.sddl_of(folder), windows_acl.my_sid())
        return [] if reason is None else [windows_acl.advice(folder, reason)]
    judged = [(found, judge(found, os.geteuid())) for found in _walk(folder)]
    return [_advice(folder, found, judgement) for found, judgement in judged if judgement is not Judgement.FINE]


def _closed(folder: Path, uid: int) -> list[Path]:
    tightened = []
    for found in _walk(folder):
        judgement = judge(found, uid)
        if judgement is Judgement.TIGHTEN:
            found.path.chmod(stat.S_IMODE(found.mode) & ~OTHERS)
            tightened.append(found.path)
        elif judgement is not Judgement.FINE:
            raise NotOurs(_advice(folder, found, judgement))
    return tightened


def _walk(folder: Path) -> Iterator[Found]:
    """The folder first: nothing in it is looked at before it is known to be ours."""
    told = os.lstat(folder)
    yield Found(folder, told.st_uid, told.st_mode)
    if stat.S_ISDIR(told.st_mode):
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                with suppress(FileNotFoundError):  # another Flowork may run on it, and its logs come and go
                    yield from _walk(Path(entry.path))


def _advice(folder: Path, found: Found, judgement: Judgement) -> str:
    match judgement:
        case Judgement.TIGHTEN:
            return f"Others can look into {found.path}.\n  The next start closes it."
        case Judgement.LINK if found.path == folder:
            return f"{folder} is a symbolic link, which others may turn. Name the folder itself: --data {folder.resolve()}"
        case Judgement.LINK:
            return (
                f"{found.path} is a symbolic link; nothing in the data folder may lead out of it. Remove it, or put the file itself there."
            )
        case Judgement.FOREIGN:
            return (
                f"{found.path} belongs to another user (uid {found.uid}).\n  If it should be yours:  sudo chown -R \"$(id -un)\" '{folder}'"
            )
        case _:
            return (
                f"Others can change {found.path} (mode {stat.S_IMODE(found.mode):04o}).\n"
                f"  If you trust what is in it:  chmod -R go= '{folder}'"
            )

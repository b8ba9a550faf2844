"""What is to be thought of a manifest, and when to look for one: decisions over values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urljoin

from contract.update import PRODUCT, Kind, Manifest, UpdateFile, version_of
from kit.clock import SECOND

CLOCKS_DIFFER_S: Final = 24 * 3600
"""A manifest that is signed further in the future than this says that one of both clocks is wrong."""
DAY_S: Final = 24 * 3600.0
SPREAD_S: Final = 2 * 3600.0
"""Programs that were started together do not look together for ever."""
SETTLES_S: Final = 300.0
"""A program that has just started has other things to do."""
AGAIN_S: Final = 3600.0
"""After a look that failed."""
SPARE: Final = 64 * 1024**2
"""Bytes that a download leaves free: the queues live on that disk too."""


class Reason(StrEnum):
    """Why there is no update, or none yet."""

    NO_KEYS = "no_keys"
    UNREACHABLE = "unreachable"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NOT_SIGNED = "not_signed"
    NEW_KEY_UNPROVEN = "new_key_unproven"
    OTHER_PRODUCT = "other_product"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    OLDER = "older"
    NO_RELEASE = "no_release"
    NOT_FOR_HERE = "not_for_here"
    NOTHING_FOUND = "nothing_found"
    INTERRUPTED = "interrupted"
    OTHER_SIZE = "other_size"
    OTHER_CONTENT = "other_content"
    DISK_FULL = "disk_full"
    NOT_WRITTEN = "not_written"
    BUSY = "busy"
    NOT_STARTED = "not_started"


TITLES: Final[Mapping[bool, str]] = {True: "The update was refused", False: "No update was fetched"}
"""By whether somebody may have tampered."""
REASONS: Final[Mapping[Reason, str]] = {
    Reason.NO_KEYS: "This build holds no release keys: it cannot tell a real update from another. Get new versions where this one is from.",
    Reason.UNREACHABLE: "The place of the updates did not answer as it should. Look at your network, then try again.",
    Reason.TOO_LARGE: "What was sent is larger than it may be. Nothing of it was used.",
    Reason.MALFORMED: "What was sent is no manifest of updates. Nothing of it was used.",
    Reason.NOT_SIGNED: "No key that this Flowork trusts has signed it. Nothing of it was used.",
    Reason.NEW_KEY_UNPROVEN: "It names new keys, and none of them has signed it. Nothing of it was used.",
    Reason.OTHER_PRODUCT: "It is signed, but for another program. Nothing of it was used.",
    Reason.NOT_YET: "It was signed in the future: look at this machine's clock.",
    Reason.EXPIRED: "It has expired: somebody may hold newer ones back. If it stays so, look at the project's page.",
    Reason.OLDER: "It is older than what is known already. Nothing of it was used.",
    Reason.NO_RELEASE: "This Flowork is no release, so versions cannot be compared.",
    Reason.NOT_FOR_HERE: "It holds no file for this system and this way of installing.",
    Reason.NOTHING_FOUND: "There is nothing newer, as far as is known. Check first.",
    Reason.INTERRUPTED: "The connection ended before the file did. What has come is kept; the next try goes on from there.",
    Reason.OTHER_SIZE: "The file does not have the size that was signed. It was thrown away.",
    Reason.OTHER_CONTENT: "The file is not the one that was signed. It was thrown away.",
    Reason.DISK_FULL: "There is not enough room on the disk. Free some, then try again.",
    Reason.NOT_WRITTEN: "The file could not be written into the data folder. The log says why.",
    Reason.BUSY: "Another Flowork is at work on an update of this data folder.",
    Reason.NOT_STARTED: "The setup could not be started. Flowork goes on as it was.",
}
"""What it means and what to do, for a person."""
TAMPERED: Final = frozenset(
    {
        Reason.TOO_LARGE,
        Reason.MALFORMED,
        Reason.NOT_SIGNED,
        Reason.NEW_KEY_UNPROVEN,
        Reason.OTHER_PRODUCT,
        Reason.EXPIRED,
        Reason.OLDER,
        Reason.NOT_FOR_HERE,
        Reason.OTHER_SIZE,
        Reason.OTHER_CONTENT,
    }
)
"""What is refused, rather than merely not there."""


@dataclass(frozen=True, slots=True)
class Place:
    """What runs here."""

    version: str
    platform: str
    kind: Kind | None
    """None: a package of Python, or a working copy; there is no file for those."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest manifest that was ever accepted here."""

    version: str = "0.0.0"
    released: int = 0
    """Microseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Offer:
    """There is something newer."""

    version: str
    file: UpdateFile | None
    """None where there is no file for this way of installing."""
    notes_url: str | None


@dataclass(frozen=True, slots=True)
class Current:
    """This is the newest version."""

    version: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of the manifest counts."""

    reason: Reason


def decide(manifest: Manifest, place: Place, seen: Seen, now: int) -> Offer | Current | Refused:
    """Judge a manifest whose signature was verified.

    Args:
        manifest: as it was signed.
        place: what runs here.
        seen: the newest one that was ever accepted here; going back behind it is refused, whoever signed it.
        now: microseconds since the epoch.

    Returns:
        `Refused` with the first reason that holds, else `Current` or `Offer`.
    """
    if manifest.product != PRODUCT:
        return Refused(Reason.OTHER_PRODUCT)
    if manifest.released > now + CLOCKS_DIFFER_S * SECOND:
        return Refused(Reason.NOT_YET)
    if manifest.expires <= now:
        return Refused(Reason.EXPIRED)
    try:
        installed = version_of(place.version)
    except ValueError:
        return Refused(Reason.NO_RELEASE)
    offered = version_of(manifest.version)
    if offered < max(installed, version_of(seen.version)) or manifest.released < seen.released:
        return Refused(Reason.OLDER)
    if offered == installed:
        return Current(manifest.version)
    file = next((each for each in manifest.files if (each.platform, each.kind) == (place.platform, place.kind)), None)
    if file is None and place.kind is not None:
        return Refused(Reason.NOT_FOR_HERE)
    return Offer(manifest.version, file, manifest.notes_url)


def address_of(manifest_url: str, name: str) -> str:
    """Where a file lies: beside its manifest. `name` is a plain name (contract/update.py)."""
    return urljoin(manifest_url, name)


def next_look(started: int, tried: int | None, *, failed: bool, uniform: float) -> int:
    """When to look for a new version next; ask again after each look.

    Args:
        started: when this program began, in microseconds since the epoch.
        tried: when it was looked last, by whichever program of this data folder; None for never.
        failed: whether that look failed.
        uniform: 0..1, drawn once for this look.
    """
    settled = started + round((1 + uniform) * SETTLES_S * SECOND)
    if tried is None:
        return settled
    wait_s = AGAIN_S * (1 + uniform) if failed else DAY_S + SPREAD_S * uniform
    return max(settled, tried + round(wait_s * SECOND))


@dataclass(frozen=True, slots=True)
class View:
    """How it is about updates, for a person."""

    version: str
    """That runs."""
    platform: str
    kind: str
    """How it is installed: a `Kind`, or `source`."""
    mode: str
    url: str
    checkable: bool
    """This build holds keys, so it can tell a real update from another."""
    tried: int | None = None
    """When it was looked last; microseconds since the epoch."""
    failed: Reason | None = None
    """Why that look found nothing to believe."""
    offered: str = ""
    """The newer version that is known; empty for none."""
    notes_url: str | None = None
    fetched: str = ""
    """Where its file lies, whole and verified; empty while it does not."""
    command: str = ""
    """What a person runs with that file; empty where there is no such thing."""
    itself: bool = False
    """Flowork replaces itself once somebody agrees."""


NAMES: Final[Mapping[Kind, str]] = {
    Kind.SETUP: "Flowork-{version}-setup.exe",
    Kind.DEB: "flowork_{version}.deb",
    Kind.RUN: "flowork-{version}.run",
    Kind.APPIMAGE: "Flowork-{version}.AppImage",
    Kind.DMG: "Flowork-{version}.dmg",
}
"""What a fetched file is called here: names of ours, whatever the manifest calls it."""


def by_hand(kind: Kind | None, file: str, program: str) -> str:
    """The command that replaces what is installed; empty where there is none. `file` is what was fetched, `program` what runs now."""
    quoted = _quoted(file)
    match kind:
        case Kind.DEB:
            return f"sudo apt install {quoted}"
        case Kind.RUN:
            return f"sh {quoted}"
        case Kind.APPIMAGE:
            return f"install -m 755 {quoted} {_quoted(program)}"
        case Kind.DMG:
            return f"open {quoted}"
        case _:
            return ""


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"


def installs_itself(kind: Kind | None) -> bool:
    """Whether Flowork may replace itself here, once somebody has agreed. Elsewhere a package manager or a person does."""
    return kind is Kind.SETUP

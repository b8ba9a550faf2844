"""What a release says of itself: a manifest (JSON) in a DSSE v1 envelope, signed with Ed25519 (docs/adr/0027-updates.md).

Anyone may have written the bytes that are parsed here. Nothing in a manifest counts before `app/crypto/release_keys.py` has verified
its envelope; it is parsed after that, and as strictly as if it had not been.
"""

import base64
import binascii
import re
from enum import StrEnum
from typing import Annotated, Final, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from contract.wire import Timestamp
from kit import strict_json
from kit.clock import from_rfc3339
from kit.strict_json import JsonRefused

PRODUCT: Final = "flowork"
PAYLOAD_TYPE: Final = "application/vnd.flowork.update+json"
ENVELOPE_MAX: Final = 128 * 1024
"""Bytes of an envelope; a real one has about 3,000."""
FILE_MAX: Final = 2 * 1024**3
"""Bytes of a file that is offered."""
FILES_MAX: Final = 64
KEYS_MAX: Final = 8
SIGNATURES_MAX: Final = 8
DEPTH_MAX: Final = 4
NODES_MAX: Final = 1000
RESERVED: Final = re.compile(r"(?i)^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
"""Names that Windows takes for devices, whatever follows their dot."""


class Kind(StrEnum):
    """How Flowork is installed, and by what it is replaced."""

    SETUP = "setup"
    """The setup for Windows."""
    DEB = "deb"
    RUN = "run"
    """The self-extracting archive for Linux."""
    APPIMAGE = "appimage"
    DMG = "dmg"


class ManifestRefused(ValueError):
    """The bytes are no manifest that we take; the message says why without repeating them."""


Version = tuple[int, int, int]
M = TypeVar("M", bound=BaseModel)


def version_of(text: str) -> Version:
    """The three numbers of a release, to be compared as numbers.

    Raises:
        ValueError: that is not the version of a release.
    """
    if not VERSION_FORM.fullmatch(text):
        raise ValueError("a version is three numbers, as in 1.2.3")
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


VERSION_FORM: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}")
_VERSION = r"^(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}$"
SMALL_ORDER: Final = frozenset(
    {
        "0" * 64,
        "01" + "0" * 62,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "f" * 60 + "7f",
        "ed" + "f" * 60 + "7f",
        "ee" + "f" * 60 + "7f",
    }
)
"""Points of small order, without their sign (as libsodium lists them): with such a key everything is signed by anybody."""


def _of_full_order(key: str) -> str:
    if key[:-2] + f"{int(key[-2:], 16) & 0x7F:02x}" in SMALL_ORDER:
        raise ValueError("this is no key: anybody could sign with it")
    return key


KeyText = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), AfterValidator(_of_full_order)]
"""The 32 bytes of an Ed25519 public key (RFC 8032), as lower-case hex."""


class _Signed(BaseModel):
    """Members that are not known are ignored: an older program must be able to read a newer manifest, or it could never update."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class UpdateFile(_Signed):
    """One file of a release. It lies beside the manifest, under its name."""

    platform: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    """`windows-x64`, `linux-x64`, `macos-arm64`; one that is not ours is somebody else's."""
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    """A `Kind`, or one that this version does not know."""
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(?:[.+][A-Za-z0-9_-]+)*$", max_length=128)]
    """A plain name of a file: no folder, no dot at an end, no two dots in a row."""
    size: Annotated[int, Field(ge=1, le=FILE_MAX)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _plain(self) -> Self:
        if RESERVED.match(self.name):
            raise ValueError("the name of a file is one of a device")
        return self


class Manifest(_Signed):
    """What is signed."""

    product: Annotated[str, StringConstraints(max_length=64)]
    version: Annotated[str, StringConstraints(pattern=_VERSION)]
    released_at: Timestamp
    """When it was signed. One that is older than what was accepted before is refused."""
    expires_at: Timestamp
    """A manifest that is held back says nothing any more after this."""
    notes_url: Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]{1,480}$")] | None = None
    """What is new. It is shown, and never opened by itself; nothing in it is markup."""
    files: Annotated[tuple[UpdateFile, ...], Field(min_length=1, max_length=FILES_MAX, strict=False)]
    keys: Annotated[tuple[KeyText, ...], Field(min_length=1, max_length=KEYS_MAX, strict=False)] | None = None
    """The keys that are trusted from now on, all of them; None changes nothing. One of them has signed this too."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len({(file.platform, file.kind) for file in self.files}) < len(self.files):
            raise ValueError("two files are for the same platform and kind")
        if len({file.name.lower() for file in self.files}) < len(self.files):
            raise ValueError("two files have the same name")
        if self.released >= self.expires:  # both are dates, too
            raise ValueError("it expires before it is released")
        return self

    @property
    def released(self) -> int:
        """Microseconds since the epoch."""
        return from_rfc3339(self.released_at)

    @property
    def expires(self) -> int:
        """Microseconds since the epoch."""
        return from_rfc3339(self.expires_at)


class Signature(BaseModel):
    """Of a DSSE envelope."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    sig: Annotated[str, StringConstraints(max_length=128)]
    keyid: Annotated[str, StringConstraints(max_length=128)] = ""
    """A hint for people; nobody vouches for it."""


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    payload: str
    payload_type: Annotated[str, Field(alias="payloadType", max_length=128)]
    signatures: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=SIGNATURES_MAX, strict=False)]


class Envelope(BaseModel):
    """An envelope, taken out of its base64."""

    model_config = ConfigDict(frozen=True)

    payload: bytes
    signatures: tuple[bytes, ...]

    @property
    def signed(self) -> bytes:
        """What the signatures are about."""
        return pae(PAYLOAD_TYPE, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1's pre-authentication encoding: type and bytes, each with its length, so that neither can pass for a part of the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def parse_envelope(data: bytes) -> Envelope:
    """Take an envelope apart; nothing is verified.

    Raises:
        ManifestRefused.
    """
    if len(data) > ENVELOPE_MAX:
        raise ManifestRefused("it is too large")
    told = _parsed(_Envelope, data)
    if told.payload_type != PAYLOAD_TYPE:
        raise ManifestRefused("it is an envelope of something else")
    return Envelope(payload=_bytes(told.payload), signatures=tuple(_bytes(each.sig) for each in told.signatures))


def parse_manifest(payload: bytes) -> Manifest:
    """The manifest in an envelope.

    Raises:
        ManifestRefused.
    """
    if len(payload) > ENVELOPE_MAX:
        raise ManifestRefused("it is too large")
    return _parsed(Manifest, payload)


def render_envelope(payload: bytes, signatures: dict[str, bytes]) -> bytes:
    """An envelope, with the signatures by key id."""
    told = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(sig).decode()} for keyid, sig in signatures.items()],
    }
    return strict_json.encode(told) + b"\n"


def _parsed(model: type[M], data: bytes) -> M:
    try:
        return model.model_validate(strict_json.decode(data, DEPTH_MAX, NODES_MAX, unique_names=True))
    except JsonRefused as error:
        raise ManifestRefused(str(error)) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ManifestRefused(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".removeprefix(": ")) from error
    except ValueError as error:  # a number with thousands of digits
        raise ManifestRefused("it is not JSON that we take") from error


def _bytes(text: str) -> bytes:
    """Both alphabets are taken, as DSSE demands; nothing but them is."""
    try:
        return base64.b64decode(text.translate(_STANDARD), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ManifestRefused("it holds what is not base64") from error


_STANDARD: Final = str.maketrans("-_", "+/")

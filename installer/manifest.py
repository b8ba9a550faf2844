"""Makes and checks what a release says of itself: `python -m installer.manifest keygen | sign | verify` (docs/releasing.md).

The private key comes from a file of its owner alone, or from standard input (`-`): never from an argument, never from the environment.
"""

import argparse
import getpass
import hashlib
import os
import stat
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from app.crypto.release_keys import KeysUnusable, key_id, opened, parse_keys, signed_by
from contract.update import (
    PAYLOAD_TYPE,
    PRODUCT,
    Manifest,
    ManifestRefused,
    UpdateFile,
    pae,
    parse_envelope,
    render_envelope,
)
from contract.update_address import MANIFEST_NAME
from contract.version import VERSION
from kit import strict_json

DAYS: Final = 90
READ: Final = 1024 * 1024


class Mistake(Exception):
    """For whoever runs this; the message says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 1 when it was not done, or what was checked is not right."""
    arguments = _parser().parse_args(argv)
    try:
        said: str = arguments.act(arguments)
    except (Mistake, KeysUnusable, ManifestRefused, OSError) as error:
        print(f"manifest: {error}", file=sys.stderr)
        return 1
    print(said)
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m installer.manifest", description=__doc__, allow_abbrev=False)
    verbs = made.add_subparsers(required=True, metavar="keygen | sign | verify")
    keygen = verbs.add_parser("keygen", help="make a key; on a machine without a network")
    keygen.add_argument("--private", type=Path, required=True, metavar="FILE", help="where the private key goes; it must not be there yet")
    keygen.add_argument("--public", type=Path, required=True, metavar="FILE", help="where the file for the build goes, or is added to")
    keygen.add_argument(
        "--no-passphrase", action="store_true", help="keep the private key in the clear: only on a medium that is locked away"
    )
    keygen.set_defaults(act=_keygen)
    sign = verbs.add_parser("sign", help="write the manifest of a release")
    sign.add_argument("--key", action="append", required=True, metavar="FILE", help="private key, or - for standard input; may be repeated")
    sign.add_argument("--version", default=VERSION, metavar="X.Y.Z", help="default: %(default)s")
    sign.add_argument("--days", type=int, default=DAYS, metavar="N", help="until it expires; default: %(default)s")
    sign.add_argument("--notes-url", metavar="URL", help="what is new")
    sign.add_argument(
        "--file", action="append", required=True, metavar="PLATFORM:KIND:PATH", help="such as windows-x64:setup:dist/Flowork-Setup.exe"
    )
    sign.add_argument("--new-keys", type=Path, metavar="FILE", help="the file of keys that are trusted from now on: a change of keys")
    sign.add_argument("--out", type=Path, default=Path(MANIFEST_NAME), metavar="FILE", help="default: %(default)s")
    sign.set_defaults(act=_sign)
    verify = verbs.add_parser("verify", help="look at a manifest as a program with these keys would, and at the files beside it")
    verify.add_argument("--keys", type=Path, required=True, metavar="FILE", help="the file for the build")
    verify.add_argument("manifest", type=Path)
    verify.set_defaults(act=_verify)
    return made


# -- keygen -----------------------------------------------------------------------------------------------------------


def _keygen(arguments: argparse.Namespace) -> str:
    known = parse_keys(arguments.public.read_bytes()) if arguments.public.exists() else ()
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _seal(arguments.no_passphrase))
    descriptor = os.open(arguments.private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    public = _public(private)
    arguments.public.write_bytes(strict_json.encode({"product": PRODUCT, "keys": [*known, public]}) + b"\n")
    return f"Key {key_id(public)}: {public}\n  private half: {arguments.private}\n  for the build: {arguments.public}"


def _seal(in_clear: bool) -> KeySerializationEncryption:
    if in_clear:
        return NoEncryption()
    if not sys.stdin.isatty():
        raise Mistake("a passphrase is asked for at a terminal. Without one, say --no-passphrase.")
    first = getpass.getpass("Passphrase for the private key: ")
    if not first or getpass.getpass("Once more: ") != first:
        raise Mistake("both must be the same, and not empty. Nothing was made.")
    return BestAvailableEncryption(first.encode())


# -- sign -------------------------------------------------------------------------------------------------------------


def _sign(arguments: argparse.Namespace) -> str:
    now = datetime.now(UTC).replace(microsecond=0)
    told: dict[str, object] = {
        "product": PRODUCT,
        "version": arguments.version,
        "released_at": _time(now),
        "expires_at": _time(now + timedelta(days=arguments.days)),
        "files": [_file(each).model_dump() for each in arguments.file],
    }
    if arguments.notes_url is not None:
        told["notes_url"] = arguments.notes_url
    if arguments.new_keys is not None:
        told["keys"] = list(parse_keys(arguments.new_keys.read_bytes()))
    try:
        manifest = Manifest.model_validate(told)
    except ValidationError as error:
        raise Mistake(
            "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
        ) from error
    payload = strict_json.encode(told)
    privates = [_private(each) for each in arguments.key]
    signatures = {key_id(_public(each)): each.sign(pae(PAYLOAD_TYPE, payload)) for each in privates}
    raw = render_envelope(payload, signatures)
    if manifest.keys is not None and not signed_by(parse_envelope(raw), manifest.keys):
        raise Mistake("a change of keys is signed by an old key and by a new one: give both with --key")
    arguments.out.write_bytes(raw)
    what = f"Flowork {manifest.version}, {len(manifest.files)} file(s), until {manifest.expires_at}"
    return f"{arguments.out}: {what}, by {', '.join(signatures)}"


def _file(told: str) -> UpdateFile:
    parts = told.split(":", 2)
    if len(parts) != 3:
        raise Mistake(f"--file is PLATFORM:KIND:PATH, not {told!r}")
    platform, kind, path = parts[0], parts[1], Path(parts[2])
    size, digest = _measured(path)
    try:
        return UpdateFile(platform=platform, kind=kind, name=path.name, size=size, sha256=digest)
    except ValidationError as error:
        raise Mistake(f"{path}: {error.errors(include_input=False)[0]['msg']}") from error


def _measured(path: Path) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ):
            size += len(piece)
            digest.update(piece)
    return size, digest.hexdigest()


def _private(place: str) -> Ed25519PrivateKey:
    if place == "-":
        text = sys.stdin.buffer.read()
    else:
        told = os.stat(place)
        if os.name != "nt" and stat.S_IMODE(told.st_mode) & 0o077:
            raise Mistake(f"{place} can be read by others. chmod 600 it, if nobody has read it.")
        text = Path(place).read_bytes()
    try:
        try:
            key = load_pem_private_key(text, None)
        except TypeError:  # it is sealed
            key = load_pem_private_key(text, getpass.getpass(f"Passphrase of {place}: ").encode())
    except ValueError as error:
        raise Mistake(f"{place} is no private key, or that is not its passphrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Mistake(f"{place} is not an Ed25519 key")
    return key


def _public(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# -- verify -----------------------------------------------------------------------------------------------------------


def _verify(arguments: argparse.Namespace) -> str:
    manifest = opened(arguments.manifest.read_bytes(), parse_keys(arguments.keys.read_bytes()))
    if manifest.product != PRODUCT:
        raise Mistake("it is for another program")
    if manifest.expires <= datetime.now(UTC).timestamp() * 1e6:
        raise Mistake(f"it expired at {manifest.expires_at}")
    for file in manifest.files:
        if _measured(arguments.manifest.parent / file.name) != (file.size, file.sha256):
            raise Mistake(f"{file.name} is not the file that was signed")
    lines = [f"  {file.platform:<14} {file.kind:<9} {file.size:>12}  {file.name}" for file in manifest.files]
    keys = [] if manifest.keys is None else [f"  keys from now on: {', '.join(map(key_id, manifest.keys))}"]
    return "\n".join([f"Flowork {manifest.version}, until {manifest.expires_at}: the signature and every file are right", *lines, *keys])


if __name__ == "__main__":
    sys.exit(main())

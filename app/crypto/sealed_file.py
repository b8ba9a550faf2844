"""Secrets in one file under a passphrase: AES-256-GCM, key by scrypt (RFC 7914).

Layout: magic (8), log2 N (1), salt (16), verifier (16), nonce (12), ciphertext and tag, SHA-256 over all before it (32).
The verifier is the second half of what scrypt gave: it tells a wrong passphrase from damage.
"""

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kit.files import write_private
from kit.vault import VaultUnavailable

MAGIC: Final = b"FLWSEC1\0"
LOG2_N: Final = 15
BLOCK: Final = 8
_SALT, _VERIFIER, _NONCE, _SUM = 16, 16, 12, 32
_HEAD: Final = len(MAGIC) + 1 + _SALT + _VERIFIER
SHORTEST: Final = 8
"""Characters of a new passphrase."""


class PassphraseWrong(VaultUnavailable):
    """The passphrase is not the one that the file was sealed with."""


@dataclass(frozen=True, slots=True, repr=False)
class _Lock:
    head: bytes
    key: bytes


class SealedFile:
    """Implements `kit.vault.SecretStore`. The key, not the passphrase, stays in memory while the program runs."""

    kind = "passphrase file"
    insecure = False

    def __init__(self, path: Path, lock: _Lock) -> None:
        self._path = path
        self._lock = lock

    def get(self, name: str) -> str | None:
        return self._read().get(name)

    def set(self, name: str, value: str) -> None:
        self._write({**self._read(), name: value})

    def delete(self, name: str) -> None:
        kept = self._read()
        if kept.pop(name, None) is not None:
            self._write(kept)

    def names(self) -> list[str]:
        return sorted(self._read())

    def _read(self) -> dict[str, str]:
        head, nonce, sealed = _parts(self._path)
        if head != self._lock.head:
            raise VaultUnavailable(f"{self._path} was replaced while Flowork runs. Start Flowork again.")
        return _opened(self._path, self._lock, nonce, sealed)

    def _write(self, kept: dict[str, str]) -> None:
        _write(self._path, self._lock, kept)


def open_sealed(path: Path, passphrase: str) -> SealedFile:
    """The file, which is made when it is not there.

    Raises:
        PassphraseWrong. VaultUnavailable: damaged, or it cannot be read or written; or a new passphrase is too short.
            A file that is there is never replaced.
    """
    if not path.exists():
        if len(passphrase) < SHORTEST:
            raise VaultUnavailable(f"A passphrase has at least {SHORTEST} characters. Nothing was made.")
        salt = secrets.token_bytes(_SALT)
        key, verifier = _derive(passphrase, salt, LOG2_N)
        lock = _Lock(MAGIC + bytes([LOG2_N]) + salt + verifier, key)
        _write(path, lock, {})
        return SealedFile(path, lock)
    head, nonce, sealed = _parts(path)
    lock = _unlock(path, head, passphrase)
    _opened(path, lock, nonce, sealed)
    return SealedFile(path, lock)


def ask_passphrase(path: Path, ask: Callable[[str], str], say: Callable[[str], None]) -> str:
    """Ask at the terminal; a new passphrase is asked for twice.

    Raises:
        VaultUnavailable: nothing usable was typed.
    """
    if path.exists():
        return ask(f"Passphrase of {path}: ")
    say(f"Flowork keeps its keys in {path}, encrypted with a passphrase of yours. It is asked for at every start.")
    chosen = ask(f"New passphrase (at least {SHORTEST} characters): ")
    if len(chosen) >= SHORTEST and ask("The same again: ") != chosen:
        raise VaultUnavailable("The two passphrases differ. Nothing was made.")
    return chosen


def _parts(path: Path) -> tuple[bytes, bytes, bytes]:
    """Head, nonce and sealed content of a whole file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise VaultUnavailable(f"{path} cannot be read ({error.strerror}).") from error
    body, checksum = raw[:-_SUM], raw[-_SUM:]
    if len(raw) < _HEAD + _NONCE + 16 + _SUM or not raw.startswith(MAGIC) or hashlib.sha256(body).digest() != checksum:
        raise VaultUnavailable(f"{path} is damaged. It was left as it is; restore it from a backup.")
    return body[:_HEAD], body[_HEAD : _HEAD + _NONCE], body[_HEAD + _NONCE :]


def _unlock(path: Path, head: bytes, passphrase: str) -> _Lock:
    log2_n = head[len(MAGIC)]
    if not 10 <= log2_n <= 20:
        raise VaultUnavailable(f"{path} is damaged. It was left as it is; restore it from a backup.")
    salt = head[len(MAGIC) + 1 : len(MAGIC) + 1 + _SALT]
    key, verifier = _derive(passphrase, salt, log2_n)
    if not hmac.compare_digest(verifier, head[-_VERIFIER:]):
        raise PassphraseWrong(f"This is not the passphrase of {path}.")
    return _Lock(head, key)


def _opened(path: Path, lock: _Lock, nonce: bytes, sealed: bytes) -> dict[str, str]:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        kept: dict[str, str] = json.loads(AESGCM(lock.key).decrypt(nonce, sealed, lock.head))
    except (InvalidTag, ValueError) as error:
        raise VaultUnavailable(f"{path} was changed by somebody else. It was left as it is; restore it from a backup.") from error
    return kept


def _write(path: Path, lock: _Lock, kept: dict[str, str]) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE)
    body = lock.head + nonce + AESGCM(lock.key).encrypt(nonce, json.dumps(kept).encode(), lock.head)
    try:
        write_private(path, body + hashlib.sha256(body).digest())
    except OSError as error:
        raise VaultUnavailable(f"{path} cannot be written ({error.strerror}).") from error


def _derive(passphrase: str, salt: bytes, log2_n: int) -> tuple[bytes, bytes]:
    """Key and verifier. NFC, so that an accented letter counts once however a keyboard makes it."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    text = unicodedata.normalize("NFC", passphrase).encode()
    made = Scrypt(salt=salt, length=32 + _VERIFIER, n=2**log2_n, r=BLOCK, p=1).derive(text)
    return made[:32], made[32:]

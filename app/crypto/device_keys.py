"""The two keys that make this command line a device: who (Ethereum) and which (P-256), kept in a secret store."""

import secrets
import time
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.crypto.session_key import SessionKey
from app.crypto.wallet import Wallet
from kit.vault import SecretStore, VaultUnavailable

WALLET = "cli/wallet"
SESSION = "cli/session"
KEY_BYTES = 32


class DeviceKeys:
    """Signs messages and proofs."""

    def __init__(
        self,
        wallet: bytes,
        session: bytes,
        now_s: Callable[[], float] = time.time,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._wallet = Wallet(wallet)
        self.session = SessionKey(session, now_s, random_bytes)

    @property
    def address(self) -> str:
        """EIP-55 form."""
        return self._wallet.address

    def sign(self, message: str) -> str:
        """EIP-191 personal_sign: 65 bytes as 0x-hex."""
        return self._wallet.sign(message)

    def verify(self, public: bytes, text: bytes, signature: bytes) -> bool:
        """Did the gateway with this Ed25519 key sign that?"""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


def open_device_keys(store: SecretStore, make: bool) -> DeviceKeys | None:
    """The keys in a store; new ones when there are none and `make` is set.

    Raises:
        VaultLocked, VaultUnavailable: the store, or a key in it, can't be used.
    """
    wallet, session = (_key(store, name, make) for name in (WALLET, SESSION))
    return None if wallet is None or session is None else DeviceKeys(wallet, session)


def forget_device_keys(store: SecretStore) -> None:
    """Delete them.

    Raises:
        VaultLocked, VaultUnavailable.
    """
    store.delete(SESSION)
    store.delete(WALLET)


def _key(store: SecretStore, name: str, make: bool) -> bytes | None:
    text = store.get(name)
    if text is None:
        if not make:
            return None
        text = secrets.token_bytes(KEY_BYTES).hex()
        store.set(name, text)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise VaultUnavailable(f"The key {name} is damaged. flowork logout forgets it; then pair anew with flowork login.")
    return key

"""The key with which the command line signs in: one Ethereum key in an owner-only file."""

import sys
from pathlib import Path

from kit.files import write_private

KEY_BYTES = 32


class WalletRefused(Exception):
    """The key file can't be used; the message says what to do."""


class Wallet:
    """An address that can sign. eth-account (380 ms to import) is loaded when a wallet is opened, not before."""

    def __init__(self, key: bytes) -> None:
        from eth_account import Account

        self._account = Account.from_key(key)

    @property
    def address(self) -> str:
        """EIP-55 form."""
        return str(self._account.address)

    def sign(self, message: str) -> str:
        """EIP-191 personal_sign: 65 bytes as 0x-hex."""
        from eth_account.messages import encode_defunct

        signed = self._account.sign_message(encode_defunct(text=message))
        return "0x" + bytes(signed.signature).hex()


def open_wallet(path: Path) -> Wallet:
    """The wallet in a file, made when it is not there.

    Raises:
        WalletRefused.
    """
    if not path.exists():
        import secrets

        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # one that is there keeps its mode: it may be anybody's
        write_private(path, secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise WalletRefused(f"Others can read the key in {path}. If nobody has: chmod 600 '{path}'")
    try:
        return Wallet(bytes.fromhex(path.read_text().strip().removeprefix("0x")))
    except Exception as error:  # eth-account raises several unrelated kinds for a key that is none
        raise WalletRefused(f"{path} holds no Ethereum key (64 hexadecimal digits).") from error

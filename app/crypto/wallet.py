"""The key that says who: one Ethereum key."""


class Wallet:
    """An address that can sign. eth-account (380 ms to import) is loaded when a wallet is made, not before."""

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

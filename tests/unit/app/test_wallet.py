"""The key that says who is a real Ethereum signer."""

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from app.crypto.wallet import Wallet
from gateway.crypto.ethereum import recover_address

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"  # of the eth-account documentation
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


@pytest.mark.parametrize("message", ["Hello.", "", "ü\nzwei Zeilen"])
def test_a_signature_is_of_the_address_to_everybody_who_checks_it(message: str):
    wallet = Wallet(bytes.fromhex(KEY))
    signature = wallet.sign(message)
    assert len(signature) == 2 + 130
    assert Account.recover_message(encode_defunct(text=message), signature=signature) == ADDRESS == wallet.address
    assert recover_address(message, signature) == ADDRESS.lower()
    assert Account.recover_message(encode_defunct(text=message + "x"), signature=signature) != ADDRESS


def test_a_wallet_shows_its_key_nowhere():
    wallet = Wallet(bytes.fromhex(KEY))
    assert KEY not in repr(wallet) + str(wallet)

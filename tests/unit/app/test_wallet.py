"""The command line's key: made once, its owner's alone, and a real Ethereum signer."""

import os
import stat
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from app.crypto.wallet import Wallet, WalletRefused, open_wallet
from gateway.crypto.ethereum import checksum_address, recover_address

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"  # of the eth-account documentation
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


def put(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_wallet_is_made_when_there_is_none_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "cli" / "wallet.key"
    wallet = open_wallet(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(path.read_text().strip()) == 64
    assert wallet.address == checksum_address(wallet.address)
    assert [file.name for file in path.parent.iterdir()] == ["wallet.key"]


def test_it_is_made_once(tmp_path: Path):
    first = open_wallet(tmp_path / "cli" / "wallet.key").address
    assert open_wallet(tmp_path / "cli" / "wallet.key").address == first
    assert open_wallet(tmp_path / "other" / "wallet.key").address != first


@pytest.mark.parametrize("text", [KEY, f"0x{KEY}", f"{KEY}\n", f"  0x{KEY.upper()}  \n"])
def test_a_key_is_read_in_the_forms_people_have_it(tmp_path: Path, text: str):
    assert open_wallet(put(tmp_path / "key", text)).address == ADDRESS


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o666])
def test_a_key_that_others_can_get_at_is_refused_with_what_to_do(tmp_path: Path, mode: int):
    path = put(tmp_path / "key", KEY, mode)
    with pytest.raises(WalletRefused, match="chmod 600") as refused:
        open_wallet(path)
    assert KEY not in str(refused.value)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", KEY[:-2], KEY + "00", "0" * 64, "f" * 64, "gg" * 32],
    ids=["empty", "words", "short", "long", "zero", "beyond", "no hex"],
)
def test_what_is_no_key_is_refused_without_being_shown_or_changed(tmp_path: Path, text: str):
    path = put(tmp_path / "key", text)
    with pytest.raises(WalletRefused, match="64 hexadecimal digits") as refused:
        open_wallet(path)
    assert not text or text not in str(refused.value)
    assert path.read_text() == text


def test_bytes_that_are_no_text_are_no_key(tmp_path: Path):
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfe" * 32)
    path.chmod(0o600)
    with pytest.raises(WalletRefused):
        open_wallet(path)


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

"""`gateway.crypto.ethereum` against eth-account: every signature of one form is read alike, and no other form at all."""

import random
from functools import cache

import pytest
from coincurve import PublicKey
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import SignatureInvalid
from gateway.crypto.ethereum import checksum_address, is_well_formed, recover_address

SAME = settings(deadline=None, derandomize=True, max_examples=50)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FIELD = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F
MESSAGES = ["", "m", "Grüße \N{GRINNING FACE}", "line\nline\r\n", "\0", "x" * 4096, "\x19Ethereum Signed Message:\n5hello"]
KEY = random.Random(1).randbytes(32)
MESSAGE = "Sign in to this gateway."


@cache
def account(key: bytes):
    return Account.from_key(key)


@cache
def sign(key: bytes, message: str) -> tuple[int, int, int]:
    signed = account(key).sign_message(encode_defunct(text=message))
    return signed.r, signed.s, signed.v


def text(r: int, s: int, v: int) -> str:
    return "0x" + r.to_bytes(32).hex() + s.to_bytes(32).hex() + bytes([v]).hex()


SIGNATURE = text(*sign(KEY, MESSAGE))
ADDRESS = account(KEY).address.lower()


class TestRecoverAddress:
    def test_a_hundred_keys_are_recovered_as_eth_account_does(self):
        chance = random.Random(2026)
        for number in range(100):
            key, message = chance.randbytes(32), MESSAGES[number % len(MESSAGES)] + str(chance.random())
            assert recover_address(message, text(*sign(key, message))) == account(key).address.lower()

    @pytest.mark.parametrize("message", MESSAGES)
    def test_every_message_is_hashed_by_its_utf_8_bytes(self, message: str):
        assert recover_address(message, text(*sign(KEY, message))) == ADDRESS

    def test_the_example_of_web3_is_met(self):
        # The documentation of web3.js, at eth.accounts.recover.
        signature = (
            "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
            "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
        )
        assert recover_address("Some data", signature) == "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"

    def test_hex_is_read_in_both_cases_but_not_without_its_mark(self):
        assert recover_address(MESSAGE, "0x" + SIGNATURE[2:].upper()) == ADDRESS
        assert recovered(MESSAGE, SIGNATURE[2:]) is None

    def test_the_address_is_lower_case(self):
        assert account(KEY).address.lower() == ADDRESS
        assert recover_address(MESSAGE, SIGNATURE) == ADDRESS

    @pytest.mark.parametrize("message", [MESSAGE + " ", MESSAGE[:-1], MESSAGE.lower(), "", MESSAGE + "\n", MESSAGE.replace("g", "\u0261")])
    def test_another_message_gives_another_address_or_none(self, message: str):
        assert recovered(message, SIGNATURE) != ADDRESS

    @SAME
    @given(st.integers(0, 64), st.integers(0, 7))
    def test_no_bit_of_a_signature_can_be_another(self, place: int, bit: int):
        raw = bytearray.fromhex(SIGNATURE[2:])
        raw[place] ^= 1 << bit
        assert recovered(MESSAGE, "0x" + raw.hex()) != ADDRESS

    def test_the_high_half_of_s_is_refused_though_it_would_recover_the_same_address(self):
        r, s, v = sign(KEY, MESSAGE)
        high = text(r, ORDER - s, 27 + 28 - v)
        assert Account.recover_message(encode_defunct(text=MESSAGE), signature=high).lower() == ADDRESS
        assert recovered(MESSAGE, high) is None

    def test_v_may_also_be_written_from_zero(self):
        r, s, v = sign(KEY, MESSAGE)
        assert recovered(MESSAGE, text(r, s, v - 27)) == recovered(MESSAGE, text(r, s, v)) is not None

    @pytest.mark.parametrize("v", sorted(set(range(256)) - {0, 1, 27, 28}))
    def test_no_other_v_is_taken(self, v: int):
        r, s, _ = sign(KEY, MESSAGE)
        assert recovered(MESSAGE, text(r, s, v)) is None

    @pytest.mark.parametrize("v", [27, 28])
    @pytest.mark.parametrize(
        ("r", "s"),
        [
            (0, 1),
            (1, 0),
            (0, 0),
            (ORDER, 1),
            (ORDER + 1, 1),
            (FIELD, 1),
            (2**256 - 1, 1),
            (1, ORDER // 2 + 1),
            (1, ORDER - 1),
            (1, ORDER),
            (1, 2**256 - 1),
        ],
    )
    def test_r_and_s_out_of_range_are_refused(self, r: int, s: int, v: int):
        assert recovered(MESSAGE, text(r, s, v)) is None

    def test_the_largest_s_of_the_lower_half_is_in_range(self):
        assert recovered(MESSAGE, text(1, ORDER // 2, 27)) is not None

    @pytest.mark.parametrize("v", [27, 28])
    def test_an_r_that_is_no_point_of_the_curve_is_refused(self, v: int):
        # 5 is no x of secp256k1: 5^3 + 7 has no square root.
        assert pow(5**3 + 7, (FIELD - 1) // 2, FIELD) == FIELD - 1
        assert recovered(MESSAGE, text(5, 1, v)) is None

    @pytest.mark.parametrize("v", [29, 30])
    def test_a_point_whose_x_is_beyond_the_order_is_refused_though_it_exists(self, v: int):
        r = next(r for r in range(1, 100) if pow((r + ORDER) ** 3 + 7, (FIELD - 1) // 2, FIELD) == 1)
        raw = bytes.fromhex(text(r, 1, v - 27)[2:])
        assert PublicKey.from_signature_and_message(raw, b"d" * 32, hasher=None)
        assert recovered(MESSAGE, text(r, 1, v)) is None

    @pytest.mark.parametrize(
        "signature",
        [
            "",
            "0x",
            SIGNATURE[:-2],
            SIGNATURE[:-1],
            SIGNATURE + "0",
            SIGNATURE + "00",
            SIGNATURE + SIGNATURE[2:],
            SIGNATURE[:4] + SIGNATURE[6:],
            "0x" + "0" * 130,
            "0x" + "f" * 130,
            "0x" + "zz" * 65,
            "0x0x" + SIGNATURE[2:],
            "0X" + SIGNATURE[2:],
            " " + SIGNATURE,
            "-" + SIGNATURE[2:],
            SIGNATURE[:-1] + "\N{FULLWIDTH DIGIT ONE}",
            "\ud800",
            "garbage",
        ],
    )
    def test_any_other_form_is_refused(self, signature: str):
        assert recovered(MESSAGE, signature) is None

    def test_a_compact_signature_of_eip_2098_is_refused(self):
        r, s, v = sign(KEY, MESSAGE)
        assert recovered(MESSAGE, "0x" + r.to_bytes(32).hex() + (s | (v - 27) << 255).to_bytes(32).hex()) is None

    @pytest.mark.parametrize("space", [" ", "\n", "\t"])
    @pytest.mark.parametrize("place", [10, len(SIGNATURE)])
    def test_white_space_in_the_hex_is_another_form(self, place: int, space: str):
        assert recovered(MESSAGE, SIGNATURE[:place] + space + SIGNATURE[place:]) is None

    def test_a_message_that_has_no_bytes_is_refused_like_any_other(self):
        assert recovered("\ud800", SIGNATURE) is None

    @SAME
    @given(st.binary(min_size=65, max_size=65) | st.binary(min_size=64, max_size=64).map(lambda raw: raw + b"\x1b"))
    def test_no_bytes_cause_another_error(self, raw: bytes):
        assert recovered(MESSAGE, "0x" + raw.hex()) != ADDRESS


# EIP-55, "Test Cases".
CHECKSUMMED = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


class TestChecksum:
    @pytest.mark.parametrize("address", CHECKSUMMED)
    def test_the_vectors_of_eip_55_are_met_from_any_case(self, address: str):
        assert checksum_address(address) == address
        assert checksum_address(address.lower()) == address
        assert checksum_address("0x" + address[2:].upper()) == address

    def test_a_hundred_addresses_are_spelled_as_eth_account_does(self):
        chance = random.Random(2027)
        for _ in range(100):
            spelled = account(chance.randbytes(32)).address
            assert checksum_address(spelled.lower()) == spelled

    @pytest.mark.parametrize("address", CHECKSUMMED)
    def test_one_case_and_the_checksum_are_well_formed(self, address: str):
        assert is_well_formed(address)
        assert is_well_formed(address.lower())
        assert is_well_formed("0x" + address[2:].upper())

    def test_digits_alone_have_no_case(self):
        assert is_well_formed("0x" + "1234567890" * 4)

    @pytest.mark.parametrize("address", CHECKSUMMED)
    def test_any_letter_in_the_other_case_is_noticed(self, address: str):
        for place, letter in enumerate(address):
            altered = address[:place] + letter.swapcase() + address[place + 1 :]
            if place > 1 and letter.isalpha():
                mixed = altered[2:] not in {altered[2:].lower(), altered[2:].upper()}
                assert is_well_formed(altered) == (not mixed)

    def test_almost_every_mistyped_digit_is_noticed(self):
        address = CHECKSUMMED[4]
        altered = [
            address[:place] + digit + address[place + 1 :]
            for place in range(2, 42)
            for digit in "0123456789abcdefABCDEF"
            if digit.lower() != address[place].lower()
        ]
        assert sum(map(is_well_formed, altered)) / len(altered) < 0.001


def recovered(message: str, signature: str) -> str | None:
    """The address, or None when the signature is refused; any other error fails the test."""
    try:
        return recover_address(message, signature)
    except SignatureInvalid:
        return None

"""`contract.signin`: the message a client builds is EIP-4361, word for word, and ties itself to one gateway."""

import pytest
from pydantic import ValidationError

from contract.signin import STATEMENT, AccessToken, Challenge, ChallengeRequest, SignInRequest, build_message, gateway_resource

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
SIGNATURE = "0x" + "ab" * 65
CHALLENGE = Challenge(
    request_id="0123456789abcdef",
    nonce="fedcba9876543210",
    issued_at="2026-01-01T00:00:00.000000Z",
    expiration_time="2026-01-01T00:05:00.000000Z",
    uri="http://127.0.0.1:7717/api/v1/auth/sign-in",
    gateway_id="gw234567",
)
MESSAGE = """\
127.0.0.1:7717 wants you to sign in with your Ethereum account:
0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed

Sign in to this Flowork gateway. This costs nothing and moves no funds.

URI: http://127.0.0.1:7717/api/v1/auth/sign-in
Version: 1
Chain ID: 1
Nonce: fedcba9876543210
Issued At: 2026-01-01T00:00:00.000000Z
Expiration Time: 2026-01-01T00:05:00.000000Z
Request ID: 0123456789abcdef
Resources:
- urn:flowork:gateway:gw234567"""


class TestBuildMessage:
    def test_the_message_is_the_one_of_eip_4361(self):
        assert build_message(CHALLENGE, domain="127.0.0.1:7717", address=ADDRESS) == MESSAGE

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("request_id", "r-2"),
            ("nonce", "another0nonce"),
            ("issued_at", "2026-01-02T00:00:00Z"),
            ("expiration_time", "2026-01-02T00:05:00Z"),
            ("uri", "https://else.where/"),
            ("chain_id", 5),
            ("statement", "Something else."),
            ("gateway_id", "gw765432"),
        ],
    )
    def test_every_field_of_the_challenge_is_signed(self, field: str, value: object):
        altered = build_message(CHALLENGE.model_copy(update={field: value}), domain="127.0.0.1:7717", address=ADDRESS)
        assert altered != MESSAGE
        assert str(value) in altered
        assert len(altered.split("\n")) == len(MESSAGE.split("\n"))

    def test_domain_and_address_are_the_signers_own(self):
        other = build_message(CHALLENGE, domain="gui.example", address=ADDRESS.lower())
        assert other.split("\n")[:2] == ["gui.example wants you to sign in with your Ethereum account:", ADDRESS.lower()]
        assert other.split("\n")[2:] == MESSAGE.split("\n")[2:]

    def test_the_resource_names_one_gateway(self):
        assert gateway_resource("a") == "urn:flowork:gateway:a"

    def test_the_statement_fits_on_one_plain_line(self):
        assert STATEMENT.isascii()
        assert STATEMENT.isprintable()


class TestModels:
    @pytest.mark.parametrize("address", [ADDRESS, ADDRESS.lower(), "0x" + "F" * 40])
    def test_an_address_is_twenty_bytes_of_hex(self, address: str):
        assert ChallengeRequest(address=address).address == address

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "0x",
            ADDRESS[2:],
            ADDRESS[:-1],
            ADDRESS + "0",
            ADDRESS + "\n",
            " " + ADDRESS,
            "0X" + ADDRESS[2:],
            ADDRESS[:-1] + "g",
            "vitalik.eth",
        ],
    )
    def test_what_is_no_address_is_refused(self, address: str):
        with pytest.raises(ValidationError):
            ChallengeRequest(address=address)

    @pytest.mark.parametrize(
        ("message", "signature"),
        [
            ("", SIGNATURE),
            ("m" * 4097, SIGNATURE),
            ("m", SIGNATURE[:-1]),
            ("m", SIGNATURE[:-2]),
            ("m", SIGNATURE + "0"),
            ("m", SIGNATURE + "\n"),
            ("m", SIGNATURE[2:]),
            ("m", SIGNATURE[:10] + " " + SIGNATURE[11:]),
            ("m", "0x" + "zz" * 65),
            ("m", ""),
        ],
    )
    def test_what_cannot_be_a_signed_message_is_refused(self, message: str, signature: str):
        with pytest.raises(ValidationError):
            SignInRequest(message=message, signature=signature)

    def test_the_longest_message_is_taken(self):
        assert len(SignInRequest(message="m" * 4096, signature=SIGNATURE).message) == 4096

    def test_an_access_token_is_a_bearer_token(self):
        assert AccessToken(access_token="t", expires_in=600, user="u").token_type == "Bearer"

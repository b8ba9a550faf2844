"""`contract.signin`: the message a client builds is EIP-4361, word for word, and ties itself to one gateway."""

import pytest
from pydantic import ValidationError

from contract.signin import (
    STATEMENT,
    Challenge,
    ChallengeRequest,
    SignInRequest,
    Tokens,
    action_resource,
    build_message,
    decoded,
    encoded,
    gateway_resource,
    transcript,
)

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
SIGNATURE = "0x" + "ab" * 65
CHALLENGE = Challenge(
    request_id="0123456789abcdef",
    nonce="fedcba9876543210",
    issued_at="2026-01-01T00:00:00.000000Z",
    expiration_time="2026-01-01T00:05:00.000000Z",
    uri="http://127.0.0.1:7717/api/v1/auth/sign-in",
    gateway_id="gw234567",
    origin="http://127.0.0.1:7717",
    session_key="j" * 43,
    resources=["urn:flowork:gateway:gw234567", "urn:flowork:session-key:" + "j" * 43],
    signature="",
    server_time=0,
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
- urn:flowork:gateway:gw234567
- urn:flowork:session-key:jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj"""


class TestBuildMessage:
    def test_the_message_is_the_one_of_eip_4361(self):
        assert build_message(CHALLENGE, address=ADDRESS) == MESSAGE

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
        ],
    )
    def test_every_field_of_the_challenge_is_signed(self, field: str, value: object):
        altered = build_message(CHALLENGE.model_copy(update={field: value}), address=ADDRESS)
        assert altered != MESSAGE
        assert str(value) in altered
        assert len(altered.split("\n")) == len(MESSAGE.split("\n"))

    def test_domain_and_address_are_the_signers_own(self):
        other = build_message(CHALLENGE.model_copy(update={"origin": "https://gui.example"}), address=ADDRESS.lower())
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

    @pytest.mark.parametrize(("message", "signature"), [("", SIGNATURE), ("m" * 4097, SIGNATURE), ("m", "0" * 1025)])
    def test_what_cannot_be_a_signed_message_is_refused(self, message: str, signature: str):
        with pytest.raises(ValidationError):
            SignInRequest(message=message, signature=signature)

    def test_the_longest_message_is_taken(self):
        assert len(SignInRequest(message="m" * 4096, signature=SIGNATURE).message) == 4096

    def test_tokens_are_bound_to_a_key_and_shown_nowhere(self):
        names = ("access_token", "refresh_token", "scope", "user", "device", "session", "gateway_id")
        tokens = Tokens(expires_in=600, **{name: f"the-{name}" for name in names})
        assert tokens.token_type == "DPoP"
        assert "the-access_token" not in repr(tokens)
        assert "the-refresh_token" not in repr(tokens)


class TestTranscript:
    @pytest.mark.parametrize("name", sorted(Challenge.model_fields.keys() - {"signature", "server_time"}))
    def test_every_member_of_a_challenge_is_covered(self, name: str):
        value = getattr(CHALLENGE, name)
        other = [*value, "x"] if isinstance(value, list) else value + 1 if isinstance(value, int) else value + "x"
        assert transcript(CHALLENGE.model_copy(update={name: other}), ADDRESS) != transcript(CHALLENGE, ADDRESS)

    def test_the_address_is_covered_however_it_is_spelt(self):
        assert transcript(CHALLENGE, ADDRESS) == transcript(CHALLENGE, ADDRESS.lower())
        assert transcript(CHALLENGE, "0x" + "0" * 40) != transcript(CHALLENGE, ADDRESS)

    def test_it_does_not_change_from_release_to_release(self):
        assert transcript(CHALLENGE, ADDRESS).hex() == "de78793326a11074de93faffe092bdfda2f97597e1b5e1f900584a426afcb589"


class TestActions:
    def test_an_action_is_one_request(self):
        asked = [("POST", "/api/v1/x", "b"), ("PUT", "/api/v1/x", "b"), ("POST", "/api/v1/y", "b"), ("POST", "/api/v1/x", "c")]
        assert len({action_resource(*one) for one in asked}) == 4

    @pytest.mark.parametrize("raw", [b"", b"\0", b"\xff" * 32, b"any"])
    def test_bytes_come_back_from_their_one_spelling(self, raw: bytes):
        assert decoded(encoded(raw)) == raw

    @pytest.mark.parametrize("text", ["=", "AA==", "A", "AB", "A+B/", "A B", "\u00e4AAA"])
    def test_other_spellings_are_refused(self, text: str):
        with pytest.raises(ValueError):
            decoded(text)

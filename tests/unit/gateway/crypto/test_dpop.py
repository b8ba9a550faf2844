"""`gateway.crypto.dpop`: a proof fits one request of one key at one time, and nothing that resembles it passes."""

import base64
import hashlib
import hmac
import json
import random
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.session_key import SessionKey
from contract.errors import ProofBodyHashMissing, ProofInvalid
from gateway.crypto.dpop import MAX_CHARS, Proof, Proofs, thumbprint

SAME = settings(deadline=None, derandomize=True, max_examples=300)
NOW_S = 1_767_225_600.0
URL = "https://home.example/api/v1/jobs"
ACCESS = "an.access.token"
KEY = ec.derive_private_key(4711, ec.SECP256R1())
PROOFS = Proofs(NOW_S - 1000)
CLIENT = SessionKey(bytes(31) + b"\x05", lambda: NOW_S, random.Random(1).randbytes)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}


HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk()}
CLAIMS: dict[str, Any] = {
    "jti": "0123456789abcdef",
    "htm": "POST",
    "htu": URL,
    "iat": int(NOW_S),
    "ath": b64(hashlib.sha256(ACCESS.encode()).digest()),
}


def signed(header: Any = None, claims: Any = None, key: Any = KEY) -> str:
    """A proof whose signature is right, whatever it says; bytes are taken as they are."""
    parts = [HEADER if header is None else header, CLAIMS if claims is None else claims]
    text = ".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in parts)
    raw = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(text.encode(), key)
    return f"{text}.{b64(raw)}"


def passes(text: str, method: str = "POST", url: str = URL, now_s: float = NOW_S, access: str | None = ACCESS) -> bool:
    """Any failure but a refusal fails the test."""
    try:
        PROOFS.verify(text, method, url, now_s, access)
    except ProofInvalid:
        return False
    return True


class TestGood:
    def test_a_proof_names_the_key_that_signed_it(self):
        proof = PROOFS.verify(signed(), "POST", URL, NOW_S, ACCESS)
        assert proof == Proof(thumbprint(jwk()), "0123456789abcdef", None)

    def test_the_thumbprint_is_that_of_rfc_7638(self):
        members = jwk()
        text = f'{{"crv":"P-256","kty":"EC","x":"{members["x"]}","y":"{members["y"]}"}}'
        assert thumbprint(members) == b64(hashlib.sha256(text.encode()).digest())

    def test_the_example_of_rfc_9449_passes(self):
        example = (
            "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
            "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
            ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwi"
            "aWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
        )
        proof = Proofs(0).verify(example, "POST", "https://server.example.com/token", 1_562_262_616)
        assert proof.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

    def test_our_own_client_makes_good_ones(self):
        assert passes(CLIENT.proof("POST", URL, ACCESS, b"{}"))
        assert PROOFS.verify(CLIENT.proof("GET", URL), "GET", URL, NOW_S).thumbprint == CLIENT.thumbprint

    @pytest.mark.parametrize("more", [{"nonce": "n"}, {"exp": 1}, {"x": [1]}])
    def test_claims_that_it_does_not_need_are_not_its_business(self, more: dict[str, Any]):
        assert passes(signed(claims={**CLAIMS, **more}))

    @pytest.mark.parametrize("more", [{"ext": True}, {"key_ops": ["verify"]}, {"kid": "mine"}, {"use": "sig"}])
    def test_what_browsers_add_to_an_exported_key_is_not_its_business(self, more: dict[str, Any]):
        assert passes(signed({**HEADER, "jwk": {**jwk(), **more}}))

    @pytest.mark.parametrize(
        "htu", ["https://home.example:443/api/v1/jobs", "HTTPS://Home.Example/api/v1/jobs", "https://home.example/api/v1/jobs"]
    )
    def test_the_same_address_in_another_spelling_is_the_same(self, htu: str):
        assert passes(signed(claims={**CLAIMS, "htu": htu}))


class TestRequest:
    @pytest.mark.parametrize(
        "htu",
        [
            "http://home.example/api/v1/jobs",
            "https://home.example:8443/api/v1/jobs",
            "https://evil.example/api/v1/jobs",
            "https://home.example.evil/api/v1/jobs",
            "https://home.example@evil.example/api/v1/jobs",
            "https://home.example/api/v1/jobs/",
            "https://home.example/api/v1/JOBS",
            "https://home.example/api/v1/jobs?x=1",
            "https://home.example/api/v1/jobs?",
            "https://home.example/api/v1/jobs#x",
            "https://home.example/api/v1/./jobs",
            "https://home.example/api/v1/job%73",
            "/api/v1/jobs",
            "https://[::1/",
            "https://home.example:99999/api/v1/jobs",
            "",
            None,
            ["https://home.example/api/v1/jobs"],
        ],
    )
    def test_another_address_is_refused(self, htu: Any):
        assert not passes(signed(claims={**CLAIMS, "htu": htu}))

    @pytest.mark.parametrize("htm", ["GET", "post", "", None, ["POST"]])
    def test_another_method_is_refused(self, htm: Any):
        assert not passes(signed(claims={**CLAIMS, "htm": htm}))

    @pytest.mark.parametrize("ath", [b64(hashlib.sha256(b"another.access.token").digest()), "", None, 1, CLAIMS["ath"] + "="])
    def test_another_access_token_is_refused(self, ath: Any):
        assert not passes(signed(claims={**CLAIMS, "ath": ath}))

    def test_a_proof_that_names_no_token_is_refused_with_one(self):
        assert not passes(signed(claims={name: value for name, value in CLAIMS.items() if name != "ath"}))
        assert passes(signed(claims={name: value for name, value in CLAIMS.items() if name != "ath"}), access=None)


class TestTime:
    @pytest.mark.parametrize(("ahead_s", "good"), [(-61, False), (-60, True), (0, True), (5, True), (6, False), (10**9, False)])
    def test_only_the_present_counts(self, ahead_s: int, good: bool):
        assert passes(signed(claims={**CLAIMS, "iat": int(NOW_S) + ahead_s})) is good

    @pytest.mark.parametrize("iat", [str(int(NOW_S)), True, None, [], "NaN", 10**400, -1])
    def test_what_is_no_time_is_refused(self, iat: Any):
        assert not passes(signed(claims={**CLAIMS, "iat": iat}))

    @pytest.mark.parametrize("iat", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
    def test_numbers_that_are_none_are_refused(self, iat: bytes):
        claims = json.dumps({**CLAIMS, "iat": 0}).encode().replace(b'"iat": 0', b'"iat": ' + iat)
        assert not passes(signed(claims=claims))

    def test_a_proof_from_before_this_process_is_refused_since_it_may_have_been_used(self):
        proofs = Proofs(NOW_S)
        with pytest.raises(ProofInvalid):
            proofs.verify(signed(claims={**CLAIMS, "iat": int(NOW_S) - 2}), "POST", URL, NOW_S + 1, ACCESS)
        assert proofs.verify(signed(), "POST", URL, NOW_S + 1, ACCESS)

    def test_a_clock_that_is_off_is_told_the_time(self):
        with pytest.raises(ProofInvalid) as refused:
            PROOFS.verify(signed(claims={**CLAIMS, "iat": 1}), "POST", URL, NOW_S, ACCESS)
        assert refused.value.problem()["server_time"] == NOW_S


class TestKey:
    @pytest.mark.parametrize(
        "altered",
        [
            {"d": b64(bytes(32))},
            {"k": "secret"},
            {"kty": "OKP"},
            {"kty": "RSA"},
            {"kty": None},
            {"crv": "P-384"},
            {"crv": "secp256k1"},
            {"crv": None},
            {"x": b64(bytes(32)), "y": b64(bytes(32))},
            {"x": b64(b"\xff" * 32)},
            {"x": jwk()["y"]},
            {"x": jwk()["x"] + "A"},
            {"x": jwk()["x"][:-1]},
            {"x": jwk()["x"] + "="},
            {"x": 5},
            {"y": None},
        ],
    )
    def test_any_other_key_is_refused(self, altered: dict[str, Any]):
        assert not passes(signed({**HEADER, "jwk": {**jwk(), **altered}}))

    @pytest.mark.parametrize("key", [None, "key", [], {}, {"kid": "1"}])
    def test_what_is_no_key_is_refused(self, key: Any):
        assert not passes(signed({**HEADER, "jwk": key}))

    def test_the_signature_of_another_key_is_refused(self):
        assert not passes(signed(key=ec.derive_private_key(4712, ec.SECP256R1())))

    def test_an_unused_bit_in_a_coordinate_does_not_make_another_key(self):
        last = {"A": "B", "Q": "R", "g": "h", "w": "x", "E": "F", "U": "V", "k": "l", "0": "1", "I": "J", "Y": "Z", "o": "p", "4": "5"}
        last |= {"M": "N", "c": "d", "s": "t", "8": "9"}
        x = jwk()["x"]
        assert not passes(signed({**HEADER, "jwk": {**jwk(), "x": x[:-1] + last[x[-1]]}}))


class TestForm:
    @pytest.mark.parametrize("alg", ["none", "None", "", None, "HS256", "RS256", "ES384", "EdDSA", "es256"])
    def test_no_other_algorithm_is_taken(self, alg: Any):
        assert not passes(signed({**HEADER, "alg": alg}))

    def test_other_algorithms_signatures_are_refused(self):
        rsa_key = rsa.generate_private_key(65537, 2048)
        assert not passes(jwt.encode(CLAIMS, rsa_key, "RS256", {"typ": "dpop+jwt", "jwk": jwk()}))
        assert not passes(jwt.encode(CLAIMS, Ed25519PrivateKey.generate(), "EdDSA", {"typ": "dpop+jwt", "jwk": jwk()}))
        text = ".".join(b64(json.dumps(part).encode()) for part in ({**HEADER, "alg": "HS256"}, CLAIMS))
        assert not passes(f"{text}.{b64(hmac.digest(jwk()['x'].encode(), text.encode(), 'sha256'))}")

    @pytest.mark.parametrize("altered", [{"typ": "JWT"}, {"typ": "at+jwt"}, {"typ": None}, {"crit": ["exp"]}, {"b64": False}])
    def test_any_other_header_is_refused(self, altered: dict[str, Any]):
        assert not passes(signed({**HEADER, **altered}))

    @pytest.mark.parametrize("part", [b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 3000, b""])
    def test_what_is_no_object_is_refused(self, part: bytes):
        assert not passes(signed(header=part))
        assert not passes(signed(claims=part))

    def test_a_claim_told_twice_is_refused(self):
        assert not passes(signed(claims=json.dumps(CLAIMS)[:-1].encode() + b',"htm":"POST"}'))

    @pytest.mark.parametrize("jti", ["x" * 15, "x" * 129, "", None, 5, ["0123456789abcdef"]])
    def test_a_jti_that_could_be_guessed_or_fill_the_memory_is_refused(self, jti: Any):
        assert not passes(signed(claims={**CLAIMS, "jti": jti}))

    def test_a_proof_is_read_up_to_its_longest_and_no_further(self):
        assert not passes(signed(claims={**CLAIMS, "x": "y" * MAX_CHARS}))
        assert not passes("a" * 10_000_000)

    @pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", signed() + "=", signed() + "\n", signed().rpartition(".")[0] + ".", " "])
    def test_what_is_no_compact_jws_is_refused(self, text: str):
        assert not passes(text)

    @SAME
    @given(st.integers(0), st.integers(0, 7))
    def test_no_bit_can_be_flipped(self, place: int, bit: int):
        good = signed().encode()
        place %= len(good)
        flipped = good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :]
        assert not passes(flipped.decode("latin-1"))

    @SAME
    @given(st.text(max_size=200) | st.from_regex(r"\A[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{86}\Z"))
    def test_no_text_causes_another_error(self, text: str):
        assert not passes(text)


class TestBody:
    def test_a_body_must_be_the_one_that_was_proved(self):
        proof = PROOFS.verify(CLIENT.proof("POST", URL, ACCESS, b"{}"), "POST", URL, NOW_S, ACCESS)
        proof.check_body(b"{}")
        for other in (b"", b"{ }", b"{}\n"):
            with pytest.raises(ProofInvalid):
                proof.check_body(other)

    def test_a_body_without_a_hash_is_told_so(self):
        proof = PROOFS.verify(signed(), "POST", URL, NOW_S, ACCESS)
        proof.check_body(b"")
        with pytest.raises(ProofBodyHashMissing):
            proof.check_body(b"{}")

    @pytest.mark.parametrize("bdh", [5, True, [], {}])
    def test_a_hash_that_is_none_is_refused(self, bdh: Any):
        assert not passes(signed(claims={**CLAIMS, "bdh": bdh}))

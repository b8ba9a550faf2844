"""`gateway.crypto.access_token`: one form of token opens the door, by the rules of RFC 8725, and nothing that resembles it."""

import base64
import hashlib
import hmac
import json
import random
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import AuthenticationExpired, AuthenticationInvalid
from contract.limits import ACCESS_TOKEN_TTL_S
from gateway.crypto.access_token import ACCESS, ADMIN, LEEWAY_S, MAX_CHARS, Tokens
from gateway.crypto.identity import public_bytes
from gateway.crypto.signing_keys import SigningKeys, new_key
from gateway.rules.key_ring import LAST_TOKEN_US, KeyState, SigningKey
from kit.clock import SECOND

SAME = settings(deadline=None, derandomize=True)
NOW_S = 1_767_225_600
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
SESSION: dict[str, Any] = {"sid": "s-1", "did": "d-1", "cnf": {"jkt": "j" * 43}}


def ring(raw: bytes, state: KeyState = KeyState.ACTIVE, since_s: int = NOW_S, now_s: int = NOW_S) -> SigningKeys:
    """A ring of one key."""
    made = new_key(raw)
    keys = SigningKeys(lambda: now_s * SECOND)
    keys.replace([SigningKey(made.kid, made.public, state, since_s * SECOND)])
    keys.hold(made.kid, made.private)
    return keys


MINE, THEIRS = ring(b"k" * 32), ring(b"o" * 32)
TOKENS = Tokens(ACCESS, MINE, "gw234567")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ORDER = 2**252 + 27742317777372353535851937790883648493
HASH = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def issue(user: str = "u-1", now_s: int = NOW_S, tokens: Tokens = TOKENS) -> str:
    return tokens.issue(user, "api", now_s, random.Random(1).randbytes, **SESSION)[0]


TOKEN = issue()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def un64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


HEADER: dict[str, Any] = json.loads(un64(TOKEN.split(".")[0]))
CLAIMS: dict[str, Any] = json.loads(un64(TOKEN.split(".")[1]))


def signed(header: Any = None, claims: Any = None, key: Ed25519PrivateKey = KEY) -> str:
    """A token whose signature is right, whatever it says; bytes are taken as they are."""
    parts = [HEADER if header is None else header, CLAIMS if claims is None else claims]
    text = ".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in parts)
    return f"{text}.{b64(key.sign(text.encode()))}"


def refused(token: str, now_s: int = NOW_S, tokens: Tokens = TOKENS) -> type[AuthenticationInvalid] | None:
    """The class of the refusal, None when the token is taken; any other error fails the test."""
    try:
        tokens.verify(token, now_s)
    except AuthenticationInvalid as refusal:
        return type(refusal)
    return None


class TestIssue:
    def test_what_is_issued_is_verified_and_names_its_user_and_end(self):
        token, jti = TOKENS.issue("u-1", "api", NOW_S, random.Random(1).randbytes, **SESSION)
        claims = TOKENS.verify(token, NOW_S)
        assert (claims["sub"], claims["jti"], claims["exp"]) == ("u-1", jti, NOW_S + ACCESS_TOKEN_TTL_S)

    def test_its_header_is_pinned(self):
        kid = hashlib.sha256(public_bytes(KEY)).hexdigest()[:16]
        assert {"alg": "EdDSA", "typ": "at+jwt", "kid": kid} == HEADER

    def test_its_claims_are_those_of_rfc_9068_for_this_gateway(self):
        assert {
            "iss": "urn:flowork:gateway:gw234567",
            "aud": "urn:flowork:gateway:gw234567:api",
            "sub": "u-1",
            "jti": random.Random(1).randbytes(16).hex(),
            "iat": NOW_S,
            "nbf": NOW_S,
            "exp": NOW_S + ACCESS_TOKEN_TTL_S,
            "scope": "api",
            "ver": 1,
            **SESSION,
        } == CLAIMS

    def test_two_tokens_of_one_second_differ(self):
        chance = random.Random(1).randbytes
        assert TOKENS.issue("u-1", "api", NOW_S, chance) != TOKENS.issue("u-1", "api", NOW_S, chance)

    def test_another_reader_of_jwt_takes_it(self):
        claims = jwt.decode(TOKEN, KEY.public_key(), ["EdDSA"], audience=CLAIMS["aud"], options={"verify_exp": False})
        assert claims == CLAIMS

    @pytest.mark.parametrize("user", ["", "u-1", "Grüße \N{GRINNING FACE}", '"}\n'])
    def test_every_user_comes_back_as_they_are(self, user: str):
        assert TOKENS.verify(issue(user), NOW_S)["sub"] == user

    @SAME
    @given(st.integers(0, 2**40), st.integers(0, ACCESS_TOKEN_TTL_S))
    def test_a_token_is_good_from_its_issue_to_its_end(self, issued_s: int, later_s: int):
        assert TOKENS.verify(issue(now_s=issued_s), issued_s + later_s)["exp"] == issued_s + ACCESS_TOKEN_TTL_S


class TestTime:
    @pytest.mark.parametrize(
        ("now_s", "refusal"),
        [
            (NOW_S - 3600, AuthenticationInvalid),
            (NOW_S - LEEWAY_S - 1, AuthenticationInvalid),
            (NOW_S - LEEWAY_S, None),
            (NOW_S, None),
            (NOW_S + ACCESS_TOKEN_TTL_S, None),
            (NOW_S + ACCESS_TOKEN_TTL_S + LEEWAY_S - 1, None),
            (NOW_S + ACCESS_TOKEN_TTL_S + LEEWAY_S, AuthenticationExpired),
            (NOW_S + 10 * 365 * 86_400, AuthenticationExpired),
        ],
    )
    def test_a_token_is_good_in_its_time_and_a_few_seconds_around(self, now_s: int, refusal: type | None):
        assert refused(TOKEN, now_s) is refusal

    def test_a_token_from_the_future_says_to_look_at_the_clocks(self):
        with pytest.raises(AuthenticationInvalid, match="clocks"):
            TOKENS.verify(TOKEN, NOW_S - 3600)

    @pytest.mark.parametrize(
        "altered",
        [
            {"exp": NOW_S},
            {"exp": NOW_S - 1},
            {"exp": NOW_S + ACCESS_TOKEN_TTL_S + 1},
            {"exp": NOW_S + 10 * 365 * 86_400},
            {"iat": NOW_S - 1},
            {"iat": 0},
            {"nbf": NOW_S + LEEWAY_S + 1},
            {"iat": -(10**400), "exp": 10**400},
        ],
    )
    def test_a_token_that_claims_another_length_of_life_is_refused(self, altered: dict[str, Any]):
        assert refused(signed(claims={**CLAIMS, **altered})) is AuthenticationInvalid

    def test_the_end_of_its_time_is_told_only_of_a_token_that_is_ours(self):
        late = NOW_S + 86_400
        for token in (issue(tokens=Tokens(ACCESS, THEIRS, "gw234567")), TOKEN[:-4] + "AAAA", signed(claims={**CLAIMS, "ver": 2})):
            assert refused(token, late) is AuthenticationInvalid


class TestSignature:
    def test_another_key_is_refused(self):
        assert refused(issue(tokens=Tokens(ACCESS, THEIRS, "gw234567"))) is AuthenticationInvalid

    def test_another_key_under_our_key_id_is_refused(self):
        assert refused(signed(key=OTHER_KEY)) is AuthenticationInvalid

    @pytest.mark.parametrize("gateway", ["gw765432", "gw23456", "gw2345677", "GW234567", ""])
    def test_another_gateway_with_the_same_key_is_refused(self, gateway: str):
        assert refused(issue(tokens=Tokens(ACCESS, MINE, gateway))) is AuthenticationInvalid

    @pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, "eddsa", "Ed25519", "ES256", "RS256", "HS256"])
    @pytest.mark.parametrize("signature", ["", "AA", None])
    def test_no_other_algorithm_is_taken_with_or_without_a_signature(self, alg: str | None, signature: str | None):
        head, body, good = signed({**HEADER, "alg": alg}).split(".")
        assert refused(f"{head}.{body}.{good if signature is None else signature}") is AuthenticationInvalid

    @pytest.mark.parametrize("alg", HASH)
    @pytest.mark.parametrize("pinned", [True, False])
    def test_a_mac_made_with_our_public_key_is_refused(self, alg: str, pinned: bool):
        secrets = [
            public_bytes(KEY),
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            public_bytes(KEY).hex().encode(),
            HEADER["kid"].encode(),
            b"",
        ]
        header = HEADER if pinned else {**HEADER, "alg": alg}
        text = ".".join(b64(json.dumps(part).encode()) for part in (header, CLAIMS))
        for secret in secrets:
            assert refused(f"{text}.{b64(hmac.digest(secret, text.encode(), HASH[alg]))}") is AuthenticationInvalid

    def test_a_signature_on_another_curve_is_refused(self):
        key = ec.derive_private_key(7, ec.SECP256R1())
        assert refused(jwt.encode(CLAIMS, key, "ES256", {"typ": "at+jwt", "kid": HEADER["kid"]})) is AuthenticationInvalid

    def test_the_same_signature_with_a_larger_s_is_refused(self):
        head, body, signature = TOKEN.split(".")
        raw = un64(signature)
        larger = int.from_bytes(raw[32:], "little") + ORDER
        assert refused(f"{head}.{body}.{b64(raw[:32] + larger.to_bytes(32, 'little'))}") is AuthenticationInvalid

    @pytest.mark.parametrize("raw", [b"\0", bytes(64), b"\xff" * 64, bytes(63), bytes(65), b"\x01" + bytes(63)])
    def test_a_signature_of_nothing_is_refused(self, raw: bytes):
        head, body, _ = TOKEN.split(".")
        assert refused(f"{head}.{body}.{b64(raw)}") is AuthenticationInvalid

    def test_parts_of_two_good_tokens_do_not_make_a_third(self):
        mine, theirs = TOKEN.split("."), issue("u-2").split(".")
        assert refused(".".join([mine[0], theirs[1], mine[2]])) is AuthenticationInvalid
        assert refused(".".join([mine[0], mine[1], theirs[2]])) is AuthenticationInvalid


class TestHeader:
    @pytest.mark.parametrize(
        "altered",
        [
            {"typ": "JWT"},
            {"typ": "AT+JWT"},
            {"typ": "application/at+jwt"},
            {"typ": "dpop+jwt"},
            {"typ": None},
            {"kid": "other"},
            {"kid": None},
            {"kid": ["x"]},
            {"kid": "../../etc/passwd"},
            {"crit": ["exp"]},
            {"b64": False},
            {"zip": "DEF"},
            {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64(public_bytes(OTHER_KEY))}},
            {"jku": "https://evil.example/keys"},
            {"x5u": "https://evil.example/cert"},
            {"cty": "JWT"},
        ],
    )
    def test_any_other_header_is_refused_though_rightly_signed(self, altered: dict[str, Any]):
        assert refused(signed({**HEADER, **altered})) is AuthenticationInvalid

    @pytest.mark.parametrize("name", ["alg", "typ", "kid"])
    def test_a_member_left_out_is_missed(self, name: str):
        assert refused(signed({key: value for key, value in HEADER.items() if key != name})) is AuthenticationInvalid

    @pytest.mark.parametrize("header", [[], "EdDSA", 1, True, b"null", b"{", b"", b"\xff", b"[" * 2000, b'"\xed\xa0\x80"'])
    def test_what_is_no_object_is_refused(self, header: Any):
        assert refused(signed(header)) is AuthenticationInvalid

    def test_a_member_told_twice_is_refused(self):
        twice = json.dumps(HEADER)[:-1] + ',"alg":"EdDSA"}'
        assert refused(signed(twice.encode())) is AuthenticationInvalid


class TestClaims:
    @pytest.mark.parametrize("name", CLAIMS)
    def test_a_claim_left_out_is_missed(self, name: str):
        assert refused(signed(claims={key: value for key, value in CLAIMS.items() if key != name})) is AuthenticationInvalid

    @pytest.mark.parametrize("name", CLAIMS)
    @pytest.mark.parametrize(
        "value", [None, True, False, [], {}, {"jkt": 1}, {"jkt": "j", "x": 1}, 1.5, ["urn:flowork:gateway:gw234567:api"]]
    )
    def test_a_claim_of_another_type_is_refused(self, name: str, value: Any):
        assert refused(signed(claims={**CLAIMS, name: value})) is AuthenticationInvalid

    @pytest.mark.parametrize("name", CLAIMS)
    def test_a_text_is_no_number_and_a_number_no_text_and_no_fraction(self, name: str):
        right = CLAIMS[name]
        for value in (str(right), "", float(right)) if isinstance(right, int) else (0, 1):
            assert refused(signed(claims={**CLAIMS, name: value})) is AuthenticationInvalid

    @pytest.mark.parametrize("altered", [{"admin": True}, {"nonce": "x"}, {"": 1}, {"azp": "x"}])
    def test_a_claim_we_do_not_know_is_refused(self, altered: dict[str, Any]):
        assert refused(signed(claims={**CLAIMS, **altered})) is AuthenticationInvalid

    @pytest.mark.parametrize(
        "altered",
        [
            {"iss": "urn:flowork:gateway:gw765432"},
            {"aud": "urn:flowork:gateway:gw765432:api"},
            {"aud": ["urn:flowork:gateway:gw234567:api", "urn:flowork:gateway:gw765432:api"]},
            {"aud": "urn:flowork:gateway:gw234567"},
            {"ver": 0},
            {"ver": 2},
        ],
    )
    def test_a_token_for_somebody_else_is_refused(self, altered: dict[str, Any]):
        assert refused(signed(claims={**CLAIMS, **altered})) is AuthenticationInvalid

    def test_a_claim_told_twice_is_refused_since_two_readers_could_take_two(self):
        twice = json.dumps(CLAIMS)[:-1] + ',"sub":"u-2"}'
        assert refused(signed(claims=twice.encode())) is AuthenticationInvalid

    @pytest.mark.parametrize(
        "claims", [[], "text", 1, b"null", b"{", b"", b"\xff", b"[" * 2500, b'{"exp":' + b"9" * 2500 + b"}", b'{"a":NaN}']
    )
    def test_what_is_no_set_of_claims_is_refused(self, claims: Any):
        assert refused(signed(claims=claims)) is AuthenticationInvalid

    def test_a_payload_changed_after_the_signature_is_refused(self):
        head, _, signature = TOKEN.split(".")
        for altered in ({"sub": "u-2"}, {"exp": CLAIMS["exp"] + 1}, {"scope": "admin"}, {}):
            body = b64(json.dumps({**CLAIMS, **altered}, indent=None if altered else 1).encode())
            assert refused(f"{head}.{body}.{signature}") is AuthenticationInvalid


class TestForm:
    def test_no_single_character_can_be_another(self):
        chance = random.Random(3)
        for place, character in enumerate(TOKEN):
            for other in {*chance.sample(ALPHABET, 2), "."} - {character}:
                assert refused(TOKEN[:place] + other + TOKEN[place + 1 :]) is AuthenticationInvalid, (place, other)

    def test_the_unused_bits_of_the_last_character_cannot_be_others(self):
        for other in set(ALPHABET) - {TOKEN[-1]}:
            assert refused(TOKEN[:-1] + other) is AuthenticationInvalid

    def test_no_character_can_be_left_out_or_doubled(self):
        for place in range(len(TOKEN)):
            assert refused(TOKEN[:place] + TOKEN[place + 1 :]) is AuthenticationInvalid
            assert refused(TOKEN[:place] + TOKEN[place] + TOKEN[place:]) is AuthenticationInvalid

    @pytest.mark.parametrize(
        "token",
        [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            TOKEN + "=",
            TOKEN + "==",
            TOKEN + "\n",
            TOKEN + ".",
            "." + TOKEN,
            " " + TOKEN,
            TOKEN + " ",
            "Bearer " + TOKEN,
            TOKEN.replace(".", "..", 1),
            TOKEN.replace(".", ".\n", 1),
            TOKEN.rpartition(".")[0],
            TOKEN.rpartition(".")[0] + ".",
            TOKEN.upper(),
            TOKEN + "." + TOKEN,
            json.dumps({"payload": TOKEN.split(".")[1], "signatures": []}),
            "\N{FULLWIDTH LATIN SMALL LETTER E}" + TOKEN[1:],
            "\ud800",
            "\0",
        ],
    )
    def test_what_is_no_compact_jws_is_refused(self, token: str):
        assert refused(token) is AuthenticationInvalid

    def test_a_token_is_read_up_to_its_longest_and_no_further(self):
        fitting = issue("u" * 2600)
        assert len(fitting) <= MAX_CHARS
        assert refused(fitting) is None
        too_long = issue("u" * 2900)
        assert len(too_long) > MAX_CHARS
        assert refused(too_long) is AuthenticationInvalid
        assert refused("a" * 10_000_000) is AuthenticationInvalid

    @SAME
    @given(st.text(max_size=100) | st.from_regex(r"\A[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,90}\Z"))
    def test_no_text_causes_another_error(self, token: str):
        assert refused(token) is AuthenticationInvalid

    @SAME
    @given(
        st.dictionaries(
            st.sampled_from([*CLAIMS, "x"]), st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text())
        )
    )
    def test_no_claims_of_our_own_key_cause_another_error(self, altered: dict[str, Any]):
        refused(signed(claims={**CLAIMS, **altered}))

    def test_a_refusal_does_not_repeat_the_token(self):
        for token in (TOKEN[:-4] + "AAAA", "garbage-token"):
            with pytest.raises(AuthenticationInvalid) as refusal:
                TOKENS.verify(token, NOW_S)
            assert token not in str(refusal.value)
            assert refusal.value.problem()["status"] == 401


class TestKeys:
    """Which key of the ring a token may come from."""

    @pytest.mark.parametrize("state", [KeyState.NEXT, KeyState.RETIRED, KeyState.COMPROMISED])
    def test_a_key_that_is_not_yet_or_no_longer_trusted_is_refused(self, state: KeyState):
        assert refused(TOKEN, tokens=Tokens(ACCESS, ring(b"k" * 32, state), "gw234567")) is AuthenticationInvalid

    def test_a_key_that_signs_no_more_is_trusted_until_its_last_token_has_ended(self):
        last_s = LAST_TOKEN_US // SECOND
        for later_s, refusal in ((0, None), (last_s - 1, None), (last_s, AuthenticationInvalid)):
            keys = ring(b"k" * 32, KeyState.VERIFY_ONLY, now_s=NOW_S + later_s)
            assert refused(TOKEN, NOW_S, Tokens(ACCESS, keys, "gw234567")) is refusal

    def test_a_token_that_was_taken_is_refused_once_its_key_is_struck_out(self):
        keys = ring(b"k" * 32)
        tokens = Tokens(ACCESS, keys, "gw234567")
        assert refused(TOKEN, tokens=tokens) is None
        made = new_key(b"k" * 32)
        keys.replace([SigningKey(made.kid, made.public, KeyState.COMPROMISED, NOW_S * SECOND)])
        assert refused(TOKEN, tokens=tokens) is AuthenticationInvalid

    def test_an_admin_token_is_no_access_token_and_the_reverse(self):
        admin = Tokens(ADMIN, MINE, "gw234567")
        token, _ = admin.issue("owner", "status:read", NOW_S, random.Random(1).randbytes, act="local")
        assert refused(token, tokens=admin) is None
        assert refused(token) is AuthenticationInvalid
        assert refused(TOKEN, tokens=admin) is AuthenticationInvalid

    def test_an_admin_token_that_would_last_longer_is_refused(self):
        admin = Tokens(ADMIN, MINE, "gw234567")
        claims = {name: CLAIMS[name] for name in ("iss", "sub", "jti", "iat", "nbf", "scope", "ver")}
        header = {**HEADER, "typ": "admin+jwt"}
        aud = "urn:flowork:gateway:gw234567:admin"
        for ttl_s, refusal in ((900, None), (901, AuthenticationInvalid)):
            token = signed(header, {**claims, "aud": aud, "exp": NOW_S + ttl_s, "act": "local"})
            assert refused(token, tokens=admin) is refusal

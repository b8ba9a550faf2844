"""Security reference §8.1, group C: access tokens. Every form of a bad token is in `tests/unit/gateway/crypto/test_access_token.py`;
here is what the door answers."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contract.limits import ACCESS_TOKEN_TTL_S
from gateway.rules.key_ring import KeyState

from .conftest import Answer, Site

PATH = "/api/v1/jobs"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = site.tokens.access_token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))  # type: ignore[return-value]


def minted(site: Site, header: dict[str, Any] | None = None, claims: dict[str, Any] | bytes | None = None, sign: Any = None) -> str:
    """A token by the gateway's own key, whatever it says."""
    own_header, own_claims = parts(site)
    body = claims if isinstance(claims, bytes) else json.dumps({**own_claims, **(claims or {})}).encode()
    text = f"{b64(json.dumps({**own_header, **(header or {})}).encode())}.{b64(body)}"
    _, key = site.gateway._parts.operations.ring.keys.signer()
    return f"{text}.{b64((sign or key.sign)(text.encode()))}"


async def with_token(site: Site, token: str) -> Answer:
    return await site.call("GET", PATH, access=token)


async def refused(site: Site, token: str, code: str = "auth.token_invalid") -> None:
    answer = await with_token(site, token)
    assert answer.told == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_token"')


async def test_C00_a_token_that_we_mint_alike_is_taken(site: Site):
    assert (await with_token(site, minted(site))).status == 200


@pytest.mark.parametrize("alg", ["none", "None", "nOnE"])
async def test_C01_no_algorithm_is_refused(site: Site, alg: str):
    await refused(site, minted(site, {"alg": alg}, sign=lambda _: b"\0"))
    await refused(site, minted(site, {"alg": alg}).rpartition(".")[0] + ".")


async def test_C02_a_mac_with_the_public_key_is_refused(site: Site):
    ring = site.gateway._parts.operations.ring.keys
    public = ring.verifier(ring.active())
    import hmac

    for secret in (
        ring.public_of(ring.active()),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ):
        await refused(site, minted(site, {"alg": "HS256"}, sign=lambda text, secret=secret: hmac.digest(secret, text, "sha256")))


@pytest.mark.parametrize("alg", ["RS256", "ES256", "Ed448"])
async def test_C03_other_algorithms_are_refused(site: Site, alg: str):
    await refused(site, minted(site, {"alg": alg}))
    header, claims = parts(site)
    await refused(site, jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", {**header, "alg": "ES256"}))


@pytest.mark.parametrize("kid", ["unknown", "../../key", "' OR 1=1 --", "k" * 2000, ["x"], None, 5, ""])
async def test_C04_an_unknown_key_id_is_refused(site: Site, kid: Any):
    await refused(site, minted(site, {"kid": kid}))


MORE = [{"jku": "http://127.0.0.1:1/"}, {"jwk": {}}, {"x5u": "http://127.0.0.1:1/"}, {"x5c": []}, {"crit": []}, {"b64": False}]


@pytest.mark.parametrize("more", [*MORE, {"zip": "DEF"}])
async def test_C05_any_further_header_is_refused(site: Site, more: dict[str, Any]):
    await refused(site, minted(site, more))


async def test_C06_a_token_ends_five_seconds_after_its_time(site: Site):
    token = site.tokens.access_token
    site.clock.forward(ACCESS_TOKEN_TTL_S + 3)
    assert (await with_token(site, token)).status == 200
    site.clock.forward(3)
    await refused(site, token, "auth.token_expired")


@pytest.mark.parametrize("exp", ["1", 1.5, -1, None, 10**30, True, "NaN"])
async def test_C07_an_end_that_is_no_time_is_refused(site: Site, exp: Any):
    await refused(site, minted(site, claims={"exp": exp}))


async def test_C08_a_token_from_the_future_or_for_too_long_is_refused(site: Site):
    now = parts(site)[1]["iat"]
    for changed in ({"iat": now + 60, "exp": now + 600}, {"nbf": now + 60}, {"exp": now + 601}):
        await refused(site, minted(site, claims=changed))


async def test_C09_another_audience_is_refused(site: Site):
    own = parts(site)[1]["aud"]
    for aud in ([own], [own, "x"], own.replace(":api", ":admin"), "urn:flowork:gateway:other:api", "", None):
        await refused(site, minted(site, claims={"aud": aud}))


async def test_C10_another_issuer_is_refused(site: Site):
    own = parts(site)[1]["iss"]
    for iss in (own[:-1], own + "1", "urn:flowork:gateway:other", ""):
        await refused(site, minted(site, claims={"iss": iss}))


@pytest.mark.parametrize("typ", ["refresh+jwt", "dpop+jwt", "admin+jwt", "JWT", "", None])
async def test_C11_a_token_of_another_kind_is_refused(site: Site, typ: str | None):
    await refused(site, minted(site, {"typ": typ}))


async def test_C12_a_claim_told_twice_is_refused(site: Site):
    _, claims = parts(site)
    await refused(site, minted(site, claims=json.dumps(claims)[:-1].encode() + b',"sub":"other"}'))


async def test_C13_other_spellings_are_refused(site: Site):
    token = site.tokens.access_token
    for other in (
        token + "=",
        token.replace(".", ".="),
        token.rpartition(".")[0],
        token + ".x",
        token[:9] + "+/" + token[11:],
        "a" * 12_000,
    ):
        await refused(site, other)


async def test_C14_a_flipped_bit_is_refused(site: Site):
    token = site.tokens.access_token
    for place in range(0, len(token), 37):
        flipped = chr(ord(token[place]) ^ 2)
        if flipped.isprintable() and flipped not in " ,":
            await refused(site, token[:place] + flipped + token[place + 1 :])


async def test_C15_only_keys_that_are_trusted_now_pass(site: Site):
    ring = site.gateway._parts.operations.ring
    token = site.tokens.access_token
    await ring.rotate("owner")
    assert (await with_token(site, token)).status == 200  # verify-only
    await ring.compromised("owner")
    await refused(site, token)
    assert {key.state for key in await ring.people.signing_keys()} == {KeyState.COMPROMISED, KeyState.ACTIVE}
    refreshed = await site.api.refresh()
    assert (await with_token(site, refreshed.access_token)).status == 200


async def test_C16_a_token_of_a_session_that_has_ended_is_refused(site: Site):
    sessions = site.gateway._parts.operations.sessions
    token = site.tokens.access_token
    await sessions.end(site.tokens.session, "owner", "signout")
    await refused(site, token, "auth.token_revoked")
    second = await site.api.sign_in()
    await sessions.revoke(second.device, "owner")
    await refused(site, second.access_token, "auth.token_revoked")


async def test_C16_a_token_of_a_removed_user_is_refused(site: Site):
    await site.gateway._parts.operations.sessions.remove_user(site.tokens.user, "owner")
    await refused(site, site.tokens.access_token, "auth.token_revoked")

"""Security reference §8.1, group J, admin tokens and approvals (J01 to J04) and keys (J08)."""

import json
from typing import Any

import aiohttp
import pytest

from app.client.admin import open_admin
from app.client.api import open_api
from contract.errors import PairingCodeInvalid, ScopeMissing, SecretsLocked
from contract.limits import ADMIN_TOKEN_TTL_S
from contract.people import OfferMake
from contract.signin import APPROVAL_HEADER, Challenge, build_message, encoded
from contract.words import Scope
from gateway.rules.key_ring import KeyState
from kit.vault import Vault
from tests.support.devices import KEYS
from tests.support.inside import SleepyClock, gateway_on, pair
from tests.support.secrets import MemorySecrets

from .conftest import Answer, Site

OFFER = {"name": "Bob", "role": "member"}


async def at_admin(tmp_path, method: str, path: str, token: str | None, asked: Any = None) -> tuple[int, str | None]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connector = aiohttp.UnixConnector(str(tmp_path / "g" / "run" / "admin.sock"))
    async with (
        aiohttp.ClientSession("http://flowork", connector=connector) as session,
        session.request(method, f"/admin/v1{path}", json=asked, headers=headers) as response,
    ):
        body = await response.json(content_type=None) if response.status != 204 else {}
        return response.status, body.get("code")


async def test_J01_an_admin_token_ends_after_fifteen_minutes(site: Site, tmp_path):
    token = await site.gateway._parts.operations.admin_tokens.mint([Scope.USERS_READ])
    assert await at_admin(tmp_path, "GET", "/users", token) == (200, None)
    site.clock.forward(ADMIN_TOKEN_TTL_S - 60)  # the clock runs on meanwhile; the exact second is a matter of the verifier's own tests
    assert await at_admin(tmp_path, "GET", "/users", token) == (200, None)
    site.clock.forward(66)
    assert await at_admin(tmp_path, "GET", "/users", token) == (401, "auth.token_expired")


async def test_J01_a_token_minted_with_the_real_key_for_longer_is_refused(site: Site, tmp_path):
    import jwt

    tokens = site.gateway._parts.operations.admin_tokens
    good = await tokens.mint([Scope.USERS_READ])
    claims = jwt.decode(good, options={"verify_signature": False})
    kid, key = tokens.tokens._ring.signer()
    for changed in ({"exp": claims["iat"] + 901}, {"jti": "0" * 32}):
        forged = jwt.encode({**claims, **changed}, key, "EdDSA", {"typ": "admin+jwt", "kid": kid})
        assert await at_admin(tmp_path, "GET", "/users", forged) == (401, "auth.token_invalid")


async def test_J02_a_scope_is_needed_and_unknown_ones_are_refused(site: Site, tmp_path):
    token = await site.gateway._parts.operations.admin_tokens.mint([Scope.USERS_READ])
    assert await at_admin(tmp_path, "POST", "/keys/rotate", token, {}) == (403, "auth.scope_missing")
    assert await at_admin(tmp_path, "POST", "/pairings", token, OFFER) == (403, "auth.scope_missing")
    for scopes in (["*"], ["users:*"], ["root"], [], ["users:read", "x"]):
        assert await at_admin(tmp_path, "POST", "/tokens", None, {"scopes": scopes}) == (400, "request.invalid")
    assert site.gateway._parts.operations.pairing.offers() == []
    assert [key.state for key in await site.gateway._parts.operations.ring.people.signing_keys()] == [KeyState.ACTIVE]


async def test_J02_reading_jobs_does_not_allow_changing_them_and_neither_comes_with_another_scope(site: Site, tmp_path):
    tokens, job = site.gateway._parts.operations.admin_tokens, "aaaa_01890000-0000-7000-8000-000000000000"
    status, reads, changes = [await tokens.mint([scope]) for scope in (Scope.STATUS_READ, Scope.JOBS_READ, Scope.JOBS_CHANGE)]
    acts = [("POST", f"/jobs/{job}/cancel"), ("POST", f"/jobs/{job}/redrive"), ("DELETE", f"/jobs/{job}")]
    for method, path in [("GET", "/jobs"), ("GET", f"/jobs/{job}"), *acts]:
        assert await at_admin(tmp_path, method, path, status) == (403, "auth.scope_missing")
        assert await at_admin(tmp_path, method, path, None) == (401, "auth.missing")
    assert await at_admin(tmp_path, "GET", "/jobs", changes) == (403, "auth.scope_missing")
    for method, path in acts:
        assert await at_admin(tmp_path, method, path, reads) == (403, "auth.scope_missing")
        assert await at_admin(tmp_path, method, path, changes) == (404, "job.not_found")
    assert await at_admin(tmp_path, "GET", "/jobs", reads) == (200, None)
    for path in ("/admin/v1/jobs", f"/admin/v1/jobs/{job}"):
        assert (await site.ask("GET", path, None, {"Authorization": f"Bearer {reads}"})).told == (404, "request.route_unknown")


async def test_J03_admin_tokens_come_from_the_admin_channel_only_and_serve_there_only(site: Site, tmp_path):
    assert (await site.call("POST", "/admin/v1/tokens", {"scopes": ["users:read"]})).told == (404, "request.route_unknown")
    token = await site.gateway._parts.operations.admin_tokens.mint([Scope.USERS_READ])
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await site.ask("GET", "/admin/v1/users", None, bearer)).told == (404, "request.route_unknown")
    assert (await site.ask("GET", "/api/v1/users", None, bearer)).status == 401
    assert await at_admin(tmp_path, "GET", "/users", site.tokens.access_token) == (401, "auth.token_invalid")
    assert await at_admin(tmp_path, "GET", "/users", None) == (401, "auth.missing")
    socket = tmp_path / "g" / "run" / "admin.sock"
    assert socket.stat().st_mode & 0o777 == 0o600
    assert socket.parent.stat().st_mode & 0o777 == 0o700


async def test_J03_over_tcp_the_secret_of_the_owners_file_is_needed(tmp_path):
    async with gateway_on(tmp_path / "g", admin_over_tcp=True), open_admin(tmp_path / "g") as admin:
        assert (await admin.users()).users
        told = json.loads((tmp_path / "g" / "run" / "admin.json").read_text())
        assert (tmp_path / "g" / "run" / "admin.json").stat().st_mode & 0o777 == 0o600
        for secret in ("", "0" * 64, told["secret"][:-1], told["secret"] + "0"):
            url, asked = f"http://127.0.0.1:{told['port']}/admin/v1/tokens", {"scopes": ["users:read"]}
            async with aiohttp.request("POST", url, json=asked, headers={"X-Flowork-Admin": secret}) as response:
                assert response.status == 404


async def approval(site: Site, path: str, asked: Any) -> str:
    """The header with Ann's signature under this request."""
    import hashlib

    body_sha256 = encoded(hashlib.sha256(json.dumps(asked).encode()).digest())
    answer = await site.call("POST", "/api/v1/auth/approval", {"method": "POST", "path": path, "body_sha256": body_sha256})
    challenge = Challenge.model_validate(answer.body)
    message = build_message(challenge, address=site.keys.address)
    assert f"Approve: POST {path}" in message
    return f"{encoded(message.encode())}.{site.keys.sign(message)}"


async def act(site: Site, path: str, asked: Any, header: str | None) -> Answer:
    body = json.dumps(asked).encode()
    headers = site.signed("POST", path, body)
    return await site.ask("POST", path, body, headers if header is None else {**headers, APPROVAL_HEADER: header})


async def test_J04_the_owners_remote_act_needs_a_signature_under_this_very_request(site: Site):
    path = "/api/v1/pairings"
    assert (await act(site, path, OFFER, None)).told == (401, "auth.approval_needed")
    assert (await act(site, path, {"name": "Eve"}, await approval(site, path, OFFER))).told == (401, "auth.challenge_invalid")
    other = f"/api/v1/devices/{site.tokens.device}/revoke"
    assert (await act(site, other, OFFER, await approval(site, path, OFFER))).told == (401, "auth.challenge_invalid")
    assert site.gateway._parts.operations.pairing.offers() == []
    header = await approval(site, path, OFFER)
    assert (await act(site, path, OFFER, header)).status == 201
    assert (await act(site, path, OFFER, header)).told == (401, "auth.challenge_invalid")
    assert len(site.gateway._parts.operations.pairing.offers()) == 1


async def test_J04_an_approval_ends_after_two_minutes_and_signs_nobody_in(site: Site):
    path = "/api/v1/pairings"
    header = await approval(site, path, OFFER)
    site.clock.forward(120)
    assert (await act(site, path, OFFER, header)).told == (401, "auth.challenge_invalid")
    header = await approval(site, path, OFFER)
    message, _, signature = header.partition(".")
    from contract.signin import decoded

    assert (await site.send(decoded(message).decode(), signature)).status in {401, 403}


@pytest.mark.parametrize("header", ["", ".", "a.b", "x" * 5000, "\u00e4.0x"])
async def test_J04_a_header_that_is_none_is_refused(site: Site, header: str):
    answer = await act(site, "/api/v1/pairings", OFFER, header)
    assert answer.status in {400, 401}
    assert site.gateway._parts.operations.pairing.offers() == []


async def test_J04_who_is_not_the_owner_cannot_approve_anything(site: Site, eve):
    async with open_api(site.gateway.address, eve, site.gateway.gateway_key) as api:
        await api.sign_in()
        with pytest.raises(Exception, match=r"auth\.owner_only"):
            await api.invite(OfferMake(name="x"))
        assert [user["name"] for user in (await api._open("GET", "/api/v1/users", _Any, access=api._tokens.access_token)).users] == ["eve"]


class _Any:
    """Whatever was answered."""

    @classmethod
    def model_validate_json(cls, body: bytes) -> Any:
        made = cls()
        made.__dict__.update(json.loads(body))
        return made


async def test_the_owner_invites_and_approves_from_afar(site: Site):
    from contract.pairing import read_link
    from tests.support.devices import device

    offer = await site.api.invite(OfferMake(name="Bob"))
    async with open_api(site.gateway.address, device(31), site.gateway.gateway_key) as bob:
        claimed = await bob.claim(read_link(offer.link), "Bob's phone")
        with pytest.raises(PairingCodeInvalid):
            await site.api.approve("A" * 16, claimed.digits)
        await site.api.approve(offer.offer, claimed.digits)
        tokens = await bob.collect(claimed)
        assert [device.name for device in (await bob.devices()).devices] == ["Bob's phone"]
    assert ("pair.approve", site.tokens.user, offer.offer) in await site.audit()
    assert tokens.user != site.tokens.user


async def test_a_user_revokes_their_own_devices_and_nobody_elses(site: Site, eve):
    async with open_api(site.gateway.address, eve, site.gateway.gateway_key) as api:
        mine = await api.sign_in()
        with pytest.raises(Exception, match=r"device\.not_found"):
            await api.revoke(site.tokens.device)
        await api.revoke(mine.device)
        with pytest.raises(Exception, match=r"auth\."):
            await api.devices()
    assert (await site.call("GET", "/api/v1/devices")).status == 200


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("step", ["vault", "audit", "store", "destroy"])
async def test_J08_a_rotation_that_is_cut_off_at_any_step_loses_no_token(tmp_path, monkeypatch: pytest.MonkeyPatch, step: str):
    secrets = MemorySecrets()
    vault = Vault(secrets)
    clock = SleepyClock()
    async with gateway_on(tmp_path / "g", vault=vault, clock=clock) as gateway:
        ring = gateway._parts.operations.ring

        async def crash(*_: Any, **__: Any) -> None:
            raise Crash

        target = {"vault": (ring.vault, "set"), "audit": (type(ring.audit), "note"), "store": (ring.people, "put_signing_keys")}.get(step)
        async with open_api(gateway.address, KEYS, gateway.gateway_key) as api:
            await api.sign_in()
            monkeypatch.setattr(*(target or (ring.vault, "delete")), crash)
            with pytest.raises(Crash):
                await ring.rotate("owner")
            monkeypatch.undo()
            await api.devices()
            tokens = api._tokens
    async with gateway_on(tmp_path / "g", vault=vault, clock=clock) as again:
        assert [key.state for key in await again._parts.operations.ring.people.signing_keys()].count(KeyState.ACTIVE) == 1
        async with open_api(again.address, KEYS, again.gateway_key) as api:
            api._tokens = tokens
            await api.devices()  # the old token still holds
            await api.sign_in()
    vault.close()


async def test_while_the_vault_is_locked_work_goes_on_and_the_gateway_starts(tmp_path):
    secrets = MemorySecrets()
    vault = Vault(secrets)
    async with gateway_on(tmp_path / "g", vault=vault) as gateway, open_api(gateway.address, KEYS, gateway.gateway_key) as api:
        tokens = await api.sign_in()
    secrets.locked = True
    async with gateway_on(tmp_path / "g", vault=vault) as again, open_api(again.address, KEYS, again.gateway_key) as api:
        api._tokens = tokens
        await api.devices()
        with pytest.raises(SecretsLocked):
            await api.refresh()
        with pytest.raises(SecretsLocked):
            await api.sign_in()
        async with open_admin(tmp_path / "g") as admin:
            assert (await admin.status()).state == "ready"
            with pytest.raises(ScopeMissing):
                admin._tokens[Scope.KEYS_ROTATE] = await again._parts.operations.admin_tokens.mint([Scope.USERS_READ])
                await admin.rotate_keys(False)
        secrets.locked = False
        await api.sign_in()
    vault.close()


async def test_pairing_a_device_again_does_not_bring_back_a_revoked_one(site: Site):
    from tests.support.devices import device

    keys = device(41)
    await pair(site.gateway, keys, "Zoe")
    sessions = site.gateway._parts.operations.sessions
    (row,) = [known for known in sessions.devices() if known.thumbprint == keys.session.thumbprint]
    await sessions.revoke(row.id, "owner")
    assert (await site.sign_in(await site.challenge(keys), keys)).told == (403, "auth.device_unknown")

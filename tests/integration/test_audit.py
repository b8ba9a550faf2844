"""The audit log of a running gateway: what is in it, and that nothing happens which cannot be written down."""

import pytest

from app.client.admin import open_admin
from app.client.api import open_api
from contract.admin import AuditCheck
from contract.errors import AuditUnavailable, DeviceUnknown
from contract.people import OfferMake
from gateway.wiring import Gateway
from tests.support.devices import KEYS, device
from tests.support.inside import add_engine, gateway_on

STRANGER = device(99)


async def told(running: Gateway) -> list[tuple[str, str, str]]:
    page = await running._parts.operations.audit.page(None, 100)
    return [(record.event, record.actor, record.target) for record in reversed(page.records)]


async def test_what_touches_who_may_do_what_is_written_down(tmp_path):
    async with gateway_on(tmp_path / "g") as running:
        engine = await add_engine(running)
        async with open_api(running.address, KEYS, running.gateway_key) as api:
            tokens = await api.sign_in()
            await api.sign_out()
        (first,) = running._parts.operations.ring.keys._rows
        assert await told(running) == [
            ("gateway.start", "gateway", running.gateway_id),
            ("storage.insecure", "gateway", "files in the clear"),
            ("keys.made", "gateway", first),
            ("engine.add", "owner", "lab"),
            ("engine.token", "owner", engine.id),
            ("signin", tokens.user, tokens.device),
            ("signout", tokens.user, tokens.session),
        ]
    async with gateway_on(tmp_path / "g") as again:
        assert ("gateway.stop", "gateway", again.gateway_id) in await told(again)
        async with open_admin(tmp_path / "g") as admin:
            assert (await admin.audit_verify(AuditCheck())).intact


async def test_knocking_cannot_fill_the_log(tmp_path):
    async with gateway_on(tmp_path / "g") as running, open_api(running.address, STRANGER, running.gateway_key) as api:
        for _ in range(20):
            with pytest.raises(DeviceUnknown):
                await api.sign_in()
        assert [event for event, *_ in await told(running)].count("signin.refused") == 1
    async with gateway_on(tmp_path / "g") as again:
        page = await again._parts.operations.audit.page(None, 100)
        assert sum(int(record.detail["auth.device_unknown"]) for record in page.records if record.event == "signin.refused") == 20


async def test_what_cannot_be_written_down_does_not_happen(tmp_path):
    async with gateway_on(tmp_path / "g") as running:
        connection = running._parts.operations.audit.file._connection
        connection.execute("PRAGMA query_only = ON")
        async with open_api(running.address, KEYS, running.gateway_key) as api:
            with pytest.raises(AuditUnavailable) as refused:
                await api.sign_in()
            assert (refused.value.status, refused.value.retry_after_s) == (503, 30)
        async with open_admin(tmp_path / "g") as admin:
            with pytest.raises(AuditUnavailable):
                await admin.offer(OfferMake())
            with pytest.raises(AuditUnavailable):
                await admin.add_engine("shed")
            assert running._parts.operations.pairing.offers() == []
            assert [engine.name for engine in (await admin.status()).engines] == []
        connection.execute("PRAGMA query_only = OFF")


async def test_no_secret_is_in_the_log(tmp_path):
    async with gateway_on(tmp_path / "g") as running:
        token = (await add_engine(running)).token
        async with open_api(running.address, KEYS, running.gateway_key) as api:
            access = (await api.sign_in()).access_token
    raw = (tmp_path / "g" / "audit.db").read_bytes()
    assert token.encode() not in raw
    assert access.encode() not in raw

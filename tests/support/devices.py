"""Devices for tests: keys that are the same in every run."""

import secrets

from app.client.api import ApiClient
from app.crypto.device_keys import DeviceKeys
from gateway.crypto.identity import HeldKey
from gateway.crypto.signing_keys import new_key


def device(number: int) -> DeviceKeys:
    """The number-th device; another number is another person with another browser."""
    return DeviceKeys(number.to_bytes(32), (1000 + number).to_bytes(32), random_bytes=secrets.token_bytes)


KEYS = device(7)


def signed_headers(api: ApiClient, method: str, path: str, body: bytes | None = None) -> dict[str, str]:
    """What a signed-in device sends with a request of these bytes."""
    tokens = api._tokens
    assert tokens is not None
    access = tokens.access_token
    proof = api._keys.session.proof(method, api.gateway + path.partition("?")[0], access, body)
    return {"Authorization": f"DPoP {access}", "DPoP": proof}


def audit_key(raw: bytes) -> HeldKey:
    """A key of the gateway's, unlocked."""
    key = new_key(raw)
    return HeldKey("audit", key.public, key.private)

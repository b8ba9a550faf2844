"""What the gateway's code computes, for the browser's code to compute again: `python -m tests.gui.vectors FILE`.

Fixed seeds, so that a failure can be repeated; the values come from the same functions that the gateway runs.
"""

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.crypto.session_key import SessionKey
from app.crypto.wallet import Wallet
from contract.pairing import Link, code_digest, key_words, make_code, six_digits
from contract.signin import Challenge, action_resource, build_message, encoded, transcript

ROUNDS = 24
HOSTS = ("https://home.example", "http://127.0.0.1:7717", "https://a-b.trycloudflare.com", "http://[::1]:8080")
TEXTS = (
    "Sign in to this Flowork gateway. This costs nothing and moves no funds.",
    "Approve: POST /api/v1/pairings",
    'Quote " and \\ and \u00e9 \u2028',
)


def vectors() -> dict[str, Any]:
    """Everything, as JSON."""
    chance = random.Random(7)
    return {
        "links": [_link(chance) for _ in range(ROUNDS)],
        "challenges": [_challenge(chance) for _ in range(ROUNDS)],
        "proofs": [_proof(chance) for _ in range(4)],
        "actions": [
            {"asked": asked, "resource": action_resource(*asked)}
            for asked in (("POST", "/api/v1/drain", "A" * 43), ("DELETE", "/api/v1/x", "b" * 43))
        ],
    }


def _link(chance: random.Random) -> dict[str, Any]:
    key = chance.randbytes(32)
    made = Link(chance.choice(HOSTS), encoded(chance.randbytes(12)), make_code(chance.randbytes), key, chance.randrange(2**32))
    return {
        "text": made.text("https://gui.example"),
        "gateway": made.gateway,
        "offer": made.offer,
        "code": made.code,
        "key": encoded(key),
        "expires_at": made.expires_at,
        "words": key_words(key),
        "digest": code_digest(made.code.lower()).hex(),
    }


def _challenge(chance: random.Random) -> dict[str, Any]:
    private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    wallet = Wallet(chance.randbytes(32))
    asked = Challenge(
        request_id=encoded(chance.randbytes(12)),
        nonce=chance.randbytes(12).hex(),
        issued_at="2026-11-27T10:00:00.000000Z",
        expiration_time="2026-11-27T10:05:00.000000Z",
        uri=f"{chance.choice(HOSTS)}/api/v1/auth/sign-in",
        statement=chance.choice(TEXTS),
        gateway_id=chance.randbytes(20).hex(),
        origin="https://gui.example",
        session_key=encoded(chance.randbytes(32)),
        resources=[f"urn:flowork:gateway:{number}" for number in range(chance.randrange(1, 4))],
        client_commitment=encoded(chance.randbytes(32)),
        gateway_nonce=encoded(chance.randbytes(32)),
        signature="",
        server_time=1.5,
    )
    digest = transcript(asked, wallet.address)
    client_nonce, gateway_nonce = chance.randbytes(32), chance.randbytes(32)
    return {
        "challenge": asked.model_copy(update={"signature": encoded(private.sign(b"flowork-challenge-v1\0" + digest))}).model_dump(),
        "address": wallet.address,
        "transcript": encoded(digest),
        "message": build_message(asked, address=wallet.address),
        "gateway_key": encoded(public),
        "client_nonce": encoded(client_nonce),
        "gateway_nonce": encoded(gateway_nonce),
        "digits": six_digits(client_nonce, gateway_nonce, digest, public),
    }


def _proof(chance: random.Random) -> dict[str, Any]:
    seed = chance.randbytes(32)
    made = SessionKey(seed, lambda: 1_700_000_000.0, chance.randbytes)
    body = chance.randbytes(9)
    return {
        "jwk": made._jwk,
        "thumbprint": made.thumbprint,
        "ath": encoded(hashlib.sha256(b"token").digest()),
        "bdh": encoded(hashlib.sha256(body).digest()),
        "body": encoded(body),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).parent.mkdir(parents=True, exist_ok=True)
    Path(sys.argv[1]).write_text(json.dumps(vectors(), indent=1), encoding="utf-8")

"""What it costs to know who asks: token and proof, remembered and not, beside the bare signature checks."""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from app.crypto.device_keys import DeviceKeys
from bench.common import surroundings
from contract.signin import Tokens
from contract.words import Role
from gateway.operations.sessions import Request, Sessions
from gateway.rules.replay import ReplayMemory
from gateway.settings import GatewaySettings
from gateway.store.people import DeviceRow, UserRow
from gateway.wiring import running

PAIRS = 5
URL = "http://127.0.0.1:7717/api/v1/jobs"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=2000, help="in each of the five rounds (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Median of five alternating rounds; the proofs are made beforehand."""
    return asyncio.run(_measure(arguments.requests))


async def _measure(requests: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        async with running(GatewaySettings(data=Path(scratch) / "data", port=0)) as gateway:
            sessions = gateway._parts.operations.sessions
            keys, tokens = await _signed_in(sessions)
            rounds: dict[str, list[float]] = {name: [] for name in ("es256_us", "cached_us", "uncached_us", "ed25519_us")}
            for _ in range(PAIRS):
                proofs = [keys.session.proof("GET", URL, tokens.access_token) for _ in range(requests)]
                rounds["es256_us"].append(_es256(requests))
                rounds["cached_us"].append(_authenticated(sessions, tokens, proofs, forget=False))
                proofs = [keys.session.proof("GET", URL, tokens.access_token) for _ in range(requests)]
                rounds["uncached_us"].append(_authenticated(sessions, tokens, proofs, forget=True))
                rounds["ed25519_us"].append(_ed25519(requests))
    ratios = [cached / bare for cached, bare in zip(rounds["cached_us"], rounds["es256_us"], strict=True)]
    return {
        **{name: round(statistics.median(values), 1) for name, values in rounds.items()},
        "ratio": round(statistics.median(ratios), 3),
        **surroundings({"requests": requests, "rounds": PAIRS}),
        "raw": {**rounds, "ratio": ratios},
    }


async def _signed_in(sessions: Sessions) -> tuple[DeviceKeys, Tokens]:
    keys = DeviceKeys(random.Random(1).randbytes(32), random.Random(2).randbytes(32))
    device = DeviceRow("d", "u", keys.address.lower(), keys.session.thumbprint, "bench", 0)
    await sessions.add_device(device, UserRow("u", "bench", Role.OWNER, 0), owner=True)
    return keys, await sessions.open(device)


def _authenticated(sessions: Sessions, tokens: Tokens, proofs: list[str], forget: bool) -> float:
    """Microseconds a request; `forget` drops what is remembered of token and key before each."""
    sessions.replays = ReplayMemory()

    def act(proof: str) -> None:
        if forget:
            sessions.tokens._verified.clear()
            sessions.proofs._keys.clear()
            sessions.proofs._token_digests.clear()
        sessions.authenticate(tokens.access_token, Request("GET", URL, proof))

    return _timed(act, iter(proofs), len(proofs))


def _es256(count: int) -> float:
    key, text, algorithm = generate_private_key(SECP256R1()), b"x" * 400, ECDSA(SHA256())
    public, signature = key.public_key(), key.sign(text, algorithm)
    return _timed(lambda _: public.verify(signature, text, algorithm), iter(range(count)), count)


def _ed25519(count: int) -> float:
    key, text = Ed25519PrivateKey.generate(), b"x" * 400
    public, signature = key.public_key(), key.sign(text)
    return _timed(lambda _: public.verify(signature, text), iter(range(count)), count)


def _timed(act: Callable[[Any], object], inputs: Iterator[Any], count: int) -> float:
    began = time.perf_counter()
    for value in inputs:
        act(value)
    return (time.perf_counter() - began) / count * 1e6

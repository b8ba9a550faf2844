"""Security reference §8.1, group A: signatures and sign-in."""

import asyncio
import time

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from app.crypto.device_keys import DeviceKeys
from contract.signin import build_message
from tests.support.devices import device

from .conftest import Site, altered

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


async def refused(site: Site, signature: str, code: str = "auth.signature_invalid") -> None:
    """A right message with this signature answers 401 and signs nobody in."""
    before = site.sessions()
    message = build_message(await site.challenge(), address=site.keys.address)
    assert (await site.send(message, signature)).told == (401, code)
    assert site.sessions() == before


async def good(site: Site) -> tuple[str, str]:
    message = build_message(await site.challenge(), address=site.keys.address)
    return message, site.keys.sign(message)


async def test_A01_no_signature_is_an_invalid_request(site: Site):
    before = site.sessions()
    message = build_message(await site.challenge(), address=site.keys.address)
    answer = await site.knock("POST", "/api/v1/auth/sign-in", {"message": message})
    assert answer.told == (400, "request.invalid")
    assert "signature" in answer.body["detail"]
    assert site.sessions() == before


@pytest.mark.parametrize(
    "form",
    ["0x" + "ab" * 64, "0x" + "ab" * 66, "ab" * 65, "0x" + "zz" * 65, "0X" + "ab" * 65, "0x" + "\uff11" * 130, "", "0x", " 0x" + "ab" * 65],
)
async def test_A02_a_signature_of_another_form_is_refused(site: Site, form: str):
    await refused(site, form)


async def test_A02_a_megabyte_of_signature_is_refused_before_it_is_read(site: Site):
    message = build_message(await site.challenge(), address=site.keys.address)
    assert (await site.send(message, "0x" + "ab" * 2**20)).told == (413, "request.body_too_large")
    assert (await site.send(message, "0x" + "ab" * 2**16)).told == (400, "request.invalid")


@pytest.mark.parametrize("r", [0, ORDER, ORDER + 1, 2**256 - 1, 5])
@pytest.mark.parametrize("v", [27, 28])
async def test_A03_an_r_that_is_no_point_is_refused(site: Site, r: int, v: int):
    await refused(site, "0x" + (r.to_bytes(32) + (7).to_bytes(32) + bytes([v])).hex())


@pytest.mark.parametrize("s", [0, ORDER, 2**256 - 1])
async def test_A03_an_s_out_of_range_is_refused(site: Site, s: int):
    _, signature = await good(site)
    await refused(site, "0x" + (bytes.fromhex(signature[2:66]) + s.to_bytes(32) + b"\x1b").hex())


@pytest.mark.parametrize("v", [2, 26, 29, 37, 38, 255])
async def test_A03_another_v_is_refused(site: Site, v: int):
    message, signature = await good(site)
    assert (await site.send(message, signature[:-2] + f"{v:02x}")).told == (401, "auth.signature_invalid")


async def test_A04_the_high_s_twin_of_a_good_signature_is_refused(site: Site):
    message, signature = await good(site)
    raw = bytes.fromhex(signature[2:])
    twin = raw[:32] + (ORDER - int.from_bytes(raw[32:64])).to_bytes(32) + bytes([55 - raw[64]])
    assert (await site.send(message, "0x" + twin.hex())).told == (401, "auth.signature_invalid")


async def test_A05_the_other_spelling_of_v_passes_once_and_its_twin_does_not(site: Site):
    message, signature = await good(site)
    assert (await site.send(message, signature[:-2] + f"{int(signature[-2:], 16) - 27:02x}")).status == 200
    assert (await site.send(message, signature)).told == (401, "auth.challenge_invalid")


async def test_A06_another_keys_signature_is_refused(site: Site):
    message = build_message(await site.challenge(), address=site.keys.address)
    await refused(site, device(66).sign(message))


async def test_A07_a_message_with_one_changed_byte_is_refused(site: Site):
    before = site.sessions()
    length = len((await good(site))[0])
    for place in range(0, length, 7):
        message, signature = await good(site)
        changed = message[:place] + chr(ord(message[place]) ^ 1) + message[place + 1 :]
        answer = await site.send(changed, signature)
        assert answer.status == 401, (place, changed)
        assert answer.body["code"] in {"auth.message_invalid", "auth.challenge_invalid", "auth.signature_invalid"}
    assert site.sessions() == before


@pytest.mark.parametrize(
    "domain",
    ["evil.example", "{own}@evil.example", "user@{own}", "127.0.0.1:1", "127.0.0.1", "{own}.", "xn--127-0-0-1.example", "localhost:{port}"],
)
async def test_A08_another_domain_is_refused(site: Site, domain: str):
    own = site.gateway.address.removeprefix("http://")
    challenge = await site.challenge()
    message = build_message(challenge, address=site.keys.address)
    other = altered(message, own, domain.format(own=own, port=own.partition(":")[2]))
    assert (await site.send(other, site.keys.sign(other))).told == (401, "auth.message_invalid")


async def test_A09_a_message_for_another_gateways_address_is_refused(site: Site):
    message = build_message(await site.challenge(), address=site.keys.address)
    other = altered(message, f"URI: {site.gateway.address}", "URI: https://other.example")
    assert (await site.send(other, site.keys.sign(other))).told == (401, "auth.message_invalid")


@pytest.mark.parametrize("how", ["none", "other gateway", "other key", "extra"])
async def test_A10_other_resources_are_refused(site: Site, how: str):
    challenge = await site.challenge()
    gateway, key = challenge.resources
    resources = {
        "none": [],
        "other gateway": ["urn:flowork:gateway:" + "a" * 52, key],
        "other key": [gateway, "urn:flowork:session-key:" + device(66).session.thumbprint],
        "extra": [gateway, key, "urn:flowork:scope:admin"],
    }[how]
    answer = await site.sign_in(challenge.model_copy(update={"resources": resources}))
    assert answer.told == (401, "auth.message_invalid")


async def test_A10_a_message_sent_with_another_dpop_key_is_refused(site: Site):
    message, signature = await good(site)
    assert (await site.send(message, signature, device(66))).told == (401, "auth.message_invalid")


async def test_A11_a_replay_is_refused_and_of_twenty_copies_one_passes(site: Site):
    message, signature = await good(site)
    answers = await asyncio.gather(*(site.send(message, signature) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 19
    assert {answer.body["code"] for answer in answers if answer.status == 401} == {"auth.challenge_invalid"}


async def test_A12_a_nonce_that_is_not_ours_or_too_old_is_refused(site: Site):
    message = build_message(await site.challenge(), address=site.keys.address)
    nonce = message.partition("Nonce: ")[2][:32]
    other = altered(message, nonce, "0" * 32)
    assert (await site.send(other, site.keys.sign(other))).told == (401, "auth.challenge_invalid")
    message, signature = await good(site)
    site.clock.forward(301)
    assert (await site.send(message, signature)).told == (401, "auth.challenge_invalid")


@pytest.mark.parametrize("name", ["Issued At", "Expiration Time"])
async def test_A13_a_time_that_is_off_by_a_second_is_refused(site: Site, name: str):
    message = build_message(await site.challenge(), address=site.keys.address)
    second = int(message.partition(f"{name}: ")[2][17:19])
    head, _, rest = message.partition(f"{name}: ")
    other = f"{head}{name}: {rest[:17]}{(second + 1) % 60:02d}{rest[19:]}"
    assert (await site.send(other, site.keys.sign(other))).told == (401, "auth.message_invalid")


@pytest.mark.parametrize("how", ["crlf", "bom", "newline", "nul", "rtl"])
async def test_A14_characters_that_deceive_are_refused(site: Site, how: str):
    message = build_message(await site.challenge(), address=site.keys.address)
    other = {
        "crlf": message.replace("\n", "\r\n"),
        "bom": "\ufeff" + message,
        "newline": message + "\n",
        "nul": message.replace("Sign in", "Sign\0in"),
        "rtl": message.replace("Sign in", "Sign \u202ein"),
    }[how]
    assert (await site.send(other, site.keys.sign(other))).told == (401, "auth.message_invalid")


async def test_A15_a_known_address_with_an_unknown_session_key_is_refused(site: Site):
    before = site.sessions()
    thief = DeviceKeys((7).to_bytes(32), (4242).to_bytes(32))
    assert thief.address == site.keys.address
    assert (await site.sign_in(await site.challenge(thief), thief)).told == (403, "auth.device_unknown")
    assert site.sessions() == before


async def test_A16_an_unknown_address_is_refused_alike(site: Site, capsys: pytest.CaptureFixture):
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    stranger, thief = device(99), DeviceKeys((7).to_bytes(32), (4242).to_bytes(32))
    bodies = []
    for _ in range(10):
        for name, keys in (("unknown", stranger), ("known", thief)):
            challenge = await site.challenge(keys)
            began = time.perf_counter()
            answer = await site.sign_in(challenge, keys)
            times[name].append(time.perf_counter() - began)
            assert answer.told == (403, "auth.device_unknown")
            bodies.append({**answer.body, "request_id": ""})
    assert all(body == bodies[0] for body in bodies)
    with capsys.disabled():
        print({name: f"{sorted(values)[5] * 1000:.2f} ms" for name, values in times.items()}, end=" ")  # told, not judged


async def test_A17_a_contract_wallets_signature_is_refused(site: Site):
    await refused(site, "0x")


async def test_A18_signatures_of_other_kinds_are_refused(site: Site):
    account = Account.from_key((7).to_bytes(32))
    message = build_message(await site.challenge(), address=site.keys.address)
    typed = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": [{"name": "name", "type": "string"}], "Message": [{"name": "text", "type": "string"}]},
            "primaryType": "Message",
            "domain": {"name": "x"},
            "message": {"text": message},
        }
    )
    assert account.address == site.keys.address
    assert (await site.send(message, "0x" + account.sign_message(typed).signature.hex())).told == (401, "auth.signature_invalid")
    from Crypto.Hash import keccak

    raw = account.unsafe_sign_hash(keccak.new(digest_bits=256, data=message.encode()).digest())
    await refused(site, "0x" + raw.signature.hex())

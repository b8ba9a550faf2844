"""Release keys: only they sign, and a build without them says so."""

import json

import pytest

from app.crypto import release_keys
from app.crypto.release_keys import KeysUnusable, NotSigned, built_in, fingerprint, key_id, opened, parse_keys, signed_by
from contract.update import SMALL_ORDER, parse_envelope
from tests.support.releases import Key, a_file, a_manifest, signed

OURS, THEIRS = Key(), Key()
MANIFEST = a_manifest(a_file(b"new"))


def test_what_one_of_the_keys_signed_is_opened():
    assert opened(signed(MANIFEST, OURS), [THEIRS.public, OURS.public]).version == "9.0.0"
    assert opened(signed(MANIFEST, THEIRS, OURS), [OURS.public]).version == "9.0.0"


def test_what_another_key_signed_is_not():
    with pytest.raises(NotSigned):
        opened(signed(MANIFEST, THEIRS), [OURS.public])
    with pytest.raises(NotSigned):
        opened(signed(MANIFEST, OURS), [])


def test_a_key_id_proves_nothing():
    told = json.loads(signed(MANIFEST, THEIRS))
    told["signatures"][0]["keyid"] = key_id(OURS.public)
    assert not signed_by(parse_envelope(json.dumps(told).encode()), [OURS.public])


@pytest.mark.parametrize("at", [0, 40, -1])
def test_no_byte_of_what_was_signed_may_change(at: int):
    envelope = parse_envelope(signed(MANIFEST, OURS))
    changed = bytearray(envelope.payload)
    changed[at] ^= 1
    assert signed_by(envelope, [OURS.public])
    assert not signed_by(envelope.model_copy(update={"payload": bytes(changed)}), [OURS.public])


@pytest.mark.parametrize("signature", [b"", b"short", bytes(64), bytes(65)])
def test_what_is_no_signature_signs_nothing(signature: bytes):
    envelope = parse_envelope(signed(MANIFEST, OURS)).model_copy(update={"signatures": (signature,)})
    assert not signed_by(envelope, [OURS.public])


def test_the_file_of_a_build_is_read(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(release_keys, "files", lambda _: tmp_path)
    assert built_in() == ()
    (tmp_path / "release-keys.json").write_text(json.dumps({"product": "flowork", "keys": [OURS.public]}))
    assert built_in() == (OURS.public,)
    (tmp_path / "release-keys.json").write_text("{}")
    with pytest.raises(KeysUnusable):
        built_in()


def test_a_working_copy_has_no_keys():
    assert built_in() == ()


@pytest.mark.parametrize(
    "told",
    [
        {"product": "flowerpot", "keys": [OURS.public]},
        {"product": "flowork", "keys": []},
        {"product": "flowork", "keys": ["aa"]},
        {"product": "flowork", "keys": [OURS.public] * 9},
        {"product": "flowork", "keys": [OURS.public], "more": 1},
        *({"product": "flowork", "keys": [OURS.public, each]} for each in SMALL_ORDER),
        {"product": "flowork", "keys": ["0" * 62 + "80"]},
        {"keys": [OURS.public]},
        [],
    ],
)
def test_a_file_of_keys_that_is_not_one_is_refused(told: object):
    with pytest.raises(KeysUnusable):
        parse_keys(json.dumps(told).encode())


def test_the_fingerprint_of_keys_does_not_know_their_order():
    assert fingerprint([OURS.public, THEIRS.public]) == fingerprint([THEIRS.public, OURS.public]) != fingerprint([OURS.public])

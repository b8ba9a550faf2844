"""`contract.update`: whatever is sent, it is a manifest that we take, or it is refused in words."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import update
from contract.update import (
    PAYLOAD_TYPE,
    Manifest,
    ManifestRefused,
    pae,
    parse_envelope,
    parse_manifest,
    render_envelope,
    version_of,
)
from contract.update_address import may_ask

SAME = settings(deadline=None, derandomize=True)
FILE = {"platform": "linux-x64", "kind": "deb", "name": "flowork_1.2.3_amd64.deb", "size": 3, "sha256": "a" * 64}
GOOD: dict[str, Any] = {
    "product": "flowork",
    "version": "1.2.3",
    "released_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-04-01T00:00:00Z",
    "files": [FILE],
}


def manifest(**other: Any) -> bytes:
    return json.dumps({name: value for name, value in {**GOOD, **other}.items() if value is not None}).encode()


def envelope(**other: Any) -> bytes:
    payload = base64.b64encode(manifest()).decode()
    return json.dumps({"payloadType": PAYLOAD_TYPE, "payload": payload, "signatures": [{"sig": "AA==", "keyid": "k"}], **other}).encode()


class TestEnvelope:
    def test_what_is_signed_is_the_published_encoding(self):
        assert pae("http://example.com/HelloWorld", b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

    def test_the_length_counts_bytes_and_not_letters(self):
        assert pae("é", "é".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xa9"

    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    def test_both_alphabets_are_taken(self, encode):
        data = b"\xfb\xff\xfe"
        assert parse_envelope(envelope(payload=encode(data).decode())).payload == data

    def test_an_envelope_that_is_written_is_read(self):
        read = parse_envelope(render_envelope(b"it", {"a": b"1", "b": b"2"}))
        assert (read.payload, read.signatures, read.signed) == (b"it", (b"1", b"2"), pae(PAYLOAD_TYPE, b"it"))

    @pytest.mark.parametrize(
        "other",
        [
            {"payloadType": "application/vnd.in-toto+json"},
            {"payload": "not base64!"},
            {"payload": "A"},
            {"payload": 1},
            {"signatures": []},
            {"signatures": [{"sig": "AA=="}] * 9},
            {"signatures": [{"keyid": "k"}]},
            {"signatures": [{"sig": "A" * 200}]},
        ],
    )
    def test_anything_else_is_refused(self, other: dict[str, Any]):
        with pytest.raises(ManifestRefused):
            parse_envelope(envelope(**other))

    @pytest.mark.parametrize(
        "sent", [b"", b"<html>", b"[]", b"{}", b"\xff", b'{"payload": "", "payload": ""}', b"[" * 100_000, b" " * 200_000]
    )
    def test_what_is_no_envelope_is_refused(self, sent: bytes):
        with pytest.raises(ManifestRefused):
            parse_envelope(sent)

    def test_a_member_that_is_named_twice_is_refused(self):
        with pytest.raises(ManifestRefused, match="twice"):
            parse_envelope(envelope()[:-1] + b', "payload": "AA=="}')

    @SAME
    @given(st.binary(max_size=300) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(str).map(str.encode))
    def test_no_bytes_end_in_anything_but_an_envelope_or_a_refusal(self, data: bytes):
        with contextlib.suppress(ManifestRefused):
            parse_envelope(data)


class TestManifest:
    def test_a_good_one_is_read(self):
        read = parse_manifest(manifest(notes_url="https://x.example/1.2.3", keys=["b" * 64]))
        assert (read.version, read.files[0].name, read.keys, read.expires - read.released) == (
            "1.2.3",
            FILE["name"],
            ("b" * 64,),
            90 * 86400 * 10**6,
        )

    def test_what_a_later_version_adds_is_passed_over(self):
        odd = {**FILE, "platform": "haiku-riscv", "kind": "hpkg", "name": "x", "signed_by_haiku": True}
        assert parse_manifest(manifest(files=[FILE, odd], channel="stable")).version == "1.2.3"

    @pytest.mark.parametrize(
        "name",
        [
            *("../program", "/etc/passwd", "..\\program", "C:evil", "a/b", "a\\b", ".bashrc", "a..b", "a.", "a\x00b", "a\nb", "a\n", "CON"),
            *("nul.exe", "com1.tar.gz", "LPT9", "a b", "é", "", "x" * 129, "a%2fb", "~", "a:b", "-rf", "+x", "."),
        ],
    )
    def test_a_name_that_is_more_than_a_name_is_refused(self, name: str):
        with pytest.raises(ManifestRefused):
            parse_manifest(manifest(files=[{**FILE, "name": name}]))

    @pytest.mark.parametrize("name", ["Flowork-Setup-1.2.3.exe", "flowork_1.2.3+ds_amd64.deb", "a", "Console", "nullable.run", "x" * 128])
    def test_a_plain_name_is_taken(self, name: str):
        assert parse_manifest(manifest(files=[{**FILE, "name": name}])).files[0].name == name

    @pytest.mark.parametrize(
        "other",
        [
            *(
                {"version": each}
                for each in ("1.2", "1.2.3.4", "1.2.3rc1", "01.2.3", "v1.2.3", "1.2.-3", "1.2.3\n", "1.2.1234567", "", None, 1)
            ),
            *({"released_at": each} for each in ("2026-01-01", "2026-99-01T00:00:00Z", "2026-01-01T00:00:00", 0, None)),
            *({"expires_at": each} for each in ("2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "never", None)),
            *({"files": each} for each in ([], None, {}, [FILE] * 2, [{**FILE, "platform": f"p-{n}", "name": f"n{n}"} for n in range(65)])),
            {"files": [FILE, {**FILE, "kind": "run", "name": FILE["name"].upper()}]},
            *({"files": [{**FILE, "size": each}]} for each in (0, -1, 2**40, 1.5, "3", True, None)),
            *({"files": [{**FILE, "sha256": each}]} for each in ("a" * 63, "A" * 64, "g" * 64, "", None)),
            *({"files": [{**FILE, "platform": each}]} for each in ("", "Linux", "a/b", "-x", "x" * 33)),
            *(
                {"notes_url": each}
                for each in (
                    "http://x.example",
                    "javascript:1",
                    "https://",
                    "https://x y",
                    "https://x\n",
                    "https://x/<img>",
                    'https://x/"',
                    "https://" + "x" * 500,
                )
            ),
            *({"keys": each} for each in ([], ["b" * 63], ["B" * 64], ["b" * 64] * 9, "b" * 64)),
            {"product": 1},
            {"product": None},
        ],
        ids=str,
    )
    def test_what_does_not_fit_is_refused(self, other: dict[str, Any]):
        told = {**GOOD, **other}
        with pytest.raises(ManifestRefused):
            parse_manifest(json.dumps({name: value for name, value in told.items() if value is not None}).encode())

    @pytest.mark.parametrize("deep", [b"[" * 9 + b"]" * 9, b"[" + b"1," * 2000 + b"1]"])
    def test_what_is_deep_or_wide_is_refused_before_it_is_looked_at(self, deep: bytes):
        with pytest.raises(ManifestRefused):
            parse_manifest(manifest()[:-1] + b', "more": ' + deep + b"}")

    def test_a_number_without_end_is_refused(self):
        with pytest.raises(ManifestRefused):
            parse_manifest(manifest()[:-1] + b', "more": ' + b"9" * 5000 + b"}")

    def test_a_refusal_does_not_repeat_what_was_sent(self):
        with pytest.raises(ManifestRefused) as refused:
            parse_manifest(manifest(version="<script>"))
        assert "script" not in str(refused.value)

    @SAME
    @given(st.text())
    def test_no_name_is_taken_that_means_something_to_a_file_system(self, name: str):
        try:
            read = parse_manifest(manifest(files=[{**FILE, "name": name}]))
        except ManifestRefused:
            return
        (taken,) = read.files
        assert taken.name == name
        assert not set(name) & set('/\\:*?"<>|%~ \x00')
        assert name.isascii()
        assert not name.startswith(".")
        assert not name.endswith(".")

    @SAME
    @given(
        st.dictionaries(
            st.sampled_from(sorted([*GOOD, "keys", "notes_url"])),
            st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3),
            max_size=3,
        )
    )
    def test_no_members_end_in_anything_but_a_manifest_or_a_refusal(self, other: dict[str, Any]):
        try:
            read = parse_manifest(json.dumps({**GOOD, **other}).encode())
        except ManifestRefused:
            return
        assert isinstance(read, Manifest)
        assert version_of(read.version)
        assert read.released < read.expires


@SAME
@given(*[st.tuples(*[st.integers(0, 999_999)] * 3)] * 2)
def test_versions_are_compared_as_numbers(one: tuple[int, int, int], other: tuple[int, int, int]):
    assert (version_of(".".join(map(str, one))) < version_of(".".join(map(str, other)))) == (one < other)


@pytest.mark.parametrize("text", ["1.2", "1.2.3.4", "1.2.3rc1", "1.02.3", " 1.2.3", "1.2.3\n", "", "1.2.x", "٣.1.1"])
def test_what_is_no_release_has_no_version(text: str):
    with pytest.raises(ValueError):
        version_of(text)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://x.example/a.json", True),
        ("https://x.example:8443/a.json", True),
        *(
            (each, False)
            for each in (
                "http://x.example",
                "http://127.0.0.1",
                "file:///etc/passwd",
                "ftp://x",
                "//x.example",
                "https://",
                "https://[",
                "",
            )
        ),
        ("https://user:word@x.example/", False),
    ],
)
def test_only_https_is_asked_and_nobodys_password_is_sent(url: str, may: bool):
    assert may_ask(url) is may


def test_the_bounds_leave_room_for_a_real_release():
    files = [{**FILE, "platform": f"platform-{n}", "name": f"Flowork-1000.1000.1000-{n}-setup.exe"} for n in range(update.FILES_MAX)]
    payload = manifest(files=files, keys=["b" * 64] * update.KEYS_MAX)
    assert len(render_envelope(payload, {str(n): b"s" * 64 for n in range(8)})) < update.ENVELOPE_MAX
    assert len(parse_manifest(payload).files) == update.FILES_MAX

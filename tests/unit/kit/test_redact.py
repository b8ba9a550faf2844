"""No secret of any form we issue or take gets into a log."""

import io
import json
import logging
import secrets
import sys
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from contract import opaque_token
from kit.logs import Log
from kit.logs.setup import to_stream
from kit.redact import redact, redacted

TOKEN = opaque_token.mint("e", bytes)  # not random: it is part of a test's name, which both of xdist's processes must agree on
JWT = jwt.encode({"sub": "u", "exp": 1}, Ed25519PrivateKey.from_private_bytes(bytes(32)), "EdDSA", {"typ": "at+jwt"})
CODE = "0123456789ABCDEFGHJKMNPQRS"
SIGNATURE = "0x" + "ab" * 65
KEY = secrets.token_hex(32)
FORMS = {
    **{f"a token ({kind})": opaque_token.mint(kind, secrets.token_bytes).text for kind in "ermkpa"},
    "a JWT": JWT,
    "a pairing code": CODE,
    "a signature": SIGNATURE,
    "a private key": KEY,
    "a private key with 0x": f"0x{KEY}",
}


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, ours, hook = logging.getLogger(), logging.getLogger("flowork"), sys.excepthook
    handlers, levels = root.handlers[:], (root.level, ours.level)
    root.handlers[:] = []
    made = io.StringIO()
    to_stream(made)
    yield made
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    sys.excepthook = hook


@pytest.mark.parametrize("form", FORMS)
@given(before=st.text(max_size=5), after=st.text(max_size=5))
def test_each_form_goes_wherever_it_stands(form: str, before: str, after: str):
    secret = FORMS[form]
    if form == "a pairing code":  # only a whole word has the form
        before, after = before + " ", " " + after
    assert secret not in redact(f"{before}{secret}{after}")
    assert secret[20:40] not in redact(f"{before}{secret}{after}")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"token {TOKEN.text} refused", f"token fwe1_{TOKEN.id}_*** refused"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer ***"),
        (f"authorization: DPoP {JWT}", "authorization: DPoP ***"),
        (f"DPoP: {JWT}", "DPoP: ***"),
        ("(b'authorization', b'Basic dXNlcjpwYXNz')", "(b'authorization', b'Basic ***')"),
        ("X-Flowork-Admin: s3cr3t", "X-Flowork-Admin: ***"),
        ("x-engine-token=s3cr3t;", "x-engine-token=***;"),
        ("https://gui/#/pair?v=1&p=ab&c=shortcode&k=xyz", "https://gui/#/pair?v=1&p=ab&c=***&k=xyz"),
    ],
)
def test_what_stands_around_it_stays(text: str, left: str):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "abcd_01900000-0000-7000-8000-000000000001",
        "mfrggzdfmztwq2lkmfrggzdfmztwq2lkmfrggzdfmztwq2lkmfrg",
        "GET /api/v1/jobs 200 in 3.2 ms",
        "auth.token_invalid",
        "The bearer of bad news",
    ],
)
def test_addresses_ids_and_prose_stay(text: str):
    assert redact(text) == text


def test_fields_are_looked_through_and_some_names_are_enough():
    shown = redacted(
        {"token": "short", "ids": [TOKEN.text, 1], "inner": {"passphrase": "x", "n": None}, "error": ValueError(KEY), "code": "auth.x"}
    )
    assert shown == {
        "token": "***",
        "ids": [f"fwe1_{TOKEN.id}_***", 1],
        "inner": {"passphrase": "***", "n": None},
        "error": "***",
        "code": "auth.x",
    }


def test_message_fields_and_exceptions_of_a_line_are_clean(stream: io.StringIO):
    try:
        raise ValueError(f"bad token {TOKEN.text}")
    except ValueError as error:
        Log("test").error("it.failed", exc_info=error, header=f"Bearer {JWT}", **{TOKEN.text: 1})
    logging.getLogger("some.library").warning("sent %s", SIGNATURE)
    text = stream.getvalue()
    assert text.count("***") == 4
    assert not any(secret in text for secret in (TOKEN.text, JWT, SIGNATURE))
    assert len([json.loads(line) for line in text.splitlines()]) == 2


def test_what_ends_the_program_is_clean_too(stream: io.StringIO):
    try:
        raise RuntimeError(f"cannot sign with {KEY}")
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["level"]) == ("program.failed", "critical")
    assert KEY not in stream.getvalue()


def test_colours_and_line_breaks_cannot_get_out(stream: io.StringIO):
    Log("test").info("said", text="\x1b[2J\x9b31m\r\n\u2028forged")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue()[:-1].isprintable()

"""`gateway.rules.siwe`: the message that was asked for is read, and every other one is refused or seen to differ."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.signin import Challenge, build_message, gateway_resource
from gateway.rules.siwe import MESSAGE_MAX_CHARS, Expected, SiweMessage, compare, parse

SAME = settings(deadline=None, derandomize=True)
DOMAIN = "127.0.0.1:7717"
ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
CHALLENGE = Challenge(
    request_id="0123456789abcdef0123456789abcdef",
    nonce="fedcba9876543210fedcba9876543210",
    issued_at="2026-01-01T00:00:00.000000Z",
    expiration_time="2026-01-01T00:05:00.000000Z",
    uri="http://127.0.0.1:7717/api/v1/auth/sign-in",
    gateway_id="gw234567",
    origin=f"http://{DOMAIN}",
    session_key="j" * 43,
    resources=["urn:flowork:gateway:gw234567"],
    signature="",
    server_time=0,
)
VALID = build_message(CHALLENGE, address=ADDRESS)
EXPECTED = Expected(
    domains=frozenset({DOMAIN, "gui.example"}),
    statement=CHALLENGE.statement,
    uri=CHALLENGE.uri,
    nonce=CHALLENGE.nonce,
    issued_at=CHALLENGE.issued_at,
    expiration_time=CHALLENGE.expiration_time,
    request_id=CHALLENGE.request_id,
    resources=(gateway_resource(CHALLENGE.gateway_id),),
)
LINES = VALID.split("\n")
HEAD, STATEMENT, URI, VERSION, CHAIN, NONCE, ISSUED, EXPIRES, REQUEST, RESOURCES, RESOURCE = 0, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13


def verdict(text: str) -> str | None:
    """Why a message is not the one asked for; None when it is."""
    message = parse(text)
    return "malformed" if message is None else compare(message, EXPECTED)


def sub(old: str, new: str) -> str:
    assert VALID.count(old) == 1, old
    return VALID.replace(old, new)


def line(number: int, text: str | None) -> str:
    """The valid message with one line replaced, or taken out."""
    return "\n".join(LINES[:number] + ([] if text is None else [text]) + LINES[number + 1 :])


def swap(one: int, other: int) -> str:
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def before(number: int, text: str) -> str:
    return "\n".join([*LINES[:number], text, *LINES[number:]])


MALFORMED = {
    "nothing": "",
    "one space": " ",
    "only the first line": LINES[HEAD],
    # Line ends.
    "a trailing newline": VALID + "\n",
    "two trailing newlines": VALID + "\n\n",
    "a trailing carriage return": VALID + "\r",
    "a trailing NUL": VALID + "\0",
    "a leading newline": "\n" + VALID,
    "CRLF throughout": VALID.replace("\n", "\r\n"),
    "CR throughout": VALID.replace("\n", "\r"),
    "one CRLF": sub("Version: 1\n", "Version: 1\r\n"),
    "a line separator of Unicode": sub("Version: 1\n", "Version: 1\u2028"),
    "a vertical tab": sub("Version: 1\n", "Version: 1\v"),
    # Order, gaps and repeats.
    "version before URI": swap(URI, VERSION),
    "nonce before chain": swap(CHAIN, NONCE),
    "expiry before issue": swap(ISSUED, EXPIRES),
    "request id before expiry": swap(EXPIRES, REQUEST),
    "resources before request id": "\n".join([*LINES[:REQUEST], LINES[RESOURCES], LINES[RESOURCE], LINES[REQUEST]]),
    "statement before address": swap(1, STATEMENT),
    "no empty line after the address": line(2, None),
    "no empty line after the statement": line(4, None),
    "a third empty line": before(4, ""),
    "an empty line between fields": before(NONCE, ""),
    "an empty statement": line(STATEMENT, ""),
    "a statement of two lines": before(STATEMENT, "First line."),
    "an unknown field": before(NONCE, "Colour: blue"),
    "a second nonce": before(NONCE, LINES[NONCE]),
    "a second expiry": before(EXPIRES, LINES[EXPIRES]),
    "a second list of resources": VALID + "\nResources:\n- urn:flowork:gateway:gw234567",
    "text after the end": VALID + "\nmore",
    "not before ahead of the expiry": before(EXPIRES, "Not Before: 2026-01-01T00:00:00Z"),
    # Fields that are missing.
    "no first line": line(HEAD, None),
    "no address": line(1, None),
    "no URI": line(URI, None),
    "no version": line(VERSION, None),
    "no chain": line(CHAIN, None),
    "no nonce": line(NONCE, None),
    "no time of issue": line(ISSUED, None),
    "a resource without its heading": line(RESOURCES, None),
    # Extra spaces and other letters.
    "a leading space": " " + VALID,
    "a trailing space": VALID + " ",
    "a space before a field": line(URI, " " + LINES[URI]),
    "a space after a field": line(NONCE, LINES[NONCE] + " "),
    "two spaces after a colon": line(NONCE, LINES[NONCE].replace(": ", ":  ")),
    "no space after a colon": line(NONCE, LINES[NONCE].replace(": ", ":")),
    "a tab after a colon": line(NONCE, LINES[NONCE].replace(": ", ":\t")),
    "a no-break space after a colon": line(NONCE, LINES[NONCE].replace(": ", ":\u00a0")),
    "a space before a colon": line(NONCE, LINES[NONCE].replace(":", " :")),
    "two spaces in the first line": sub("wants you", "wants  you"),
    "another first line": sub("wants you to sign in", "wants you to pay"),
    "no colon in the first line": line(HEAD, LINES[HEAD].rstrip(":")),
    "a lower-case field name": line(NONCE, LINES[NONCE].lower()),
    "an upper-case first line": line(HEAD, LINES[HEAD].upper()),
    "a field name with a Cyrillic letter": line(NONCE, LINES[NONCE].replace("Nonce", "N\u043ence")),
    "a byte order mark": "\ufeff" + VALID,
    "a zero-width space": sub("Nonce: ", "Nonce: \u200b"),
    "a right-to-left override": sub("URI: ", "URI: \u202e"),
    "a lone surrogate": sub("URI: ", "URI: \ud800"),
    # The first line.
    "no domain": sub(f"{DOMAIN} wants", " wants"),
    "a domain with a path": sub(f"{DOMAIN} wants", f"{DOMAIN}/path wants"),
    "a domain with a space": sub(f"{DOMAIN} wants", "127.0.0.1 :7717 wants"),
    "a domain of other letters": sub(f"{DOMAIN} wants", "gu\u0456.example wants"),
    "a scheme without a domain": sub(f"{DOMAIN} wants", "https:// wants"),
    "two schemes": sub(f"{DOMAIN} wants", f"https://http://{DOMAIN} wants"),
    # The address.
    "an address without 0x": line(1, ADDRESS[2:]),
    "an address with 0X": line(1, "0X" + ADDRESS[2:]),
    "an address one digit short": line(1, ADDRESS[:-1]),
    "an address one digit long": line(1, ADDRESS + "0"),
    "an address of no hex": line(1, ADDRESS[:-1] + "g"),
    "an address of full-width digits": line(1, ADDRESS[:-1] + "\uff11"),
    "a name for an address": line(1, "vitalik.eth"),
    "a second address": before(1, ADDRESS),
    # Values.
    "version 2": line(VERSION, "Version: 2"),
    "version 1.0": line(VERSION, "Version: 1.0"),
    "version 11": line(VERSION, "Version: 11"),
    "version 01": line(VERSION, "Version: 01"),
    "an empty version": line(VERSION, "Version: "),
    "an Arabic version": line(VERSION, "Version: \u0661"),
    "an empty chain": line(CHAIN, "Chain ID: "),
    "a negative chain": line(CHAIN, "Chain ID: -1"),
    "a signed chain": line(CHAIN, "Chain ID: +1"),
    "a chain in hex": line(CHAIN, "Chain ID: 0x1"),
    "a chain of CAIP-2": line(CHAIN, "Chain ID: eip155:1"),
    "an Arabic chain": line(CHAIN, "Chain ID: \u0661"),
    "a chain too long to convert": line(CHAIN, "Chain ID: " + "1" * 21),
    "an empty nonce": line(NONCE, "Nonce: "),
    "a nonce of seven": line(NONCE, "Nonce: abcdefg"),
    "a nonce with a dash": line(NONCE, "Nonce: abcdefgh-1"),
    "a nonce of other letters": line(NONCE, "Nonce: abcdefgh\u00e9"),
    "a nonce too long": line(NONCE, "Nonce: " + "a" * 257),
    "a relative URI": line(URI, "URI: /api/v1/auth/sign-in"),
    "an empty URI": line(URI, "URI: "),
    "a URI with a space": line(URI, LINES[URI] + " x"),
    "a URI of other letters": line(URI, LINES[URI] + "\u00e9"),
    "a request id with a space": line(REQUEST, LINES[REQUEST] + " x"),
    "a request id of other letters": line(REQUEST, LINES[REQUEST] + "\u00e9"),
    "a statement with a tab": line(STATEMENT, LINES[STATEMENT] + "\t"),
    "a statement with an escape": line(STATEMENT, LINES[STATEMENT] + "\x1b[0m"),
    "a statement with a delete": line(STATEMENT, LINES[STATEMENT] + "\x7f"),
    "a resource that is no URI": line(RESOURCE, "- gateway"),
    "a resource without a dash": line(RESOURCE, LINES[RESOURCE][2:]),
    "a resource with a space": line(RESOURCE, LINES[RESOURCE] + " x"),
    "a resource on the heading's line": "\n".join([*LINES[:RESOURCES], "Resources: - urn:flowork:gateway:gw234567"]),
    "resources on one line": line(RESOURCE, LINES[RESOURCE] + "- urn:x:y " + LINES[RESOURCE]),
}
DATES = {
    "an empty date": "",
    "a date without a time": "2026-01-01",
    "no offset": "2026-01-01T00:00:00",
    "a space for the T": "2026-01-01 00:00:00Z",
    "lower case": "2026-01-01t00:00:00z",
    "no colon in the offset": "2026-01-01T00:00:00+0000",
    "no seconds": "2026-01-01T00:00Z",
    "a comma for the point": "2026-01-01T00:00:00,5Z",
    "a point without digits": "2026-01-01T00:00:00.Z",
    "a fraction of ten digits": "2026-01-01T00:00:00.0000000000Z",
    "Arabic digits": "\u0662026-01-01T00:00:00Z",
    "month 0": "2026-00-01T00:00:00Z",
    "month 13": "2026-13-01T00:00:00Z",
    "day 0": "2026-01-00T00:00:00Z",
    "day 32": "2026-01-32T00:00:00Z",
    "30 February": "2026-02-30T00:00:00Z",
    "29 February of a common year": "2026-02-29T00:00:00Z",
    "29 February of 1900": "1900-02-29T00:00:00Z",
    "31 April": "2026-04-31T00:00:00Z",
    "hour 25": "2026-01-01T25:00:00Z",
    "minute 60": "2026-01-01T00:60:00Z",
    "second 61": "2026-01-01T00:00:61Z",
    "year 0": "0000-01-01T00:00:00Z",
    "an offset of a day": "2026-01-01T00:00:00+24:00",
    "month 13 before nine digits of fraction": "2026-13-13T00:00:00.123456789Z",
}
OTHER: dict[str, tuple[str, str]] = {
    "another domain": (sub(f"{DOMAIN} wants", "evil.example wants"), "domain"),
    "another port": (sub(f"{DOMAIN} wants", "127.0.0.1:7718 wants"), "domain"),
    "no port": (sub(f"{DOMAIN} wants", "127.0.0.1 wants"), "domain"),
    "a subdomain": (sub(f"{DOMAIN} wants", "evil.gui.example wants"), "domain"),
    "a longer domain": (sub(f"{DOMAIN} wants", "gui.example.evil wants"), "domain"),
    "a trailing dot": (sub(f"{DOMAIN} wants", "gui.example. wants"), "domain"),
    "upper case": (sub(f"{DOMAIN} wants", "GUI.example wants"), "domain"),
    "user information": (sub(f"{DOMAIN} wants", "gui.example@evil wants"), "malformed"),
    "the domain behind an at sign": (sub(f"{DOMAIN} wants", "evil@gui.example wants"), "malformed"),
    "another scheme": (sub(f"{DOMAIN} wants", f"ftp://{DOMAIN} wants"), "scheme"),
    "a script for a scheme": (sub(f"{DOMAIN} wants", f"javascript://{DOMAIN} wants"), "scheme"),
    "another statement": (line(STATEMENT, "Send all my money."), "statement"),
    "one space more in the statement": (line(STATEMENT, LINES[STATEMENT] + " "), "statement"),
    "a statement of other letters": (line(STATEMENT, LINES[STATEMENT].replace("o", "\u043e")), "malformed"),
    "a statement that is a field": (line(STATEMENT, "URI: https://evil.example/"), "statement"),
    "no statement": ("\n".join(LINES[:STATEMENT] + LINES[STATEMENT + 1 :]), "statement"),
    "another URI": (line(URI, "URI: https://evil.example/"), "uri"),
    "a longer URI": (line(URI, LINES[URI] + "/"), "uri"),
    "a fragment on the URI": (line(URI, LINES[URI] + "#x"), "uri"),
    "https for http": (line(URI, LINES[URI].replace("http:", "https:")), "uri"),
    "another chain": (line(CHAIN, "Chain ID: 5"), "chain_id"),
    "chain 0": (line(CHAIN, "Chain ID: 0"), "chain_id"),
    "the largest chain": (line(CHAIN, "Chain ID: " + "9" * 20), "chain_id"),
    "another nonce": (line(NONCE, "Nonce: " + "0" * 32), "nonce"),
    "a shorter nonce": (line(NONCE, LINES[NONCE][:-1]), "nonce"),
    "a longer nonce": (line(NONCE, LINES[NONCE] + "0"), "nonce"),
    "an upper-case nonce": (line(NONCE, "Nonce: " + CHALLENGE.nonce.upper()), "nonce"),
    "another time of issue": (line(ISSUED, "Issued At: 2026-01-01T00:00:00.000001Z"), "issued_at"),
    "the same time of issue written otherwise": (line(ISSUED, "Issued At: 2026-01-01T00:00:00Z"), "issued_at"),
    "the same time of issue elsewhere": (line(ISSUED, "Issued At: 2026-01-01T01:00:00.000000+01:00"), "issued_at"),
    "a later expiry": (line(EXPIRES, "Expiration Time: 2027-01-01T00:05:00.000000Z"), "expiration_time"),
    "no expiry": (line(EXPIRES, None), "expiration_time"),
    "a time not before": (before(REQUEST, "Not Before: 2026-01-01T00:00:00.000000Z"), "not_before"),
    "another request id": (line(REQUEST, "Request ID: other"), "request_id"),
    "an empty request id": (line(REQUEST, "Request ID: "), "request_id"),
    "no request id": (line(REQUEST, None), "request_id"),
    "another gateway": (line(RESOURCE, "- urn:flowork:gateway:other"), "resources"),
    "another case of the gateway": (line(RESOURCE, LINES[RESOURCE].upper().replace("URN", "urn")), "resources"),
    "one resource more": (VALID + "\n- https://evil.example/", "resources"),
    "one resource before": (before(RESOURCE, "- https://evil.example/"), "resources"),
    "the resource twice": (VALID + "\n" + LINES[RESOURCE], "resources"),
    "an empty list of resources": (line(RESOURCE, None), "resources"),
    "no resources": ("\n".join(LINES[:RESOURCES]), "resources"),
}


class TestTheMessageAskedFor:
    def test_it_is_read_field_by_field_as_it_stands(self):
        assert parse(VALID) == SiweMessage(
            scheme=None,
            domain=DOMAIN,
            address=ADDRESS,
            statement=CHALLENGE.statement,
            uri=CHALLENGE.uri,
            version="1",
            chain_id=1,
            nonce=CHALLENGE.nonce,
            issued_at=CHALLENGE.issued_at,
            expiration_time=CHALLENGE.expiration_time,
            not_before=None,
            request_id=CHALLENGE.request_id,
            resources=("urn:flowork:gateway:gw234567",),
        )

    def test_it_is_what_was_asked_for(self):
        assert verdict(VALID) is None

    @pytest.mark.parametrize("start", ["gui.example", "https://gui.example", "http://127.0.0.1:7717"])
    def test_each_domain_is_taken_with_and_without_the_scheme_of_a_browser(self, start: str):
        assert verdict(sub(f"{DOMAIN} wants", f"{start} wants")) is None

    def test_the_address_is_handed_out_in_the_case_that_was_signed(self):
        for address in (ADDRESS.lower(), "0x" + ADDRESS[2:].upper()):
            message = parse(line(1, address))
            assert message is not None
            assert message.address == address


class TestWhatIsLeftOut:
    def test_the_shortest_message_of_the_standard_is_read(self):
        message = parse("\n".join([*LINES[:2], "", "", *LINES[URI : ISSUED + 1]]))
        assert message is not None
        assert (message.statement, message.expiration_time, message.not_before, message.request_id) == (None, None, None, None)
        assert message.resources == ()

    def test_the_longest_message_of_the_standard_is_read(self):
        message = parse(before(REQUEST, "Not Before: 2026-01-01T00:00:00Z") + "\n- ipfs://bafy/\n- https://example.com/a?b#c")
        assert message is not None
        assert message.not_before == "2026-01-01T00:00:00Z"
        assert message.resources == ("urn:flowork:gateway:gw234567", "ipfs://bafy/", "https://example.com/a?b#c")


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_not_of_the_standard_is_refused(text: str):
    assert text != VALID
    assert parse(text) is None


@pytest.mark.parametrize("field", ["Issued At: ", "Expiration Time: ", "Not Before: "])
@pytest.mark.parametrize("date", DATES.values(), ids=DATES.keys())
def test_a_date_that_does_not_exist_is_refused_in_every_field(field: str, date: str):
    number = {"Issued At: ": ISSUED, "Expiration Time: ": EXPIRES, "Not Before: ": REQUEST}[field]
    text = before(number, field + date) if number == REQUEST else line(number, field + date)
    assert parse(text) is None


@pytest.mark.parametrize("offset", ["+00:60", "-00:99", "+22:99"])
def test_an_offset_that_does_not_exist_is_refused(offset: str):
    assert parse(line(ISSUED, f"Issued At: 2026-01-01T00:00:00{offset}")) is None


@pytest.mark.parametrize(
    "text",
    [
        line(STATEMENT, "Gr\u00fc\u00dfe."),
        line(STATEMENT, 'Say "yes".'),
        line(STATEMENT, "100 %"),
        line(URI, "URI: http://a/<b>"),
        line(URI, "URI: http://a/%zz"),
        line(REQUEST, "Request ID: a/b"),
        line(HEAD, LINES[HEAD].replace(DOMAIN, 'a"b')),
        line(HEAD, LINES[HEAD].replace(DOMAIN, "a:b:c")),
    ],
)
def test_a_character_outside_the_abnf_is_refused(text: str):
    assert parse(text) is None


@pytest.mark.parametrize(
    "date", ["2024-02-29T00:00:00Z", "2026-12-31T23:59:59.999999999Z", "2026-01-01T00:00:00.5+14:00", "9999-12-31T23:59:59Z"]
)
def test_a_date_that_exists_is_read(date: str):
    message = parse(line(ISSUED, f"Issued At: {date}"))
    assert message is not None
    assert message.issued_at == date


@pytest.mark.parametrize(("text", "field"), OTHER.values(), ids=OTHER.keys())
def test_what_was_not_asked_for_is_named_by_its_field(text: str, field: str):
    assert verdict(text) == field


class TestCompare:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("domains", frozenset({"other"})),
            ("domains", frozenset()),
            ("statement", ""),
            ("uri", ""),
            ("nonce", ""),
            ("issued_at", ""),
            ("expiration_time", ""),
            ("request_id", ""),
            ("resources", ()),
            ("chain_id", 2),
        ],
    )
    def test_no_field_of_what_was_issued_goes_unlooked_at(self, field: str, value: Any):
        message = parse(VALID)
        assert message is not None
        assert compare(message, replace(EXPECTED, **{field: value})) == field.replace("domains", "domain")

    def test_the_domain_is_named_before_all_others(self):
        message = parse(sub(f"{DOMAIN} wants", "evil.example wants").replace("Nonce: f", "Nonce: 0"))
        assert message is not None
        assert compare(message, EXPECTED) == "domain"


class TestAnyChange:
    """Some characters may vary: the case of the address, an http(s) scheme, zeros before the chain. Nothing else."""

    def test_no_character_can_be_left_out(self):
        for place in range(len(VALID)):
            assert verdict(VALID[:place] + VALID[place + 1 :]) is not None, place

    def test_no_line_can_be_cut_short_or_broken_or_a_character_doubled_at_any_place(self):
        for place in range(len(VALID)):
            assert verdict(VALID[:place]) is not None, place
            assert verdict(VALID[:place] + "\n" + VALID[place:]) is not None, place
            assert verdict(VALID[: place + 1] + VALID[place:]) is not None, place

    @SAME
    @given(st.integers(0, len(VALID) - 1), st.characters())
    def test_no_character_can_be_another(self, place: int, character: str):
        altered = VALID[:place] + character + VALID[place + 1 :]
        message = parse(altered)
        if altered != VALID and message is not None and compare(message, EXPECTED) is None:
            assert message.address != ADDRESS

    @SAME
    @given(st.integers(0, len(VALID)), st.text(st.characters(), min_size=1, max_size=5))
    def test_nothing_can_be_put_in(self, place: int, text: str):
        altered = VALID[:place] + text + VALID[place:]
        zeros_before_the_chain = place == VALID.index("Chain ID: 1") + len("Chain ID: ") and not text.strip("0")
        assert (verdict(altered) is None) == zeros_before_the_chain

    @SAME
    @given(st.text(max_size=300))
    def test_no_text_causes_an_error(self, text: str):
        assert parse(text) is None


class TestSize:
    def test_a_message_is_read_up_to_its_limit(self):
        room = MESSAGE_MAX_CHARS - len(VALID)
        assert parse(line(STATEMENT, LINES[STATEMENT] + "x" * room)) is not None
        assert parse(line(STATEMENT, LINES[STATEMENT] + "x" * (room + 1))) is None

    @pytest.mark.parametrize(
        "make",
        [
            lambda: "a" * MESSAGE_MAX_CHARS,
            lambda: "a:" * (MESSAGE_MAX_CHARS // 2),
            lambda: "a://" * (MESSAGE_MAX_CHARS // 4),
            lambda: VALID + "\n- a:b" * ((MESSAGE_MAX_CHARS - len(VALID)) // 6) + "\n",
            lambda: "\n" * MESSAGE_MAX_CHARS,
            lambda: VALID * 7,
        ],
    )
    def test_a_hostile_message_of_full_length_is_refused_at_once(self, make: Callable[[], str]):
        assert parse(make()) is None
        assert parse(make() * 1000) is None

"""`gateway.rules.packets`: the few packets a client of ours sends, and no others."""

import contextlib
import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.packets import EVENTS, Packet, PacketRefused, Says, judge

NS = "/gui-socket"


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("3", Packet(Says.PONG)),
        ("1", Packet(Says.CLOSE)),
        ("40", Packet(Says.CONNECT)),
        ("40{}", Packet(Says.CONNECT)),
        (f"40{NS},", Packet(Says.CONNECT, NS)),
        (f"40{NS}", Packet(Says.CONNECT, NS)),
        (f'40{NS},{{"token":"t"}}', Packet(Says.CONNECT, NS)),
        (f'42{NS},["auth.refresh",{{}}]', Packet(Says.EVENT, NS)),
        (f'42{NS},12["auth.refresh",{{"token":"t"}}]', Packet(Says.EVENT, NS)),
        (f"41{NS},", Packet(Says.DISCONNECT, NS)),
        (f"43{NS},1[]", Packet(Says.ACK, NS)),
    ],
)
def test_what_clients_send_is_taken(text: str, packet: Packet):
    assert judge(text) == packet


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "0",
            "2",
            "2probe",
            "3probe",
            "5",
            "6",
            "b",
            "4",
            "44",
            "45",
            "46",
            "47",
            "49",
            "14",
            "11",
            " 3",
            "3 ",
            "4\u0662",
            "\u0664\u0662",
        ),
        *(f'42{NS},["connect",{{}}]', f'42{NS},["disconnect",{{}}]', f'42{NS},["*",{{}}]', f'42{NS},["job.updated",{{}}]'),
        *(f'42{NS},["auth.refresh"]', f'42{NS},["auth.refresh",[]]', f'42{NS},["auth.refresh",{{}},{{}}]', f'42{NS},["auth.refresh",null]'),
        *(f"42{NS},[]", f"42{NS},{{}}", f"42{NS},", f"42{NS}", f'42{NS},"auth.refresh"', f"42{NS},[1,{{}}]", f"42{NS},[null,null]"),
        *(
            f'451-{NS},["auth.refresh",{{}}]',
            f'42{NS}?a=b,["auth.refresh",{{}}]',
            f'42{NS}["auth.refresh",{{}}]',
            "42/é,[]",
            "42/" + "x" * 65 + ",[]",
        ),
        *(
            f"40{NS},1{{}}",
            f"40{NS},[]",
            f"40{NS},null",
            f"40{NS},{{",
            f'40{NS},{{"a":NaN}}',
            f'40{NS},{{"a":1e999}}',
            f'40{NS},{{"a":"\\ud800"}}',
        ),
        *(f"41{NS},{{}}", f"41{NS},1", f"43{NS},[]", f"43{NS},1{{}}", f"43{NS},9999999999[]", f'42{NS},\u00b2["auth.refresh",{{}}]'),
        *("\ud800", f'42{NS},["auth.refresh",{{"a":"\ud800"}}]', f'42{NS},["auth.refresh",' + '{"a":' * 9 + "1" + "}" * 9 + "]"),
        f'42{NS},["auth.refresh",{{"a":[' + "0," * 200 + "0]}]",
    ],
)
def test_everything_else_is_refused(text: str):
    with pytest.raises(PacketRefused) as refused:
        judge(text)
    assert "auth" not in str(refused.value)  # nothing of the packet is repeated


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=60) | st.from_regex(r"4[0-6](/gui-socket,)?[0-9]{0,3}[\[{].{0,30}", fullmatch=True))
def test_no_text_raises_anything_but_a_refusal(text: str):
    with contextlib.suppress(PacketRefused):
        judge(text)


def test_a_hundred_thousand_seeded_packets_never_name_an_event_that_is_not_taken():
    chance = random.Random(7)
    pieces = [
        "4",
        "42",
        NS,
        ",",
        '["',
        "auth.refresh",
        "connect",
        "disconnect",
        '"',
        "{}",
        "[",
        "]",
        "}",
        "1",
        "-",
        "\\",
        " ",
        "\n",
        "null",
    ]
    taken = 0
    for _ in range(100_000):
        text = "".join(chance.choice([*pieces, chance.choice(string.printable)]) for _ in range(chance.randint(1, 9)))
        if chance.random() < 0.2:
            text = f'42{NS},["{chance.choice(["auth.refresh", "connect", "x"])}",{{{text[:1] if chance.random() < 0.5 else ""}}}]'
        try:
            packet = judge(text)
        except PacketRefused:
            continue
        taken += 1
        if packet.says is Says.EVENT:
            assert json.loads(text[text.index("[") :])[0] in EVENTS
    assert taken > 1000

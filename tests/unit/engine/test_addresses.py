"""`engine.rules.addresses`: the judge of numbers (security reference §5.8)."""

from ipaddress import ip_address

import pytest

from engine.rules.addresses import Ground, Place, may_call, parsed, place, port_allowed, unwrapped

OWN = ip_address("203.0.114.7")
GROUND = Ground(frozenset({OWN}), frozenset({(ip_address("127.0.0.1"), 7717), (ip_address("8.8.4.4"), 443)}), frozenset({7718}))
WRAPPED = {
    "::ffff:127.0.0.1": "127.0.0.1",
    "::ffff:0:7f00:1": "127.0.0.1",
    "::7f00:1": "127.0.0.1",
    "2002:7f00:1::": "127.0.0.1",
    "64:ff9b::7f00:1": "127.0.0.1",
    "64:ff9b::a00:1": "10.0.0.1",
    "64:ff9b::a9fe:a9fe": "169.254.169.254",
    "2001:0:4136:e378:8000:63bf:80ff:fffe": "127.0.0.1",
    "2002:0a00:0001::1": "10.0.0.1",
}
PRIVATE = ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "::1", "fc00::1", "fd12::1", str(OWN)]
FORBIDDEN = [
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200", "192.0.0.8", "192.0.0.192"),
    *("192.88.99.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::", "fe80::1", "fec0::1", "ff02::1", "fd00:ec2::254", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808", "2001:db8::1", "100::1"),
    *("64:ff9b::e000:1", "2002:a9fe:a9fe::", "::ffff:169.254.169.254", "::ffff:0.0.0.0"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize(("outer", "inner"), WRAPPED.items())
def test_an_address_within_an_address_is_taken_out(outer: str, inner: str):
    assert unwrapped(ip_address(outer)) == ip_address(inner)


@pytest.mark.parametrize("text", [*PRIVATE, *WRAPPED])
def test_the_owners_own_is_not_taken_for_public(text: str):
    assert place(ip_address(text), GROUND) is not Place.PUBLIC
    assert not may_call(ip_address(text), 443, GROUND, private=False)


@pytest.mark.parametrize("text", PRIVATE)
def test_what_is_private_is_called_only_where_it_is_listed_so(text: str):
    assert may_call(ip_address(text), 11434, GROUND, private=True)
    assert not may_call(ip_address(text), 11434, GROUND, private=False)


@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_is_nobodys_is_not_called_whatever_is_listed(text: str):
    assert place(ip_address(text), GROUND) is Place.FORBIDDEN
    assert not may_call(ip_address(text), 443, GROUND, private=True)


@pytest.mark.parametrize("text", PUBLIC)
def test_the_public_net_is_called(text: str):
    assert may_call(ip_address(text), 443, GROUND, private=False)


@pytest.mark.parametrize("text", ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "8.8.4.4"])
def test_the_gateway_is_never_called_however_its_address_is_spelled(text: str):
    port = 443 if text == "8.8.4.4" else 7717
    assert not may_call(ip_address(text), port, GROUND, private=True)


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "127.1.2.3", str(OWN)])
def test_a_closed_port_of_this_machine_is_never_called(text: str):
    assert not may_call(ip_address(text), 7718, GROUND, private=True)
    assert may_call(ip_address(text), 7719, GROUND, private=True)


@pytest.mark.parametrize(("port", "allowed"), [(80, True), (443, True), (1024, True), (65535, True), (0, False), (22, False), (25, False),
                                               (81, False), (1023, False), (65536, False)])  # fmt: skip
def test_ports_of_system_services_are_not_called(port: int, allowed: bool):
    assert port_allowed(port) is allowed
    assert may_call(ip_address("8.8.8.8"), port, GROUND, private=True) is allowed


def test_a_zone_does_not_hide_an_address_and_a_name_is_none():
    assert parsed("fe80::1%eth0") == ip_address("fe80::1")
    assert parsed("localhost") is None

"""`gateway.settings`: what would open more than the owner meant is refused before anything listens."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings


def made(**values: object) -> GatewaySettings:
    return GatewaySettings(data=Path("/nowhere"), **values)


@pytest.mark.parametrize(
    "origin", ["https://gui.example", "http://localhost:5173", "http://127.0.0.1:80810"[:-1], "http://[::1]:3000", "https://a-b.c"]
)
def test_an_exact_origin_is_taken(origin: str):
    assert made(gui_origins=(origin,)).gui_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "", "https://*", "https://*.example", "https://gui.example/", "https://gui.example/path", "https://GUI.example"),
        *("HTTPS://gui.example", "gui.example", "//gui.example", "ftp://gui.example", "https://user@gui.example", "https://gui.example?x"),
        *("https://gui.example#x", "https://gui.example:443", "http://gui.example:80", "https://gui.example:", "https://gui.example:x"),
        *(
            "https://",
            "https://gui example",
            " https://gui.example",
            "https://gui.example\n",
            "file:///x",
            "https://gui.example:99999",
            "https://ä.example",
        ),
    ],
)
def test_what_is_no_exact_origin_is_refused_by_name(origin: str):
    with pytest.raises(ValidationError) as refused:
        made(gui_origins=("https://good.example", origin))
    assert "gui_origins" in str(refused.value)
    assert "good.example" not in refused.value.errors()[0]["msg"]


def test_the_tunnel_publishes_https_only_and_needs_to_know_where():
    assert made(tunnel=True, public_origins=("https://flowork.example",)).tunnel
    with pytest.raises(ValidationError, match="public_origins"):
        made(tunnel=True)
    with pytest.raises(ValidationError, match="https"):
        made(public_origins=("http://flowork.example",))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.9.9.9", "localhost", "gateway.lan", ""])
def test_the_lan_listener_wants_the_address_of_an_interface(host: str):
    with pytest.raises(ValidationError, match="lan_host"):
        made(lan_host=host)


def test_listening_on_every_interface_needs_names():
    assert made(lan_host="192.168.1.5").lan_host == "192.168.1.5"
    assert made(lan_host="0.0.0.0", lan_names=("gateway.lan",)).lan_names == ("gateway.lan",)
    for host in ("0.0.0.0", "::"):
        with pytest.raises(ValidationError, match="lan_names"):
            made(lan_host=host)


@pytest.mark.parametrize("name", ["Gateway.lan", "gateway.lan:80", "*", "*.lan", "http://gateway.lan", "", "a b", ".lan", "x@y"])
def test_a_lan_name_is_a_plain_name(name: str):
    with pytest.raises(ValidationError, match="lan_names"):
        made(lan_host="192.168.1.5", lan_names=(name,))


def test_the_loopback_listener_stays_on_loopback():
    with pytest.raises(ValidationError, match="lan_host is for other machines"):
        made(host="0.0.0.0")


def test_nothing_but_loopback_is_open_unless_asked_for():
    usual = made()
    assert (usual.lan_host, usual.tunnel, usual.accept_remote_engines, usual.gui_origins) == (None, False, False, ())

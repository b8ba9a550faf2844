"""Ports that other programs have."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.support.house import House


@contextlib.contextmanager
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_a_machine_is_served_although_the_tunnels_usual_port_is_taken(tmp_path: Path):
    with taken() as port:
        home = House(tmp_path / "data", apart=False, port=port - 2)
        try:
            await home.start_gateway()
            assert home.address.endswith(f":{port - 2}")
        finally:
            await home.close()


async def test_a_chosen_port_that_is_taken_is_said_in_words(tmp_path: Path):
    with taken() as port:
        home = House(tmp_path / "data", apart=False)
        try:
            try:
                await home.start_gateway(FLOWORK_GATEWAY_TUNNEL_PORT=str(port))
            except AssertionError:
                pass
            else:
                raise AssertionError("it started")
            said = home.gateway.log.read_text() if home.gateway else ""
            assert f"listens on 127.0.0.1:{port}" in said
            assert "Traceback" not in said
        finally:
            await home.close()

"""`gateway.http.connection`: raw bytes that two readers could read differently, and the count of connections."""

import h11
import pytest

from gateway.http.connection import Peers, StrictConnection

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


def event_of(data: bytes):
    connection = StrictConnection()
    connection.receive_data(data)
    return connection.next_event()


@pytest.mark.parametrize(
    "lines",
    [
        b"X: a\r\n\tb\r\n",
        b"X: a\r\n b\r\n",
        b"X: a\n",
        b"X: a\rb\r\n",
        b"Content-Length: 1\r\nContent-Length: 1\r\n",
        b"content-length: 1, 1\r\n",
    ],
)
def test_a_head_with_two_readings_is_refused_however_it_arrives(lines: bytes):
    data = HEAD + lines + b"\r\n"
    with pytest.raises(h11.RemoteProtocolError):
        event_of(data)
    connection = StrictConnection()
    with pytest.raises(h11.RemoteProtocolError):
        for byte in data:
            connection.receive_data(bytes([byte]))
            assert connection.next_event() is h11.NEED_DATA


def test_a_plain_head_is_taken_and_line_feeds_in_a_body_are_its_own():
    connection = StrictConnection()
    connection.receive_data(HEAD + b"Content-Length: 5\r\n\r\na\nb\n ")
    assert isinstance(connection.next_event(), h11.Request)
    assert connection.next_event().data == b"a\nb\n "


def test_the_second_request_of_a_connection_is_looked_at_too():
    connection = StrictConnection()
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\nHost: a\n\n")
    assert isinstance(connection.next_event(), h11.Request)
    assert isinstance(connection.next_event(), h11.EndOfMessage)
    connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.start_next_cycle()
    with pytest.raises(h11.RemoteProtocolError):
        connection.next_event()


def test_connections_of_one_address_are_counted_until_they_end():
    peers = Peers(2)
    assert [peers.enter("a") for _ in range(3)] == [True, True, False]
    assert peers.enter("b")
    peers.leave("a")
    assert [peers.enter("a") for _ in range(2)] == [True, False]
    for peer in ("a", "a", "b"):
        peers.leave(peer)
    assert not peers._open

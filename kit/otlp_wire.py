"""OTLP over HTTP: a body to the one address that the owner named, and the messages that spans and metrics share.

Nothing here reads the environment, follows a redirect or asks a proxy.
"""

import contextlib
import http.client
import itertools
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from kit.spans import Service, Value

ANSWER_S: Final = 10.0
ANSWER_MAX_BYTES: Final = 64 * 1024

Post = Callable[[bytes], int]
"""Sends one body; the status of the answer. Raises OSError, http.client.HTTPException or ValueError."""


class Poster:
    """`Post` to one address, a connection for each."""

    def __init__(self, endpoint: str, path: str, headers: Mapping[str, str]) -> None:
        """`path` is the signal's, such as `/v1/traces`; it goes behind that of the endpoint."""
        parts = urlsplit(endpoint)
        self._host, self._port, self._tls = parts.hostname or "", parts.port, parts.scheme == "https"
        self._path = f"{parts.path.rstrip('/')}{path}"
        self._headers = {**headers, "content-type": "application/x-protobuf", "user-agent": "flowork"}
        self._open: http.client.HTTPConnection | None = None

    def __call__(self, body: bytes) -> int:
        with contextlib.closing(self._connection()) as connection:
            self._open = connection
            connection.request("POST", self._path, body, self._headers)
            answer = connection.getresponse()
            answer.read(ANSWER_MAX_BYTES)
            return answer.status

    def break_off(self) -> None:
        """End a call that another thread waits in."""
        open_socket = None if self._open is None else self._open.sock
        if open_socket is not None:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(self._host, self._port, timeout=ANSWER_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_S)


def resource(service: Service) -> Resource:
    """Whose telemetry this is."""
    return Resource(
        attributes=attributes({"service.name": service.name, "service.version": service.version, "service.instance.id": service.instance})
    )


def scope(service: Service) -> InstrumentationScope:
    """What made it."""
    return InstrumentationScope(name="flowork", version=service.version)


def attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    """Attributes of a span, a data point or a resource; at most 64."""
    return [KeyValue(key=name, value=_value(value)) for name, value in itertools.islice(values.items(), 64)]


def _value(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=str(value)[:1024])

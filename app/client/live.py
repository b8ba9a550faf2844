"""A user's live events: the gateway's Socket.IO namespace."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import socketio

from contract.errors import GatewayUnreachable
from contract.events import SOCKET_NAMESPACE, SOCKET_PATH, Event


@contextlib.asynccontextmanager
async def live_events(gateway: str, token: str) -> AsyncIterator["asyncio.Queue[Event]"]:
    """Events as they are committed, in order of each source.

    Raises:
        GatewayUnreachable: no socket could be opened, or the token was refused.
    """
    arrived: asyncio.Queue[Event] = asyncio.Queue()
    client = socketio.AsyncClient(reconnection=False, logger=False, engineio_logger=False)

    async def on_event(_name: str, data: Any) -> None:
        arrived.put_nowait(Event.model_validate(data))

    client.on("*", on_event, namespace=SOCKET_NAMESPACE)
    try:
        await client.connect(
            gateway, auth={"token": token}, namespaces=[SOCKET_NAMESPACE], transports=["websocket"], socketio_path=SOCKET_PATH
        )
    except socketio.exceptions.ConnectionError as error:
        raise GatewayUnreachable(f"No live events from {gateway}: {error}") from error
    try:
        yield arrived
    finally:
        await client.disconnect()

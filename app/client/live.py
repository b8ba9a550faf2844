"""A user's live events: the gateway's Socket.IO namespace."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import socketio

from app.client.api import ApiClient
from contract.errors import REGISTRY, FloworkError, GatewayUnreachable
from contract.events import SOCKET_NAMESPACE, SOCKET_PATH, Event


@contextlib.asynccontextmanager
async def live_events(api: ApiClient) -> AsyncIterator["asyncio.Queue[Event]"]:
    """Events as they are committed, in order of each source.

    Raises:
        GatewayUnreachable: no socket could be opened. AuthenticationInvalid: the token was refused.
    """
    arrived: asyncio.Queue[Event] = asyncio.Queue()
    client = socketio.AsyncClient(reconnection=False, logger=False, engineio_logger=False)

    async def on_event(_name: str, data: Any) -> None:
        arrived.put_nowait(Event.model_validate(data))

    refusals: list[FloworkError] = []

    async def on_refusal(data: Any) -> None:
        code = data.get("message") if isinstance(data, dict) else data
        if code in REGISTRY:
            refusals.append(REGISTRY[code]())

    client.on("*", on_event, namespace=SOCKET_NAMESPACE)
    client.on("connect_error", on_refusal, namespace=SOCKET_NAMESPACE)
    try:
        await client.connect(
            api.gateway, auth=api.socket_auth(), namespaces=[SOCKET_NAMESPACE], transports=["websocket"], socketio_path=SOCKET_PATH
        )
    except socketio.exceptions.ConnectionError as error:
        if refusals:
            raise refusals[0] from error
        raise GatewayUnreachable(f"No live events from {api.gateway}: {error}") from error
    try:
        yield arrived
    finally:
        await client.disconnect()

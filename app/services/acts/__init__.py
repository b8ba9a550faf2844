"""Does what the UI asks for. Each module has `handlers(...)`, which gives a coroutine function for each kind of act it knows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.bridge.acts import Act

Handlers = Mapping[type[Act[Any]], Callable[[Any], Awaitable[Any]]]

"""This machine's own engine, as its owner steers it on the admin listener (`/admin/v1/local`)."""

from typing import Annotated

from pydantic import Field

from contract.wire import Answer, EngineId, EngineName, Request


class LocalView(Answer):
    """The engine that runs in the gateway's own program."""

    id: EngineId
    name: EngineName
    slots: int
    """Jobs that may run at once, now."""
    busy: int
    automatic: bool
    """The number of slots is chosen by what is measured."""
    slots_max: int
    paused: str | None
    """Why it takes no jobs: `asked`, `battery` or `metered`; None while it takes them."""


class LocalChange(Request):
    """What is not given stays as it is."""

    slots: Annotated[int, Field(ge=1, le=1024)] | None = None
    """So many, from now on and until the next start."""
    automatic: bool | None = None
    """True: choose the number by what is measured, again."""
    paused: bool | None = None
    """True: take no jobs until told otherwise; they wait in the queue. False: take them, whatever battery and network say."""

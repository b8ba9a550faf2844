"""What a newer Flowork says to the one whose place it takes, on the admin listener (`/admin/v1`)."""

from typing import Annotated

from pydantic import Field

from contract.wire import Answer, Request


class SnapshotMade(Answer):
    """Where the copy lies: a folder inside the data folder. Whoever asked for it removes it."""

    folder: str


class HandoverRequest(Request):
    """Stop serving for the one that asks."""

    version: Annotated[str, Field(max_length=64)]
    """Of the one that takes over."""


class HandoverBegun(Answer):
    """The old one finishes its engine's jobs, closes its queues and lets go of the data folder."""

    address: str
    """Where it served."""

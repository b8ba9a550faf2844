"""Handover: lets a newer Flowork rehearse on a copy of this one's data, then take its place."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract.errors import HandoverRefused
from gateway.operations.audit import Audit
from gateway.operations.owner import OWNER


@dataclass(slots=True)
class Handover:
    """The acts of handing over.

    `copy` makes a snapshot of a data folder in another; `let_go` tells the program around the gateway that somebody waits to
    take its place, and is None where nobody listens.
    """

    data: Path
    audit: Audit
    copy: Callable[[Path, Path], None]
    let_go: Callable[[], None] | None

    async def snapshot(self) -> Path:
        """A copy of all databases, for a rehearsal; whoever asked for it removes it. One at a time: a new one replaces the last.

        Raises:
            AuditUnavailable, StorageFull, StorageFailed.
        """
        target = self.data / "run" / "rehearsal"
        await self.audit.note("gateway.snapshot", OWNER, target.name)
        await asyncio.to_thread(self.copy, self.data, target)
        return target

    async def begin(self, version: str) -> None:
        """Stop serving for another one, which holds the lock of the handover; when it fails, this one serves again.

        Raises:
            AuditUnavailable. HandoverRefused: this gateway was not started by a program that can.
        """
        if self.let_go is None:
            raise HandoverRefused
        await self.audit.note("gateway.handover", OWNER, version)
        self.let_go()

"""What the program around a gateway does for its owner: stop, hand over, steer the engine that runs in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from contract.errors import NotOfThisProgram
from contract.local import LocalChange, LocalView
from gateway.operations.audit import Audit
from gateway.operations.endpoint import EndpointHost
from gateway.operations.owner import OWNER


class LocalEngine(Protocol):
    """The engine that runs in the gateway's own program; called on the gateway's thread."""

    def view(self) -> LocalView | None:
        """How it is; None while it does not run."""

    async def change(self, asked: LocalChange) -> LocalView:
        """Steer it. Raises RequestInvalid; NotOfThisProgram while it does not run."""


@dataclass(frozen=True, slots=True)
class Program:
    """The hooks; None where the program has no such thing. Callables may be called on any thread."""

    hand_over: Callable[[], None] | None = None
    """Another Flowork wants to take this one's place: end the block, then see whether it did."""
    stop: Callable[[], None] | None = None
    """The owner wants the whole program to drain and end."""
    local: LocalEngine | None = None
    endpoint: EndpointHost | None = None
    tunnel_secret: str | None = field(default=None, repr=False)
    """The Host header that opens the tunnel listener, where it must be the same at every start."""


@dataclass(slots=True)
class Around:
    """The owner's acts upon the program."""

    program: Program
    audit: Audit

    def local(self) -> LocalView:
        """This machine's own engine.

        Raises:
            NotOfThisProgram.
        """
        view = None if self.program.local is None else self.program.local.view()
        if view is None:
            raise NotOfThisProgram
        return view

    async def change_local(self, asked: LocalChange) -> LocalView:
        """Steer it.

        Raises:
            NotOfThisProgram, RequestInvalid, AuditUnavailable.
        """
        if self.program.local is None:
            raise NotOfThisProgram
        if asked.paused is not None:
            await self.audit.note("engine.pause" if asked.paused else "engine.unpause", OWNER, self.local().id)
        return await self.program.local.change(asked)

    async def stop(self) -> None:
        """Let the whole program drain and end.

        Raises:
            NotOfThisProgram, AuditUnavailable.
        """
        if self.program.stop is None:
            raise NotOfThisProgram
        await self.audit.note("program.stop", OWNER, "program")
        self.program.stop()

"""What a chat asks of the tools of its engine."""

from collections.abc import Sequence
from typing import Any, Protocol

from contract.kinds import ToolResult
from contract.offers import OfferedTool
from engine.rules.kinds import Job


class Toolbox(Protocol):
    """The tools that the owner configured."""

    def offered(self) -> Sequence[OfferedTool]:
        """Those that can be called now."""

    async def call(self, job: Job, name: str, arguments: Any) -> ToolResult:
        """Call one for a job; cancelling stops it.

        Raises:
            JobFailed: `tool.unknown`, `tool.arguments_invalid`, `tool.failed`, `tool.timeout` ...; person and model read its message.
        """

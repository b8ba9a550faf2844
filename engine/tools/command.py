"""`[commands.NAME]`: programs that the owner listed, as tools."""

import shutil
import sys
from typing import Any

from contract.offers import OfferedTool
from engine.rules.arguments import filled, text_of, with_defaults
from engine.rules.failures import JobFailed
from engine.settings.sources import CommandSettings
from engine.tools.environment import clean
from engine.tools.process import MARK, run

SCRIPTS_OF_CMD = (".bat", ".cmd")


def offered(name: str, settings: CommandSettings) -> OfferedTool:
    """As it is told to models and people."""
    return OfferedTool(name=name, description=settings.description[:2000], arguments=settings.arguments, source="command")


async def call(settings: CommandSettings, arguments: dict[str, Any], mark: str) -> tuple[dict[str, Any], bool]:
    """Run it with arguments that fit its schema: its exit code and outputs, and whether they were cut.

    Raises:
        JobFailed: `tool.arguments_invalid`, `tool.failed`.
    """
    complete = with_defaults(arguments, settings.arguments)
    argv, env = filled(settings.argv, complete, settings.allow_dash), {**clean(), MARK: mark}
    given = None if settings.stdin is None else text_of(complete[settings.stdin]).encode("utf-8", "replace")
    argv[0] = _program(argv[0], env)
    try:
        ended = await run(argv, env, settings.cwd, given, settings.output_max_bytes)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise JobFailed("tool.failed", f"The program cannot be started: {reason}.", retryable=False) from error
    content = {
        "exit_code": ended.exit_code,
        "stdout": ended.out.decode("utf-8", "replace"),
        "stderr": ended.err.decode("utf-8", "replace"),
    }
    return content, ended.truncated


def fault(settings: CommandSettings) -> str | None:
    """Why it cannot be run; None when it can, as far as can be seen."""
    try:
        _program(settings.argv[0], clean())
    except JobFailed as error:
        return error.message
    return None


def _program(name: str, env: dict[str, str]) -> str:
    found = shutil.which(name, path=env.get("PATH"))
    if found is None:
        raise JobFailed("tool.failed", f"The program {name} is not there, or may not be run.", retryable=False)
    if sys.platform == "win32" and found.lower().endswith(SCRIPTS_OF_CMD):
        raise JobFailed("tool.failed", "A .bat or .cmd file is run by a shell, which takes arguments apart.", retryable=False)
    return found

"""Where an installation's token is kept between starts, and while it rotates: beside the old one, until the new is proven.

`enrolments.py` keeps those of enrolled machines.

Tokens are read and kept newest first. A place that cannot keep a new token must say so before one is asked for.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kit.files import Locked, exclusive_lock, write_private

TOKENS_MAX = 2


class TokenRefused(Exception):
    """A token can't be read or kept; the message says what to do."""


class RotatesElsewhere(Exception):
    """Another process of this installation is taking a new token."""


class FileTokens:
    """A file of the owner's with the token. While it rotates there is a second line, with the old one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> tuple[str, ...]:
        """The tokens. Raises TokenRefused."""
        return await asyncio.to_thread(read_file, self._path)

    async def keep(self, tokens: Sequence[str]) -> None:
        """Rewrite the file, whole or not at all. Raises TokenRefused."""
        if self._path.is_symlink():
            raise TokenRefused(f"{self._path} is a link, which is not replaced by a file.")
        try:
            await asyncio.to_thread(write_private, self._path, "".join(f"{token}\n" for token in tokens).encode())
        except OSError as error:
            raise TokenRefused(f"The token file cannot be written ({error.strerror}): {self._path}") from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes that share the file from rotating. Raises RotatesElsewhere, TokenRefused."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(exclusive_lock(self._path.with_name(f"{self._path.name}.lock")))
            except Locked as error:
                raise RotatesElsewhere from error
            except OSError as error:
                raise TokenRefused(f"Nothing can be written beside the token file ({error.strerror}): {self._path}") from error
            yield


def read_file(path: Path) -> tuple[str, ...]:
    """The tokens of a token file: one, or two while it rotates.

    Raises:
        TokenRefused: it cannot be read, others can read it too, or it holds something else.
    """
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="ascii").split("\n")
    except UnicodeDecodeError as error:
        raise TokenRefused(f"{path} holds no token.") from error
    except OSError as error:
        raise TokenRefused(f"The token file cannot be read: {error.strerror}: {path}") from error
    if os.name == "posix" and mode & 0o077:
        raise TokenRefused(f"Others can read the token file. If nobody has: chmod 600 '{path}'")
    tokens = tuple(line.strip() for line in lines if line.strip())
    if not tokens:
        raise TokenRefused("No token came. Give --token-file FILE, or write the token to standard input.")
    if len(tokens) > TOKENS_MAX or any(len(token.split()) > 1 for token in tokens):
        raise TokenRefused("More than a token came: it is one word.")
    return tokens


class MemoryTokens:
    """A token that was handed over for the life of this process; the next start gets another one."""

    def __init__(self, token: str) -> None:
        self._tokens: tuple[str, ...] = (token,)

    async def read(self) -> tuple[str, ...]:
        """The tokens."""
        return self._tokens

    async def keep(self, tokens: Sequence[str]) -> None:
        """Keep these instead."""
        self._tokens = tuple(tokens)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else has them."""
        return contextlib.nullcontext()


class GivenToken(MemoryTokens):
    """A token from standard input: whoever gave it would give it again, so it must not be replaced here."""

    async def keep(self, tokens: Sequence[str]) -> None:  # noqa: ARG002
        """Refuse. Raises TokenRefused."""
        raise TokenRefused("The token came on standard input, so a new one could not be kept. Use --enrol or --token-file.")

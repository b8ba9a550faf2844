"""A house whose engine asks models: config.toml, a key in the secret store, and somebody signed in."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.house import House, User, house, signed_in

KEY = "sk-very-secret-0123456789"
HELLO = {"model": "fast", "messages": [{"role": "user", "content": "words of a person"}]}


def keep_key(data: Path, name: str, value: str) -> None:
    """As `flowork providers key set` does, where secrets lie in the clear."""
    folder = data / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"provider.{name}"
    file.write_text(value)
    file.chmod(0o600)


@contextlib.asynccontextmanager
async def served(folder: Path, text: str, *, apart: bool = False, **environment: str) -> AsyncIterator[tuple[House, User]]:
    """A house whose engine has these providers, and somebody signed in."""
    for name in ("data", "data.engine"):
        data = folder / name
        data.mkdir(parents=True, mode=0o700)
        (data / "config.toml").write_text(text)
        (data / "config.toml").chmod(0o600)
        keep_key(data, "mine", KEY)
    async with house(folder, apart=apart, **environment) as made, signed_in(made, made.engine_name) as user:
        yield made, user

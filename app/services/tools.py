"""The tools of this machine's engine, without a gateway: what there is, one call, and the secrets that servers need."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from app.services.secrets import Around, Insecure, Place, open_secrets, remembered
from app.settings import Settings
from engine.rules.failures import JobFailed
from engine.rules.kinds import Call, Job, Value
from engine.tools.toolbox import OwnersTools, open_tools
from kit.files import exclusive_lock, private_folder
from kit.vault import FolderSecrets, SecretStore, Vault

PREFIX = "tool."
"""Of the names under which secrets of tools lie in the store."""
__all__ = ["JobFailed", "OwnersTools"]


@contextlib.asynccontextmanager
async def tools_of(settings: Settings, around: Around) -> AsyncIterator[OwnersTools]:
    """The tools of a data folder, each server started or given up.

    Raises:
        SecretsRefused: a server needs a secret, and the store cannot be opened.
    """
    data, engine = settings.gateway.data, settings.engine
    needed = any(server.secrets or server.key for server in engine.mcp.values())
    vault = Vault(store_of(data, around)) if needed else None

    async def secret(name: str) -> str | None:
        return None if vault is None else await vault.get(PREFIX + name)

    with contextlib.closing(vault) if vault is not None else contextlib.nullcontext():
        async with open_tools(engine.mcp, engine.commands, secret) as found:
            await found.settled()
            yield found


async def call_once(found: OwnersTools, name: str, arguments: Any) -> dict[str, Any]:
    """Call one, as a job would.

    Raises:
        JobFailed.
    """
    answered = await found.call(cast(Job, _NoJob()), name, arguments)
    return answered.model_dump(mode="json")


def store_of(data: Path, around: Around) -> SecretStore:
    """Where the engine of a data folder looks for its secrets.

    Raises:
        SecretsRefused.
    """
    known = remembered(data)
    if known is None:  # no gateway was ever started here: `flowork engine` keeps them in the clear
        return FolderSecrets(private_folder(data / "secrets"))
    return open_secrets(data, Insecure.ALWAYS if known.place is Place.CLEAR else Insecure.NEVER, around)


@contextlib.contextmanager
def keys_of(data: Path, around: Around) -> Iterator[SecretStore]:
    """The same, to be written. One sealed file is not written by two programs.

    Raises:
        SecretsRefused. Locked: Flowork runs, and its secrets are in a sealed file.
    """
    known = remembered(data)
    sealed = known is not None and known.place is Place.FILE
    with exclusive_lock(private_folder(data / "run") / "flowork.lock") if sealed else contextlib.nullcontext():
        yield store_of(data, around)


class _NoJob:
    """As much of a job as a tool's call asks for."""

    def __init__(self) -> None:
        self.traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"

    @contextlib.contextmanager
    def call(self, name: str, attributes: Mapping[str, Value]) -> Iterator[Call]:  # noqa: ARG002
        yield cast(Call, self)

    def tell(self, attributes: Mapping[str, Value]) -> None:
        """Nobody listens."""

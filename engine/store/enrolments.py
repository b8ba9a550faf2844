"""What enrolments left on this machine: for each engine its gateway, its id and its token, in the program's vault."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.store.tokens import TokenRefused
from kit.vault import Vault, VaultLocked, VaultUnavailable

ENGINES = "engines"
"""The vault's name for the list of engines; each has a secret of its own, for a secret is short."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the machine knows of one of its engines."""

    gateway: str
    engine_id: str
    tokens: tuple[str, ...]


async def enrolments(vault: Vault) -> list[Enrolment]:
    """The engines that this machine serves, oldest first; empty when it is not enrolled.

    Raises:
        TokenRefused: the vault is locked or unusable, or holds something else.
    """
    found = [await _enrolment(vault, engine_id) for engine_id in await _engines(vault)]
    return [enrolment for enrolment in found if enrolment is not None]


async def keep_enrolment(vault: Vault, enrolment: Enrolment) -> None:
    """Keep an enrolment, durably, in place of an earlier one of the same engine. Raises TokenRefused."""
    told = {"gateway": enrolment.gateway, "tokens": list(enrolment.tokens)}
    known = await _engines(vault)
    with _refusals():
        await vault.set(_name(enrolment.engine_id), json.dumps(told))
        if enrolment.engine_id not in known:  # a crash before this leaves a secret that nobody reads
            await vault.set(ENGINES, json.dumps([*known, enrolment.engine_id]))


class VaultTokens:
    """The token of one enrolled engine. The spool's lock keeps other processes out."""

    def __init__(self, vault: Vault, engine_id: str) -> None:
        self._vault = vault
        self._engine_id = engine_id

    async def read(self) -> tuple[str, ...]:
        """The tokens. Raises TokenRefused."""
        enrolment = await _enrolment(self._vault, self._engine_id)
        return () if enrolment is None else enrolment.tokens

    async def keep(self, tokens: Sequence[str]) -> None:
        """Keep these instead, durably. Raises TokenRefused."""
        enrolment = await _enrolment(self._vault, self._engine_id)
        if enrolment is None:
            raise TokenRefused("The enrolment is gone from the vault. Enrol this machine again.")
        await keep_enrolment(self._vault, replace(enrolment, tokens=tuple(tokens)))

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes of the installation from rotating for the length of the block."""
        return contextlib.nullcontext()


async def _engines(vault: Vault) -> list[str]:
    with _refusals():
        text = await vault.get(ENGINES)
        return [str(engine_id) for engine_id in json.loads(text or "[]")]


async def _enrolment(vault: Vault, engine_id: str) -> Enrolment | None:
    with _refusals():
        text = await vault.get(_name(engine_id))
        if text is None:
            return None
        told = json.loads(text)
        return Enrolment(str(told["gateway"]), engine_id, tuple(str(token) for token in told["tokens"]))


def _name(engine_id: str) -> str:
    return f"engine/{engine_id}"


class _refusals(contextlib.AbstractContextManager[None]):  # noqa: N801 - used like a function
    """Say what the vault's failures mean for an enrolment."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, VaultLocked | VaultUnavailable):
            raise TokenRefused(str(error) or "The secrets are locked. Unlock them and start again.") from error
        if isinstance(error, ValueError | TypeError | KeyError):
            raise TokenRefused("The enrolment in the vault is damaged. Enrol this machine again.") from error

"""The keys that sign access tokens: fetched, rotated monthly, struck out when somebody may have copied one."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from contract.errors import AuditUnavailable, SecretsLocked, StorageFailed, StorageFull
from gateway.crypto.identity import fetch
from gateway.crypto.signing_keys import SigningKeys, new_key
from gateway.operations.audit import Audit
from gateway.rules.key_ring import Act, KeyState, Make, Move, SigningKey, due, switch
from gateway.store.people import People
from kit.clock import Clock
from kit.logs import Log
from kit.vault import Vault, VaultLocked, VaultUnavailable

log = Log("keys")
LOOK_EVERY_S = 600.0


@dataclass(slots=True)
class KeyRing:
    """The ring in the store, in the vault and in memory; this process is its only writer."""

    keys: SigningKeys
    people: People
    vault: Vault
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def load(self) -> None:
        """Read the ring; make its first key, and whatever else is due.

        Raises:
            SecretsLocked: the very first start found the vault locked. AuditUnavailable. StorageFull. StorageFailed.
        """
        self.keys.replace(await self.people.signing_keys())
        try:
            await self.tend()
            await self.unlock()
        except SecretsLocked:
            if self.keys.active() is None:
                raise
            log.warning("keys.locked")

    async def unlock(self) -> None:
        """Make sure that tokens can be signed.

        Raises:
            SecretsLocked.
        """
        kid = self.keys.active()
        if kid is not None and not self.keys.can_sign():
            self.keys.hold(kid, await fetch(self.vault, _name(kid), self.keys.public_of(kid)))

    async def run(self) -> None:
        """Look after the ring, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.tend()
            except (SecretsLocked, AuditUnavailable, StorageFull, StorageFailed) as error:
                log.warning("keys.waits", code=error.code)  # nothing is lost by a later look

    async def tend(self) -> None:
        """Do what is due by the calendar.

        Raises:
            SecretsLocked, AuditUnavailable, StorageFull, StorageFailed: the ring is as it was.
        """
        async with self._changing:
            await self._perform(due(await self.people.signing_keys(), self.clock.now().wall), "gateway")

    async def rotate(self, actor: str) -> list[SigningKey]:
        """Let a new key sign now; tokens of the old one hold until they expire.

        Raises:
            See `tend`.
        """
        async with self._changing:
            if not any(key.state is KeyState.NEXT for key in await self.people.signing_keys()):
                await self._perform([Make(KeyState.NEXT)], actor)
            ring = await self.people.signing_keys()
            active, waiting = (next(key for key in ring if key.state is state) for state in (KeyState.ACTIVE, KeyState.NEXT))
            await self._perform(switch(active, waiting), actor)
            return await self.people.signing_keys()

    async def compromised(self, actor: str) -> list[SigningKey]:
        """Strike out every key there is: all access tokens end at once. Devices get new ones with their refresh tokens.

        Raises:
            See `tend`.
        """
        async with self._changing:
            ring = await self.people.signing_keys()
            bad = [Move(key.kid, KeyState.COMPROMISED) for key in ring if key.state not in {KeyState.RETIRED, KeyState.COMPROMISED}]
            await self._perform([*bad, Make(KeyState.ACTIVE)], actor)
            return await self.people.signing_keys()

    async def _perform(self, acts: list[Act], actor: str) -> None:
        """All of `acts`, or none. A new private half is in the vault before its public half is in the store."""
        if not acts:
            return
        now = self.clock.now().wall
        ring = {key.kid: key for key in await self.people.signing_keys()}
        changed: list[SigningKey] = []
        for act in acts:
            if isinstance(act, Make):
                key = await self._make(act.state, now)
                changed.append(key)
                await self.audit.note("keys.made", actor, key.kid, state=key.state)
            else:
                key = replace(ring[act.kid], state=act.to, since=now)
                changed.append(key)
                await self.audit.note("keys.moved", actor, key.kid, state=key.state)
        await self.people.put_signing_keys(changed)
        self.keys.replace(await self.people.signing_keys())
        for key in changed:
            if key.state not in {KeyState.NEXT, KeyState.ACTIVE}:
                await self._destroy(key.kid)
        await self.unlock()

    async def _make(self, state: KeyState, now: int) -> SigningKey:
        raw = self.random_bytes(32)
        key = new_key(raw)
        try:
            await self.vault.set(_name(key.kid), base64.b64encode(raw).decode())
        except (VaultLocked, VaultUnavailable) as error:
            raise SecretsLocked from error
        return SigningKey(key.kid, key.public, state, now)

    async def _destroy(self, kid: str) -> None:
        """A private half that signs no more has no use but to a thief."""
        try:
            await self.vault.delete(_name(kid))
        except (VaultLocked, VaultUnavailable):
            log.warning("keys.private_half_left", kid=kid)


def _name(kid: str) -> str:
    return f"signing/{kid}"

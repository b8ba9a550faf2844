"""Which engine a token belongs to, and how tokens begin, rotate and end. Looked up in memory; control.db holds hashes."""

import asyncio
import base64
import contextlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from contract import opaque_token
from contract.admin_engines import InstallationView
from contract.errors import (
    AuditUnavailable,
    EngineIdMismatch,
    EngineTokenInvalid,
    EngineTokenRevoked,
    EngineTokenSuperseded,
    InstallationUnknown,
    StorageFailed,
    StorageFull,
)
from gateway.operations.audit import Audit
from gateway.rules import engine_tokens as rules
from gateway.rules.engine_tokens import EngineCaller, EngineToken, TokenPair, TokenState, Verdict
from gateway.store.installations import InstallationRow, Installations
from kit.clock import SECOND, Clock, rfc3339
from kit.logs import Log

log = Log("engine_auth")
MINUTE_US = 60 * SECOND
TIDY_EVERY_S = 60.0
USE_KEPT_EVERY_US = 15 * MINUTE_US
OVERDUE_US = 10 * MINUTE_US
"""An installation that was told to rotate and still has not is one to tell the owner of."""


@dataclass(slots=True)
class Installation:
    """One installation as it stands."""

    row: InstallationRow
    pair: TokenPair
    used_at: int | None
    """Wall time of its latest call, to the minute."""
    told_at: int | None = None
    """Steady time at which it was first told to rotate."""
    alarmed: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that may be presented."""

    token: EngineToken
    installation: Installation
    caller: EngineCaller


_NOBODY = _Known(
    EngineToken("", b"\0" * 32, TokenState.LIVE, 0), Installation(InstallationRow("", "", ""), TokenPair(), None), EngineCaller("", "", "")
)


@dataclass(slots=True)
class EngineTokens:
    """The tokens of all installations."""

    store: Installations
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]
    max_age_us: int
    retires_us: int
    _installations: dict[str, Installation] = field(default_factory=dict)
    _by_id: dict[str, _Known] = field(default_factory=dict)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _use_kept_at: int = 0
    _use_kept: dict[str, int | None] = field(default_factory=dict)

    async def load(self) -> None:
        """Read everything from control.db."""
        tokens: dict[str, list[EngineToken]] = {}
        for installation, token in await self.store.tokens():
            tokens.setdefault(installation, []).append(token)
        self._by_id = {}
        for row in await self.store.installations():
            known = tokens.get(row.id, [])
            live = next((token for token in known if token.state is TokenState.LIVE), None)
            other = next((token for token in known if token.state in {TokenState.UNPROVEN, TokenState.RETIRING}), None)
            found = self._installations[row.id] = Installation(row, TokenPair(live, other), row.used_at)
            self._know(found, known)
        self._use_kept = {found.row.id: found.used_at for found in self._installations.values()}
        self._use_kept_at = self.clock.now().steady

    async def authenticate(self, engine: str | None, text: str | None) -> EngineCaller:
        """The installation that calls. The first use of a new token is durable, and ends the old one's time, before this returns.

        Raises:
            EngineTokenInvalid: no token, garbage, not one of ours, or its time is over. EngineTokenRevoked.
            EngineIdMismatch: another engine's. AuditUnavailable, StorageFull, StorageFailed: a new token could not be noted as used.
        """
        caller, verdict = self._recognised(engine, text)
        if verdict is Verdict.PROVES:
            async with self._changing:
                caller, verdict = self._recognised(engine, text)  # it may have been replaced or proven while we waited
                if verdict is Verdict.PROVES:
                    await self._prove(caller)
        return caller

    def stands(self, caller: EngineCaller) -> None:
        """See that a caller who was let in earlier has not been thrown out since.

        Raises:
            EngineTokenRevoked.
        """
        known = self._by_id.get(caller.token)
        if self._installations[caller.installation].pair.live is None or (known is not None and known.token.state is TokenState.REVOKED):
            raise EngineTokenRevoked

    async def mint(self, engine: str, name: str) -> str:
        """Make a token for an installation, voiding those it had; the text exists in the caller's hands only."""

        async def keep(row: InstallationRow, pair: TokenPair) -> bool:
            await self.store.install(row, pair, self.clock.now().wall)
            return True

        async with self._changing:
            row = next((found.row for found in self._of(engine) if found.row.name == name), None) or self._new(engine, name)
            return await self._begin(row, keep) or ""

    async def join(self, engine: str, wanted: str, keep: Callable[[InstallationRow, TokenPair], Awaitable[bool]]) -> tuple[str, str] | None:
        """Make an installation with a name like the wanted one; its name and token. None when `keep` says no."""
        async with self._changing:
            row = self._named(engine, wanted)
            text = await self._begin(row, keep)
            return None if text is None else (row.name, text)

    async def renew(self, caller: EngineCaller) -> str:
        """A new token for the caller's installation; repeating it replaces the one that was not used.

        Raises:
            EngineTokenSuperseded: the caller's token retires, a newer one is in use. EngineTokenRevoked. AuditUnavailable.
        """
        async with self._changing:
            self.stands(caller)
            found = self._installations[caller.installation]
            token = opaque_token.mint("e", self.random_bytes)
            pair = rules.issued(found.pair, caller.token, token.id, token.digest, self.clock.now().wall)
            if pair is None:
                await self._note("engine.token_superseded", caller.engine, found)
                raise EngineTokenSuperseded
            await self._note("engine.token_issued", caller.engine, found)
            await self.store.keep(found.row.id, pair)
            self._set(found, pair)
            return token.text

    def told_to_rotate(self, caller: EngineCaller) -> bool:
        """Should this caller be told to rotate? Counts from the first yes how long it takes."""
        found = self._installations[caller.installation]
        now = self.clock.now()
        wanted = rules.wants_rotation(found.pair, caller.token, asked=found.row.rotation_asked, now=now.wall, max_age_us=self.max_age_us)
        if wanted and found.told_at is None:
            found.told_at = now.steady
        return wanted

    async def ask_rotation(self, engine: str, name: str | None, actor: str) -> list[str]:
        """Ask installations of an engine for new tokens; their names.

        Raises:
            InstallationUnknown: there is none of that name that may act. AuditUnavailable.
        """
        chosen = self._choose(engine, name)
        for found in chosen:
            await self._note("engine.rotation_asked", actor, found)
        await self.store.ask_rotation([found.row.id for found in chosen])
        for found in chosen:
            found.row = replace(found.row, rotation_asked=True)
        return [found.row.name for found in chosen]

    async def revoke(self, engine: str, name: str | None, actor: str, *, compromised: bool) -> list[Installation]:
        """End the tokens of an engine's installations, at once. Without a name: of all, and its enrolment codes too.

        Raises:
            InstallationUnknown: there is none of that name that may act. AuditUnavailable.
        """
        async with self._changing:
            chosen = self._choose(engine, name)
            for found in chosen:
                await self._note("engine.token_revoked", actor, found)
                if compromised:
                    await self._note("engine.token_compromised", actor, found)
            ended = [(found.row.id, rules.revoked(found.pair)) for found in chosen]
            await self.store.revoke(ended, engine if name is None else None)
            for found, (_, tokens) in zip(chosen, ended, strict=True):
                self._set(found, TokenPair())
                self._know(found, tokens)
            return chosen

    def views(self, engine: str) -> list[InstallationView]:
        """The installations of an engine, oldest first."""
        return [self._view(found) for found in self._of(engine)]

    async def tidy(self) -> None:
        """Forget retired tokens, tell of rotations that do not happen, and write down now and then who was heard when."""
        now = self.clock.now()
        async with self._changing:
            for found in self._installations.values():
                pair = rules.over(found.pair, now.wall)
                if pair is not None:
                    await self.store.keep(found.row.id, pair)
                    self._set(found, pair)
        for found in list(self._installations.values()):
            if self._overdue(found) and not found.alarmed:
                found.alarmed = True
                log.warning("engine.rotation_overdue", engine_id=found.row.engine, installation=found.row.name)
                await self._note("engine.rotation_overdue", "gateway", found)
        if now.steady - self._use_kept_at >= USE_KEPT_EVERY_US:
            await self.keep_use()

    async def keep_use(self) -> None:
        """Write down when installations were heard last. What cannot be written is not missed."""
        self._use_kept_at = self.clock.now().steady
        heard = {key: found.used_at for key, found in self._installations.items() if found.used_at is not None}
        latest = {key: at for key, at in heard.items() if self._use_kept.get(key) != at}
        if not latest:
            return
        with contextlib.suppress(StorageFull, StorageFailed):
            await self.store.used(latest)
            self._use_kept.update(latest)

    async def run(self) -> None:
        """Tidy for ever."""
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            try:
                await self.tidy()
            except (AuditUnavailable, StorageFull, StorageFailed) as error:
                log.warning("engine_tokens.not_tidied", code=error.code)  # the next round tries again

    def _recognised(self, engine: str | None, text: str | None) -> tuple[EngineCaller, Verdict]:
        token = opaque_token.parse("e", text or "")
        if token is None:
            raise EngineTokenInvalid
        known = self._by_id.get(token.id, _NOBODY)
        if not hmac.compare_digest(known.token.digest, token.digest):
            raise EngineTokenInvalid
        now = self.clock.now().wall
        verdict = rules.judge(known.token, now)
        if verdict is Verdict.REVOKED:
            raise EngineTokenRevoked
        if verdict is Verdict.ENDED:
            raise EngineTokenInvalid
        if engine != known.caller.engine:
            raise EngineIdMismatch
        known.installation.used_at = now - now % MINUTE_US
        return known.caller, verdict

    async def _prove(self, caller: EngineCaller) -> None:
        found = self._installations[caller.installation]
        pair = rules.proven(found.pair, caller.token, self.clock.now().wall, self.retires_us)
        assert pair is not None
        await self._note("engine.token_rotated", caller.engine, found)
        await self.store.keep(found.row.id, pair, rotated=True)
        found.row = replace(found.row, rotation_asked=False)
        found.told_at, found.alarmed = None, False
        self._set(found, pair)

    async def _begin(self, row: InstallationRow, keep: Callable[[InstallationRow, TokenPair], Awaitable[bool]]) -> str | None:
        token = opaque_token.mint("e", self.random_bytes)
        pair = rules.begun(token.id, token.digest, self.clock.now().wall)
        if not await keep(row, pair):
            return None
        before = self._installations.get(row.id)
        found = self._installations[row.id] = Installation(
            replace(row, rotation_asked=False), pair, None if before is None else before.used_at
        )
        self._forget_usable(row.id)
        self._know(found, pair.usable())
        return token.text

    def _set(self, found: Installation, pair: TokenPair) -> None:
        found.pair = pair
        self._forget_usable(found.row.id)
        self._know(found, pair.usable())

    def _forget_usable(self, installation: str) -> None:
        usable = [key for key, known in self._by_id.items() if known.caller.installation == installation]
        for key in usable:
            if self._by_id[key].token.state is not TokenState.REVOKED:
                del self._by_id[key]

    def _know(self, found: Installation, tokens: Sequence[EngineToken]) -> None:
        for token in tokens:
            self._by_id[token.id] = _Known(token, found, EngineCaller(found.row.engine, found.row.id, token.id))

    def _of(self, engine: str) -> list[Installation]:
        return [found for found in self._installations.values() if found.row.engine == engine]

    def _choose(self, engine: str, name: str | None) -> list[Installation]:
        chosen = [found for found in self._of(engine) if found.pair.live is not None and name in {None, found.row.name}]
        if not chosen and name is not None:
            raise InstallationUnknown
        return chosen

    def _named(self, engine: str, wanted: str) -> InstallationRow:
        """A new installation, or the one of that name if it was revoked: the same machine comes back."""
        known = {found.row.name: found for found in self._of(engine)}
        number, name = 1, wanted
        while name in known and known[name].pair.live is not None:
            number += 1
            name = f"{wanted[:58]}-{number}"
        return known[name].row if name in known else self._new(engine, name)

    def _new(self, engine: str, name: str) -> InstallationRow:
        return InstallationRow(base64.b32encode(self.random_bytes(10)).decode().lower(), engine, name)

    def _overdue(self, found: Installation) -> bool:
        return found.pair.live is not None and found.told_at is not None and self.clock.now().steady - found.told_at >= OVERDUE_US

    def _view(self, found: Installation) -> InstallationView:
        live, other = found.pair.live, found.pair.other
        rotating = other is not None and other.state is TokenState.UNPROVEN
        state = "revoked" if live is None else "overdue" if self._overdue(found) else "rotating" if rotating else "live"
        return InstallationView(
            name=found.row.name,
            state=state,
            token_age_s=None if live is None else max(0, self.clock.now().wall - live.added_at) // SECOND,
            last_used_at=None if found.used_at is None else rfc3339(found.used_at),
        )

    async def _note(self, event: str, actor: str, found: Installation) -> None:
        await self.audit.note(event, actor, found.row.engine, installation=found.row.name)

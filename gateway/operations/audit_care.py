"""Care of the audit log: checkpoints, witnesses outside the file, verification, retention, and alarms about all of them.

Appending is never held up by any of it: what fails here is told to the owner and tried again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from contract.admin import AuditCheck, AuditStatus, AuditVerdict, AuditWitness
from contract.errors import AuditUnavailable, RequestInvalid, SecretsLocked
from gateway.operations.audit import Audit
from gateway.rules.audit import Checkpoint, Head, Verdict, day_of, head_line, read_head
from gateway.store.audit import AuditNotWritten
from gateway.store.audit_heads import HeadsFile, HeadsNotWritten
from kit.clock import MILLISECOND, SECOND, rfc3339
from kit.logs import Log
from kit.tasks import first_of
from kit.vault import Vault, VaultLocked, VaultUnavailable

log = Log("audit")
ITEM = "audit-head"
CHECKPOINT_EVERY = 100
CHECKPOINT_EVERY_US = 300 * SECOND
TICK_S = 30.0
AT_START = 10_000
"""So many of the newest records are read at a start; the whole log follows within the first minute."""
QUOTA_ALARM = 0.8
KEYRING, FILE = "secrets", "file"


@dataclass(slots=True)
class AuditCare:
    """One for each log."""

    audit: Audit
    heads: HeadsFile
    vault: Vault
    quota_bytes: int
    _alarms: dict[str, str] = field(default_factory=dict)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _sealed_at: int = 0
    _signed_at: int | None = None
    _witnessed: bool = False
    _day: int | None = None
    _checked_at: int | None = None
    _intact: bool | None = None

    def appended(self, seq: int) -> None:
        """Hear of a new record."""
        if seq % CHECKPOINT_EVERY == 0:
            self._wanted.set()

    async def run(self) -> None:
        """Care for ever."""
        self._sealed_at = self.audit.clock.now().steady
        self._judge(await self._read([], newest=AT_START), whole=False)
        while True:
            await first_of(TICK_S, self._wanted.wait())
            await self.tick()

    async def tick(self) -> None:
        """Do what time asks for."""
        now = self.audit.clock.now()
        if self._wanted.is_set() or now.steady - self._sealed_at >= CHECKPOINT_EVERY_US or not self._witnessed:
            await self.checkpoint()
        today = day_of(now.wall // MILLISECOND)
        if today != self._day:
            self._day = today
            await self._daily()

    async def checkpoint(self) -> None:
        """Sign the chain as it stands, and have the head witnessed."""
        self._wanted.clear()
        now = self.audit.clock.now()
        self._sealed_at = now.steady
        try:
            await self.audit.seal.unlock(self.vault)
            newest = await asyncio.to_thread(self.audit.file.seal, now.wall // MILLISECOND, self.audit.seal.sign)
        except SecretsLocked:
            self._alarm("checkpoint", "The audit log is not being signed: the keyring is locked.")
        except AuditNotWritten as error:
            self._alarm("checkpoint", f"The audit log cannot be signed: {error}.")
        else:
            self._calm("checkpoint")
            self._signed_at = now.steady
            if newest is not None:
                await self._witness(newest)

    async def verify(self, check: AuditCheck) -> AuditVerdict:
        """Read the log and hold it against everything that was seen of it from outside.

        Raises:
            RequestInvalid: a head that is none.
        """
        given = [(line, read_head(line, self.audit.seal.holds)) for line in check.heads if line.strip()]
        wrong = [line for line, head in given if head is None]
        if wrong:
            raise RequestInvalid(f"heads: {wrong[0][:80]!r} is not 'SEQ HASH', nor a line that this gateway signed.")
        witnesses, seen = await self._seen()
        verdict = await self._read([head for _, head in given if head is not None], first=check.first, seen=seen)
        if check.first is None:
            self._judge(verdict, whole=True)
        return AuditVerdict(
            intact=verdict.broken_at is None,
            records=verdict.records,
            first=verdict.first,
            last=verdict.last,
            head=verdict.head.hex(),
            broken_at=verdict.broken_at,
            reason=verdict.reason,
            witnesses=witnesses,
        )

    def status(self) -> AuditStatus:
        """How the log was when it was last read, and what is wrong now."""
        at = None if self._checked_at is None else rfc3339(self._checked_at)
        return AuditStatus(checked_at=at, intact=self._intact, alarms=[self._alarms[name] for name in sorted(self._alarms)])

    def head_age_s(self) -> float | None:
        """Seconds since the chain was signed as it stood; None before the first time."""
        return None if self._signed_at is None else (self.audit.clock.now().steady - self._signed_at) / SECOND

    async def _daily(self) -> None:
        """Read everything; forget what is old, unless something is wrong; look at the size."""
        verdict = await self.verify(AuditCheck())
        try:
            await self.audit.note("audit.verified", "gateway", intact=str(verdict.intact).lower(), records=str(verdict.records))
            await self.checkpoint()
            if verdict.intact:
                await self._prune()
            self._calm("retention")
        except (AuditUnavailable, AuditNotWritten) as error:
            self._alarm("retention", f"Old audit records cannot be removed: {error}.")
        except SecretsLocked:
            self._alarm("retention", "Old audit records are kept: the keyring is locked, and their removal must be signed.")
        size = await asyncio.to_thread(self.audit.file.size)
        if size >= QUOTA_ALARM * self.quota_bytes:
            self._alarm("quota", f"audit.db has {size} bytes, more than {QUOTA_ALARM:.0%} of what audit_quota_bytes allows.")
        else:
            self._calm("quota")

    async def _prune(self) -> None:
        now_ms = self.audit.clock.now().wall // MILLISECOND
        upto = await asyncio.to_thread(self.audit.file.prunable, now_ms)
        if upto is not None and not self.audit.seal.locked:
            await self.audit.note("audit.prune", "gateway", str(upto))
        pruned = await asyncio.to_thread(self.audit.file.prune, now_ms, self.audit.seal.sign)
        if pruned:
            log.info("audit.pruned", records=pruned)

    async def _witness(self, newest: Checkpoint) -> None:
        """Tell both witnesses; neither can hold up the other."""
        line = head_line(newest)
        self._witnessed = all([await self._tell_file(line), await self._tell_vault(line)])

    async def _tell_file(self, line: str) -> bool:
        try:
            await asyncio.to_thread(self.heads.add, line)
        except HeadsNotWritten as error:
            self._alarm(FILE, f"The head of the audit log cannot be written to its second place: {error}.")
            return False
        self._calm(FILE)
        return True

    async def _tell_vault(self, line: str) -> bool:
        """What the vault holds is replaced only by a head of the same chain: it may be the one proof that this is another."""
        try:
            known = read_head(await self.vault.get(ITEM) or "", self.audit.seal.holds)
            if known is not None and not await asyncio.to_thread(self.audit.file.holds, known):
                self._alarm(KEYRING, f"The audit log is not the one whose record {known.seq} was witnessed: flowork audit verify")
                return True
            await self.vault.set(ITEM, line)
        except (VaultLocked, VaultUnavailable) as error:
            self._alarm(KEYRING, f"The head of the audit log cannot be kept beside the keys: {error}")
            return False
        self._calm(KEYRING)
        return True

    async def _seen(self) -> tuple[list[AuditWitness], list[Head]]:
        """What the witnesses say, and how they could be asked."""
        kept: dict[str, Sequence[str]] = {}
        states: dict[str, str] = {}
        try:
            kept[FILE] = await asyncio.to_thread(self.heads.lines)
        except OSError:
            states[FILE] = "unreachable"
        try:
            kept[KEYRING] = [await self.vault.get(ITEM) or ""]
        except VaultLocked:
            states[KEYRING] = "locked"
        except VaultUnavailable:
            states[KEYRING] = "unreachable"
        heads: list[Head] = []
        witnesses: list[AuditWitness] = []
        for name in (FILE, KEYRING):
            lines = [line for line in kept.get(name, ()) if line.strip()]
            believed = [head for line in lines if (head := read_head(line, self.audit.seal.holds)) is not None and head.number]
            heads += believed
            state = states.get(name) or ("damaged" if len(believed) < len(lines) else "read" if believed else "empty")
            witnesses.append(AuditWitness(name=name, state=state, last=max((head.seq for head in believed), default=None)))
        return witnesses, heads

    async def _read(
        self, given: Sequence[Head], first: int | None = None, newest: int | None = None, seen: Sequence[Head] | None = None
    ) -> Verdict:
        if seen is None:
            _, seen = await self._seen()
        return await asyncio.to_thread(self.audit.file.verify, [*given, *seen], self.audit.seal.holds, first, newest)

    def _judge(self, verdict: Verdict, *, whole: bool) -> None:
        if whole:
            self._checked_at = self.audit.clock.now().wall
            self._intact = verdict.broken_at is None
        if verdict.broken_at is None:
            self._calm("broken")
        else:
            self._alarm("broken", f"The audit log is NOT whole. Record {verdict.broken_at}: {verdict.reason}.")

    def _alarm(self, name: str, words: str) -> None:
        if self._alarms.get(name) != words:
            self._alarms[name] = words
            log.error("audit.alarm", about=name, reason=words)

    def _calm(self, name: str) -> None:
        if self._alarms.pop(name, None) is not None:
            log.info("audit.alarm_over", about=name)

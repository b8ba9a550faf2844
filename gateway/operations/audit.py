"""Audit: who did what, written before it takes effect. What cannot be written down does not happen."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field

from contract.admin import AuditPage, AuditRecord, AuditVerdict
from contract.errors import AuditUnavailable
from gateway.crypto.identity import HeldKey
from gateway.rules.audit import encode
from gateway.store.audit import AuditFile, AuditNotWritten
from kit.clock import MILLISECOND, SECOND, Clock, rfc3339
from kit.logs import Log

log = Log("audit")
REFUSALS_EVERY_US = 60 * SECOND
NEWEST = 2**62


@dataclass(slots=True)
class Audit:
    """The owner's record of what touches who may do what."""

    file: AuditFile
    seal: HeldKey
    clock: Clock
    _refused: Counter[str] = field(default_factory=Counter)
    _told_at: int | None = None

    async def note(self, event: str, actor: str, target: str = "", **detail: str) -> None:
        """Write a record; durable when this returns.

        Raises:
            AuditUnavailable: it could not be written; the act must not happen.
        """
        fields = {"event": event, "actor": actor, "target": target, **detail}
        try:
            await asyncio.to_thread(self.file.append, self.clock.now().wall // MILLISECOND, encode(fields))
        except AuditNotWritten as error:
            log.error("audit.write_failed", reason=str(error), audit_event=event)
            raise AuditUnavailable from error

    async def refused(self, code: str) -> None:
        """Count a refused sign-in. At most one record a minute tells of them, so that nobody can fill the disk by knocking."""
        now = self.clock.now().steady
        self._refused[code] += 1
        if self._told_at is None or now - self._told_at >= REFUSALS_EVERY_US:
            self._told_at = now
            await self.tell_refusals()

    async def tell_refusals(self) -> None:
        """Write down what was counted."""
        counted, self._refused = self._refused, Counter()
        try:
            if counted:
                await self.note("signin.refused", "anyone", **{code: str(times) for code, times in counted.items()})
        except AuditUnavailable:
            self._refused += counted
            raise

    async def page(self, before: int | None, limit: int) -> AuditPage:
        """Records, newest first."""
        entries = await asyncio.to_thread(self.file.newest, NEWEST if before is None else before, limit)
        records = []
        for entry in entries:
            fields = json.loads(entry.body)
            event, actor, target = fields.pop("event"), fields.pop("actor"), fields.pop("target")
            at = rfc3339(entry.at_ms * MILLISECOND)
            records.append(AuditRecord(seq=entry.seq, at=at, event=event, actor=actor, target=target, detail=fields))
        return AuditPage(records=records)

    async def verify(self) -> AuditVerdict:
        """Read the whole chain."""
        verdict = await asyncio.to_thread(self.file.verify, self.seal.holds)
        if verdict.broken_at is not None:
            log.error("audit.broken", broken_at=verdict.broken_at, reason=verdict.reason)
        return AuditVerdict(
            intact=verdict.broken_at is None,
            records=verdict.records,
            head=verdict.head.hex(),
            broken_at=verdict.broken_at,
            reason=verdict.reason,
        )

"""Audit: who did what, written before it takes effect. What cannot be written down does not happen."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from contract.admin import AuditPage, AuditRecord
from contract.errors import AuditUnavailable, SecretsLocked
from gateway.crypto.identity import HeldKey
from gateway.rules.audit import GENESIS, Entry, clock_jump_ms, decode, encode, export_text
from gateway.store.audit import AuditFile, AuditNotWritten
from kit.clock import MILLISECOND, SECOND, Clock, Now, rfc3339
from kit.logs import Log

log = Log("audit")
REFUSALS_EVERY_US = 60 * SECOND
NEWEST = 2**62
EXPORT_PAGE = 500


@dataclass(slots=True)
class Audit:
    """The owner's record of what touches who may do what."""

    file: AuditFile
    seal: HeldKey
    clock: Clock
    appended: Callable[[int], None] = lambda _: None
    """Hears the number of each new record."""
    _refused: Counter[str] = field(default_factory=Counter)
    _told_at: int | None = None
    _noted: Now | None = None

    async def note(self, event: str, actor: str, target: str = "", **detail: str) -> None:
        """Write a record; durable when this returns.

        Raises:
            AuditUnavailable: it could not be written; the act must not happen.
        """
        now = self.clock.now()
        at_ms = now.wall // MILLISECOND
        drift_ms = 0 if self._noted is None else ((now.wall - self._noted.wall) - (now.steady - self._noted.steady)) // MILLISECOND

        def jumped(last_at_ms: int | None) -> bytes | None:
            by_ms = clock_jump_ms(last_at_ms, at_ms, drift_ms)
            return encode({"event": "audit.clock_jump", "actor": "gateway", "target": "", "by_ms": str(by_ms)}) if by_ms else None

        fields = {"event": event, "actor": actor, "target": target, **detail}
        try:
            seq = await asyncio.to_thread(self.file.append, at_ms, encode(fields), jumped)
        except AuditNotWritten as error:
            log.error("audit.write_failed", reason=str(error), audit_event=event)
            raise AuditUnavailable from error
        self._noted = now
        self.appended(seq)

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
            fields = decode(entry.body)
            event, actor, target = (fields.pop(name, "") for name in ("event", "actor", "target"))
            at = rfc3339(entry.at_ms * MILLISECOND)
            records.append(AuditRecord(seq=entry.seq, at=at, event=event, actor=actor, target=target, detail=fields))
        return AuditPage(records=records)

    async def export(self) -> AsyncIterator[bytes]:
        """The whole log as JSON lines; the last one is signed over those before it.

        Raises:
            AuditUnavailable. SecretsLocked: nothing can be signed now.
        """
        if self.seal.locked:
            raise SecretsLocked
        await self.note("audit.export", "owner")
        return self._lines()

    async def _lines(self) -> AsyncIterator[bytes]:
        digest, first, last, head = hashlib.sha256(), 0, 0, GENESIS
        while page := await asyncio.to_thread(self.file.following, last, EXPORT_PAGE):
            lines = b"".join(_line(entry) for entry in page)
            digest.update(lines)
            first, last, head = first or page[0].seq, page[-1].seq, page[-1].hash
            yield lines
        signature = self.seal.sign(export_text(first, last, head, digest.digest()))
        told = {"first": first, "last": last, "head": head.hex(), "sha256": digest.hexdigest(), "signature": signature.hex()}
        yield encode({"flowork_audit_export": 1, **told, "public_key": self.seal.public.hex()}) + b"\n"


def _line(entry: Entry) -> bytes:
    content = {"seq": entry.seq, "at_ms": entry.at_ms, "body": decode(entry.body), "prev": entry.prev.hex(), "hash": entry.hash.hex()}
    return encode(content) + b"\n"

"""The audit log: searched, verified, exported."""

import asyncio
import os
from pathlib import Path

from app.bridge.acts.audit import ExportAudit, Found, SearchAudit, VerifyAudit
from app.client.admin import open_admin
from app.services.acts import Handlers
from app.services.admin_link import AdminLink
from contract.admin import AuditCheck, AuditRecord, AuditVerdict
from contract.errors import RequestInvalid

PAGE, READ_PAGE, READ_PAGES = 100, 1000, 20
"""Shown at once; read at once while a text is looked for; read at most before what was found is told."""


def handlers(data: Path, link: AdminLink) -> Handlers:
    """What these acts do."""

    async def search(asked: SearchAudit) -> Found:
        if not asked.text:
            page = await link.look(lambda admin: admin.audit(asked.before, PAGE))
            return Found(tuple(page.records), page.records[-1].seq if len(page.records) == PAGE else None)
        found: list[AuditRecord] = []
        before = asked.before
        for _ in range(READ_PAGES):
            start = before
            page = await link.look(lambda admin, start=start: admin.audit(start, READ_PAGE))  # type: ignore[misc]
            found += [record for record in page.records if _holds(record, asked.text.casefold())]
            before = page.records[-1].seq if len(page.records) == READ_PAGE else None
            if before is None or len(found) >= PAGE:
                break
        return Found(tuple(found), before)

    async def verify(_: VerifyAudit) -> AuditVerdict:
        return await link.look(lambda admin: admin.audit_verify(AuditCheck()))

    async def export(asked: ExportAudit) -> int:
        file = Path(asked.file)
        part = file.with_name(f"{file.name}.part")
        written = 0
        try:
            descriptor = await asyncio.to_thread(os.open, part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                async with open_admin(data) as admin:
                    async for piece in admin.audit_export():
                        written += await asyncio.to_thread(out.write, piece)
            await asyncio.to_thread(part.replace, file)
        except OSError as error:
            raise RequestInvalid(f"{file} cannot be written: {error.strerror}. Choose another place.") from error
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return written

    return {SearchAudit: search, VerifyAudit: verify, ExportAudit: export}


def _holds(record: AuditRecord, text: str) -> bool:
    words = [record.event, record.actor, record.target, *record.detail, *record.detail.values()]
    return any(text in word.casefold() for word in words)

"""The audit log: searched, verified, exported."""

from dataclasses import dataclass

from app.bridge.acts import Act
from contract.admin import AuditRecord, AuditVerdict


@dataclass(frozen=True)
class Found:
    """Records, newest first."""

    records: tuple[AuditRecord, ...]
    before: int | None
    """Where to go on; None: there is nothing older."""


@dataclass(frozen=True)
class SearchAudit(Act[Found]):
    """Records that hold a text anywhere, older than record `before`."""

    text: str = ""
    before: int | None = None


@dataclass(frozen=True)
class VerifyAudit(Act[AuditVerdict]):
    """Read the whole chain and its witnesses."""


@dataclass(frozen=True)
class ExportAudit(Act[int]):
    """Write all records as signed JSON lines into a new file; how many bytes there are."""

    file: str

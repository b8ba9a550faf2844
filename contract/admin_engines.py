"""What the owner's programs say about engines on the admin listener: installations, tokens, members (`/admin/v1`)."""

from typing import Annotated

from pydantic import Field

from contract import limits
from contract.admin import AuditRecord
from contract.wire import Answer, EngineId, EngineName, InstallationName, Request, Timestamp
from contract.words import Role


class EnrolmentCode(Answer):
    """A code that makes one installation; `code` is shown this once."""

    engine_id: EngineId
    engine_name: EngineName
    code: str = Field(repr=False)
    expires_at: Timestamp


class InstallationChoice(Request):
    """Which installations of an engine are meant; None means all of them."""

    installation: InstallationName | None = None


class RevokeRequest(InstallationChoice):
    """End tokens at once."""

    compromised: bool = False
    """Somebody else may have had them: it is written down as such, and what is known of their use is told."""


class RotationAsked(Answer):
    """Installations that were asked to take a new token; they do so at their next call."""

    installations: list[InstallationName]


class Revoked(Answer):
    """One installation whose tokens ended."""

    installation: InstallationName
    last_used_at: Timestamp | None
    """To the minute; None when no token of it was ever used."""
    instances: list[str]
    """Processes heard with its tokens in the last 24 hours."""
    jobs_returned: int
    """Running jobs that went back to the queue."""


class RevokeAnswer(Answer):
    """What was revoked, and for a compromised token what the audit log tells of it, oldest first."""

    revoked: list[Revoked]
    records: list[AuditRecord] = []


class InstallationView(Answer):
    """One machine's copy of an engine."""

    name: InstallationName
    state: str
    """`live`, `rotating` (a new token is out, and not used yet), `overdue` (it was asked to rotate and does not), `revoked`."""
    token_age_s: int | None
    """Of the token in use; None when revoked."""
    last_used_at: Timestamp | None
    """To the minute."""


class MemberView(Answer):
    """A user with whom an engine is shared."""

    user: str
    name: str
    role: Role
    priority_ceiling: int | None = None


class EngineView(Answer):
    """One engine: on which machines, for whom."""

    id: EngineId
    name: EngineName
    installations: list[InstallationView]
    members: list[MemberView]
    codes: int
    """Enrolment codes that are out."""
    public: bool = False
    """Shown by name in the public status."""


class EngineList(Answer):
    """All engines, oldest first."""

    engines: list[EngineView]


class MemberPut(Request):
    """Share an engine with a user."""

    role: Role
    priority_ceiling: Annotated[int, Field(ge=limits.PRIORITY_MOST_URGENT, le=limits.PRIORITY_LEAST_URGENT)] | None = None
    """The most urgent priority this user's jobs get; None does not limit."""

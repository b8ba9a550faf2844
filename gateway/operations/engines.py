"""What the owner does with engines and their installations: codes, rotation, revocation, and the list of it all."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.admin import AuditRecord
from contract.admin_engines import EngineList, EngineView, EnrolmentCode, RevokeAnswer, Revoked
from contract.errors import ShardUnavailable
from gateway.operations.audit import Audit
from gateway.operations.engine_auth import EngineTokens, Installation
from gateway.operations.enrol import Enrolment
from gateway.operations.owner import OWNER, Owner
from gateway.operations.presence import Presence
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.operations.wake import WakeBus
from gateway.store.directory import ShardDirectory
from kit.clock import Clock, rfc3339
from kit.logs import Log

log = Log("engines")
RECORDS_READ = 1000
"""How far back the audit log is searched for what a compromised token did."""


@dataclass(slots=True)
class Engines:
    """The owner's acts upon engines; the admin listener decides who the owner is."""

    owner: Owner
    tokens: EngineTokens
    enrolment: Enrolment
    sharing: Sharing
    sources: Sources
    presence: Presence
    directory: ShardDirectory
    wake: WakeBus
    audit: Audit
    clock: Clock

    async def add_remote(self, name: str) -> EnrolmentCode:
        """Make an engine for other machines, and the code of its first installation.

        Raises:
            EngineNameTaken, AuditUnavailable.
        """
        engine = await self.owner.make_engine(name, OWNER)
        return await self.enrolment.new_code(self.sources.engine(engine), OWNER)

    async def new_code(self, id_or_name: str) -> EnrolmentCode:
        """A code for one more installation.

        Raises:
            EngineUnknown, AuditUnavailable.
        """
        return await self.enrolment.new_code(self.sources.engine(id_or_name), OWNER)

    async def rotate(self, id_or_name: str, installation: str | None) -> list[str]:
        """Ask installations for new tokens; the names of those asked.

        Raises:
            EngineUnknown, InstallationUnknown, AuditUnavailable.
        """
        engine = self.sources.engine(id_or_name).id
        asked = await self.tokens.ask_rotation(engine, installation, OWNER)
        self.wake.news(engine)
        return asked

    async def revoke(self, id_or_name: str, installation: str | None, *, compromised: bool) -> RevokeAnswer:
        """End tokens at once, and give their running jobs back to the queue.

        Raises:
            EngineUnknown, InstallationUnknown, AuditUnavailable.
        """
        engine = self.sources.engine(id_or_name).id
        ended = await self.tokens.revoke(engine, installation, OWNER, compromised=compromised)
        self.wake.news(engine)
        revoked = [await self._taken_back(engine, found) for found in ended]
        return RevokeAnswer(revoked=revoked, records=await self._records(engine, ended) if compromised else [])

    async def publish(self, id_or_name: str, *, public: bool) -> None:
        """Show an engine by its name in the public status, or no longer.

        Raises:
            EngineUnknown, AuditUnavailable.
        """
        engine = self.sources.engine(id_or_name).id
        await self.audit.note("engine.publish" if public else "engine.unpublish", OWNER, engine)
        await self.owner.control.pauses.publish(engine, public)
        await self.sources.engines_changed()

    async def listing(self) -> EngineList:
        """Every engine with its installations and members."""
        codes = await self.enrolment.store.codes_out(self.clock.now().wall)
        return EngineList(
            engines=[
                EngineView(
                    id=row.id,
                    name=row.name,
                    installations=self.tokens.views(row.id),
                    members=self.sharing.members(row.id),
                    codes=codes.get(row.id, 0),
                    public=row.public,
                )
                for row in self.sources.engines()
            ]
        )

    async def _taken_back(self, engine: str, found: Installation) -> Revoked:
        instances = [instance.id for instance in self.presence.of(engine) if instance.installation == found.row.id]
        returned = 0
        try:
            async with self.directory.use(engine) as store:
                returned = await store.take_back(instances)
        except ShardUnavailable:
            log.warning("engine.jobs_not_returned", engine_id=engine)  # nobody can claim or finish there either
        used_at = None if found.used_at is None else rfc3339(found.used_at)
        return Revoked(installation=found.row.name, last_used_at=used_at, instances=instances, jobs_returned=returned)

    async def _records(self, engine: str, ended: Sequence[Installation]) -> list[AuditRecord]:
        names = {found.row.name for found in ended}
        page = await self.audit.page(None, RECORDS_READ)
        return [record for record in reversed(page.records) if record.target == engine and record.detail.get("installation") in names]

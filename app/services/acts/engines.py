"""Engines: machines that serve them, who may use them, versions that are tried."""

from pathlib import Path

from pydantic import ValidationError

from app.bridge.acts.engines import (
    AddEngine,
    Enrolment,
    ListEngines,
    NewCode,
    PromoteRollout,
    PublishEngine,
    RevokeInstallation,
    RollBack,
    RotateInstallation,
    ShareEngine,
    StartRollout,
    UnshareEngine,
)
from app.client.admin import AdminClient, open_admin
from app.services.acts import Handlers
from app.services.admin_link import AdminLink
from contract.admin_engines import EngineList, EnrolmentCode, MemberView, RevokeAnswer, RotationAsked
from contract.drain import RolloutView
from contract.errors import RequestInvalid


def handlers(data: Path, link: AdminLink) -> Handlers:
    """What these acts do."""

    async def engines(_: ListEngines) -> EngineList:
        return await link.look(lambda admin: admin.engines())

    async def rotate(asked: RotateInstallation) -> RotationAsked:
        async with open_admin(data) as admin:
            return await admin.rotate(asked.engine, asked.installation)

    async def revoke(asked: RevokeInstallation) -> RevokeAnswer:
        async with open_admin(data) as admin:
            return await admin.revoke(asked.engine, asked.installation, compromised=asked.compromised)

    async def share(asked: ShareEngine) -> MemberView:
        async with open_admin(data) as admin:
            return await admin.share(asked.engine, asked.user, asked.role, asked.ceiling)

    async def unshare(asked: UnshareEngine) -> None:
        async with open_admin(data) as admin:
            await admin.unshare(asked.engine, asked.user)

    async def publish(asked: PublishEngine) -> None:
        async with open_admin(data) as admin:
            await admin.publish(asked.engine, public=asked.public)

    return {
        ListEngines: engines,
        RotateInstallation: rotate,
        RevokeInstallation: revoke,
        ShareEngine: share,
        UnshareEngine: unshare,
        PublishEngine: publish,
        **_additions(data),
        **_rollouts(data),
    }


def _additions(data: Path) -> Handlers:
    async def add(asked: AddEngine) -> Enrolment:
        async with open_admin(data) as admin:
            try:
                made = await admin.add_remote_engine(asked.name)
            except ValidationError as error:
                raise RequestInvalid("A name has lower-case letters, digits and hyphens, and begins with a letter.") from error
            return await _enrolment(admin, made, elsewhere=asked.elsewhere)

    async def code(asked: NewCode) -> Enrolment:
        async with open_admin(data) as admin:
            return await _enrolment(admin, await admin.new_code(asked.engine), elsewhere=asked.elsewhere)

    return {AddEngine: add, NewCode: code}


def _rollouts(data: Path) -> Handlers:
    async def start(asked: StartRollout) -> RolloutView:
        async with open_admin(data) as admin:
            try:
                return await admin.start_rollout(asked.engine, asked.version, asked.percent)
            except ValidationError as error:
                raise RequestInvalid("A version is 1 to 64 printable characters, as the new machines announce it.") from error

    async def promote(asked: PromoteRollout) -> RolloutView:
        async with open_admin(data) as admin:
            return await admin.promote_rollout(asked.engine, stop_old=asked.stop_old)

    async def roll_back(asked: RollBack) -> RolloutView:
        async with open_admin(data) as admin:
            return await admin.roll_back(asked.engine)

    return {StartRollout: start, PromoteRollout: promote, RollBack: roll_back}


async def _enrolment(admin: AdminClient, made: EnrolmentCode, *, elsewhere: bool) -> Enrolment:
    status = await admin.status()
    return Enrolment(made.engine_name, made.code, made.expires_at, status.remote_address if elsewhere else status.address)

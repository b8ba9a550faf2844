"""How the gateway is reached from elsewhere."""

from pathlib import Path

from pydantic import ValidationError

from app.bridge.acts.endpoint import ChangeEndpoint, LookAtEndpoint, RestartEndpoint
from app.client.admin import open_admin
from app.services.acts import Handlers
from app.services.acts.refusal import ActRefused
from contract.endpoint import EndpointChange, EndpointKind, EndpointView


async def change_endpoint(data: Path, kind: EndpointKind, origin: str | None, token: str) -> EndpointView:
    """Ask the running gateway for it.

    Raises:
        ActRefused: that makes no sense. FloworkError.
    """
    try:
        asked = EndpointChange(kind=kind, origin=origin or None, token=token or None)
    except ValidationError as error:
        raise ActRefused("That does not fit", " ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())) from error
    async with open_admin(data) as admin:
        return await admin.change_endpoint(asked)


def handlers(data: Path) -> Handlers:
    """What these acts do."""

    async def change(asked: ChangeEndpoint) -> EndpointView:
        return await change_endpoint(data, asked.kind, asked.origin, asked.token)

    async def restart(_: RestartEndpoint) -> EndpointView:
        async with open_admin(data) as admin:
            return await admin.restart_endpoint()

    async def look(_: LookAtEndpoint) -> EndpointView:
        async with open_admin(data) as admin:
            return await admin.look_at_endpoint()

    return {ChangeEndpoint: change, RestartEndpoint: restart, LookAtEndpoint: look}

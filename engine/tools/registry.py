"""The kinds this engine serves, by the owner's settings."""

from engine.rules.kinds import Kind
from engine.settings import EngineSettings


def kinds(settings: EngineSettings) -> dict[str, Kind]:
    """Name -> kind; what is not switched on is not imported."""
    served: list[Kind] = []
    if settings.echo:
        from engine.tools import echo

        served += echo.KINDS
    if settings.http_hosts:
        from engine.tools import http

        served.append(http.kind(settings.http_hosts))
    return {kind.name: kind for kind in served}

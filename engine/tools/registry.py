"""The kinds this engine serves, by the owner's settings."""

from engine.rules.kinds import Kind
from engine.settings import EngineSettings
from engine.tools.toolbox import OwnersTools, tool_kind


def kinds(settings: EngineSettings, toolbox: OwnersTools | None = None) -> dict[str, Kind]:
    """Name -> kind; what is not switched on is not imported."""
    served: list[Kind] = []
    if settings.echo:
        from engine.tools import echo

        served += echo.KINDS
    if settings.http_hosts:
        from engine.rules.web import hosts
        from engine.tools import http
        from engine.tools.safe_http import SafeHttp, ground_of, own_addresses

        listed = hosts(settings.http_hosts, settings.http_private)
        served.append(http.kind(SafeHttp(listed, ground_of(settings.gateway, settings.closed_ports, own_addresses))))
    if toolbox is not None and (settings.mcp or settings.commands):
        served.append(tool_kind(toolbox))
    if settings.extra_kinds:
        from engine.tools.extra_kinds import extra_kinds

        served += extra_kinds(settings.extra_kinds)
    return {kind.name: kind for kind in served}

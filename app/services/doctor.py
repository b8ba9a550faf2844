"""Doctor: what a supporter would ask first, looked at on this machine. Changes nothing.

Asks this gateway, and the providers of models that are configured; nobody else.
"""

import contextlib
import os
import platform
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app import settings as all_settings
from app.client.admin import open_admin
from app.desktop import port_holder
from app.services import providers, secrets
from app.services.secrets import Around, SecretsRefused
from contract.admin import GatewayStatus
from contract.endpoint import EndpointKind, EndpointState
from contract.errors import FloworkError
from contract.job_failures import JOB_FAILURES
from contract.limits import CLOCK_OFF_S, MIB
from contract.version import VERSION
from gateway.store import checkup
from kit.config import ConfigRefused
from kit.machine import measure
from kit.ownership import look
from kit.vault import VaultLocked, VaultUnavailable

LOOKED_FOR_S = 1.0


class Verdict(StrEnum):
    """How one thing is."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, but somebody may want to know."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    found: str
    do: str | None = None
    """What to do about it."""


async def ask(data: Path) -> GatewayStatus | None:
    """What the gateway on this folder says of itself; None when none answers."""
    with contextlib.suppress(FloworkError):
        async with open_admin(data) as admin:
            return await admin.status()
    return None


def examine(data: Path, status: GatewayStatus | None, environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """Everything, in the order in which one thing rests on another; blocks. `status` is what `ask` brought."""
    found = [*_versions(), *_folder(data)]
    settings = None
    try:
        settings = all_settings.load(data, {}, {}, environment)
        found.append(Finding("settings", Verdict.OK, "no mistake in config.toml and the environment"))
    except ConfigRefused as error:
        do = "Correct it in config.toml or in the environment."
        found += [Finding("settings", Verdict.BAD, mistake, do) for mistake in error.mistakes]
    if not data.is_dir():
        return [*found, Finding("data folder", Verdict.NOTE, f"{data} is not there yet", "flowork serve makes it.")]
    found += [*_files(data), *_room(data, settings), _secrets(data, environment)]
    found += [_gateway(data, status), *_port(settings, status), *_doors(settings, status), *_providers(data, settings, environment)]
    return found if status is None else [*found, *_engines(status), *_clocks(status), *_alarms(status)]


def _versions() -> Iterator[Finding]:
    yield Finding("flowork", Verdict.OK, f"{VERSION}, Python {platform.python_version()}, {platform.system()} {platform.release()}")
    version, in_range = checkup.sqlite_version()
    if in_range:
        said = f"{version}: two programs that write one file at once could damage it; Flowork alone does not"
        yield Finding(
            "sqlite", Verdict.NOTE, said, "Do not open the data folder's files for writing with other programs while Flowork runs."
        )
    else:
        yield Finding("sqlite", Verdict.OK, version)


def _folder(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        return
    troubles = look(data)
    for trouble in troubles:
        yield Finding(
            "data folder", Verdict.BAD, trouble.splitlines()[0], " ".join(line.strip() for line in trouble.splitlines()[1:]) or None
        )
    if not troubles:
        yield Finding("data folder", Verdict.OK, f"{data} is its owner's alone")


def _files(data: Path) -> Iterator[Finding]:
    for state in checkup.check(data):
        name = state.path.relative_to(data).as_posix()
        if state.trouble is not None:
            yield Finding(
                name, Verdict.BAD, state.trouble, "It was left untouched. Restore it from a backup, or run the version that wrote it."
            )
        elif not state.wal:
            yield Finding(name, Verdict.BAD, "it keeps no write-ahead log", "Another program changed it. Restore it from a backup.")
        else:
            yield Finding(name, Verdict.OK, f"whole, {state.bytes / MIB:.1f} MiB")


def _room(data: Path, settings: all_settings.Settings | None) -> Iterator[Finding]:
    free = measure(data)
    least = (0, 0) if settings is None else (settings.gateway.disk_free_min_bytes, settings.gateway.memory_free_min_bytes)
    for what, has, needs in (("disk", free.disk, least[0]), ("memory", free.memory, least[1])):
        if has < needs:
            said = f"{has / MIB:,.0f} MiB free; below {needs / MIB:,.0f} MiB submits are refused"
            yield Finding(what, Verdict.BAD, said, "Free some, or lower the setting.")
        else:
            yield Finding(what, Verdict.OK, f"{has / MIB:,.0f} MiB free")


def _secrets(data: Path, environment: Mapping[str, str]) -> Finding:
    try:
        kind, state = secrets.inspect(data, Around(environment=environment))
    except SecretsRefused as error:
        return Finding("secrets", Verdict.BAD, str(error))
    if state == "open":
        insecure = kind == "files in the clear"
        do = "Encrypt them: flowork secrets move" if insecure else None
        return Finding("secrets", Verdict.NOTE if insecure else Verdict.OK, kind, do)
    if state == "not chosen yet":
        return Finding("secrets", Verdict.NOTE, "no place was chosen yet", "flowork serve chooses one.")
    asked_at_start = kind == "passphrase file" and state == "locked"
    do = "It is asked for at the start." if asked_at_start else "flowork secrets unlock, or restore what is gone."
    return Finding("secrets", Verdict.NOTE if asked_at_start else Verdict.BAD, f"{kind}: {state}", do)


def _gateway(data: Path, status: GatewayStatus | None) -> Finding:
    if status is None:
        return Finding("gateway", Verdict.NOTE, f"none answers on {data}", "Start it: flowork serve")
    verdict = Verdict.OK if status.state == "ready" else Verdict.NOTE if status.state == "draining" else Verdict.BAD
    other = "" if status.version == VERSION else f", version {status.version} (this command is {VERSION})"
    return Finding("gateway", verdict, f"{status.state} at {status.address}{other}")


def _port(settings: all_settings.Settings | None, status: GatewayStatus | None) -> Iterator[Finding]:
    if settings is None or status is not None or settings.gateway.port == 0:
        return
    host, port = settings.gateway.host, settings.gateway.port
    try:
        with socket.create_connection((host, port), LOOKED_FOR_S):
            held = port_holder.holder(host, port)
            said = f"another program listens on {host}:{port}" if held is None else held.in_words(host, port)
            yield Finding("port", Verdict.BAD, said, port_holder.advice(port))
    except OSError:
        yield Finding("port", Verdict.OK, f"{host}:{port} is free")


def _doors(settings: all_settings.Settings | None, status: GatewayStatus | None) -> Iterator[Finding]:
    if settings is None:
        return
    gateway = settings.gateway
    if settings.endpoint.kind is not EndpointKind.NONE:
        told = "" if status is None else f", {status.endpoint.state}" + (f": {status.endpoint.reason}" if status.endpoint.reason else "")
        bad = status is not None and status.endpoint.state in {EndpointState.FAILED, EndpointState.UNREACHABLE, EndpointState.DOWN}
        do = "flowork endpoint status" if bad else None
        yield Finding("endpoint", Verdict.BAD if bad else Verdict.OK, f"{settings.endpoint.kind}{told}", do)
    elif gateway.tunnel:
        engines = "and engines" if gateway.accept_remote_engines else "but no engines"
        yield Finding("tunnel", Verdict.OK, f"people {engines} come by {', '.join(gateway.public_origins)}")
    else:
        yield Finding(
            "tunnel", Verdict.NOTE, "off: this gateway is reached from this machine only", "See docs/operating.md to change that."
        )
    if gateway.lan_host is not None:
        yield Finding("lan", Verdict.NOTE, f"plain http on {gateway.lan_host}:{gateway.lan_port}", "Only for networks that you trust.")


def _providers(data: Path, settings: all_settings.Settings | None, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Each is asked for the list of its models, as `flowork providers list` does."""
    if settings is None or not settings.engine.providers:
        return
    try:
        standings = providers.standings(data, Around(environment=environment), environment)
    except (SecretsRefused, VaultLocked, VaultUnavailable):
        yield Finding("providers", Verdict.NOTE, "not asked: their keys are locked away", "flowork providers list asks for a passphrase.")
        return
    for one in standings:
        what = f"provider {one.name}"
        if one.key == "missing":
            yield Finding(what, Verdict.BAD, "its key is missing", f"flowork providers key set {settings.engine.providers[one.name].key}")
        elif one.code is not None:
            place = one.base_url or "the vendor's address"
            yield Finding(what, Verdict.BAD, f"{place}: {JOB_FAILURES[one.code].says}", "Is it running there, and is base_url right?")
        elif not one.offered:
            yield Finding(what, Verdict.NOTE, f"answers with {one.lists} models, none of them ticked", "Name some in its models.")
        else:
            yield Finding(what, Verdict.OK, f"answers, {one.lists} models, {len(one.offered)} ticked")


def _engines(status: GatewayStatus) -> Iterator[Finding]:
    for engine in status.engines:
        if engine.state == "unavailable":
            yield Finding(f"engine {engine.name}", Verdict.BAD, engine.reason or "its queue cannot be opened")
        elif engine.state == "down":
            do = "Start it: flowork engine, on the machine that serves it."
            yield Finding(f"engine {engine.name}", Verdict.BAD if engine.queued else Verdict.NOTE, f"down; {engine.queued} job(s) wait", do)
        else:
            up = sum(instance.state == "up" for instance in engine.instances)
            yield Finding(f"engine {engine.name}", Verdict.OK, f"{up} instance(s) up")
        deaf = [each for each in engine.instances if each.state == "deaf"]
        for each in deaf:
            yield Finding(f"engine {engine.name}", Verdict.BAD, f"instance {each.instance[:8]} beats but asks for no work", "Restart it.")


def _clocks(status: GatewayStatus) -> Iterator[Finding]:
    instances = [(engine, each) for engine in status.engines for each in engine.instances if each.clock_off_s is not None]
    wrong = [(engine, each) for engine, each in instances if abs(each.clock_off_s or 0.0) > CLOCK_OFF_S]
    for engine, each in wrong:
        said = f"that of instance {each.instance[:8]} of {engine.name} is off by {each.clock_off_s:.0f} s"
        yield Finding("clock", Verdict.BAD, said, "Set the clock of that machine, or of this one.")
    if instances and not wrong:
        yield Finding("clock", Verdict.OK, f"agrees with {len(instances)} instance(s)")


def _alarms(status: GatewayStatus) -> Iterator[Finding]:
    for alarm in status.audit.alarms:
        yield Finding("audit log", Verdict.BAD, alarm)
    if status.levels is not None:
        for level in status.levels.levels:
            if level.state == "burning":
                yield Finding(
                    "service level", Verdict.BAD, f"{level.slo} is {level.value:.4g}; the target is {level.target:g}", "flowork status"
                )

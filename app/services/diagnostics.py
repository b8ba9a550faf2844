"""What a supporter needs to know about this machine, and nothing else: each line is put there by name, then the whole is scrubbed.

Of settings only numbers, switches and listed words are told; of log lines only the fields named below; never a job's content.
"""

import asyncio
import contextlib
import getpass
import json
import os
import platform
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from app import settings as all_settings
from app.rules.scrub import scrub
from app.services import doctor, log_files, secrets
from app.services.secrets import Around, SecretsRefused
from contract.admin import GatewayStatus
from contract.version import VERSION
from kit.config import ConfigRefused

LOG_LINES: Final = 200
PACKAGES: Final = ("PySide6-Essentials", "aiohttp", "cryptography", "desktop-notifier", "fastapi", "keyring", "pydantic", "uvicorn")
SESSION: Final = ("XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "LANG", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR")
PRESENT: Final = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "APPIMAGE", "FLATPAK_ID", "SNAP")
"""Of these only whether they are set."""
LOG_FIELDS: Final = (
    *("at", "level", "source", "event", "after", "ahead_s", "before", "code", "dropped", "error", "expired", "given_back", "ingress"),
    *("jobs", "kind", "kinds", "latency_ms", "lines", "lost", "method", "models", "outcome", "reason", "records", "route", "seconds"),
    *(
        "slept_s",
        "slo",
        "slots",
        "spans",
        "spooled",
        "status",
        "target",
        "thread",
        "tools",
        "unsent",
        "users",
        "value",
        "version",
        "wait_s",
    ),
    *("why", "exception"),
)
SECRET_WORDS: Final = ("TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "KEY", "CREDENTIAL")


@dataclass(frozen=True, slots=True)
class Machine:
    """Who and what this is; handed in, so that a test can be somebody."""

    environment: Mapping[str, str]
    user: str
    host: str
    home: Path


def this_machine() -> Machine:
    """The one this runs on."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    return Machine(os.environ, user, socket.gethostname(), Path.home())


async def gather(data: Path, machine: Machine, now: datetime | None = None) -> str:
    """Everything, as text for a person to read before anybody else does. Takes some seconds: providers are asked whether they answer."""
    status = await doctor.ask(data)
    return await asyncio.to_thread(_text, data, machine, status, now or datetime.now(UTC))


def _text(data: Path, machine: Machine, status: GatewayStatus | None, now: datetime) -> str:
    settings, mistakes = _settings(data, machine.environment)
    parts = {
        "Versions": _versions(),
        "Desktop": _desktop(machine.environment),
        "Secrets": _secrets(data, machine.environment),
        "Settings that differ from their defaults": [*_differing(settings), *mistakes],
        "Gateway": _gateway(status),
        "Doctor": _doctor(data, status, machine.environment),
        f"Log, last {LOG_LINES} lines": _log(data),
    }
    lines = [f"Flowork diagnostics, {now:%Y-%m-%d %H:%M} UTC"]
    for title, found in parts.items():
        lines += ["", f"## {title}", *(found or ["nothing"])]
    return scrub("\n".join(lines) + "\n", _known_secrets(data, machine.environment), _known_names(data, machine, settings))


def _settings(data: Path, environment: Mapping[str, str]) -> tuple[all_settings.Settings | None, list[str]]:
    try:
        return all_settings.load(data, {}, {}, environment), []
    except ConfigRefused as error:
        return None, [f"{len(error.mistakes)} mistakes: see Doctor"]


def _versions() -> list[str]:
    lines = [f"flowork {VERSION}", f"python {platform.python_version()} ({platform.machine()})", f"system {platform.platform()}"]
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            lines.append(f"{package} {version(package)}")
    return lines


def _desktop(environment: Mapping[str, str]) -> list[str]:
    told = [f"{name} {environment.get(name) or '-'}" for name in SESSION]
    return told + [f"{name} {'set' if environment.get(name) else 'not set'}" for name in PRESENT]


def _secrets(data: Path, environment: Mapping[str, str]) -> list[str]:
    try:
        kind, state = secrets.inspect(data, Around(environment=environment))
    except SecretsRefused:
        return ["secrets.json cannot be read"]
    return [f"{kind}: {state}"]


def _differing(settings: all_settings.Settings | None) -> list[str]:
    if settings is None:
        return []
    tables: dict[str, BaseModel] = {
        "gateway": settings.gateway,
        "engine": settings.engine,
        "local": settings.local,
        "logs": settings.logs,
        "desktop": settings.desktop,
        "endpoint": settings.endpoint,
        "update": settings.update,
    }
    return [line for name, table in tables.items() for line in _of_table(name, table)]


def _of_table(name: str, table: BaseModel) -> Iterator[str]:
    for key, field in type(table).model_fields.items():
        value = getattr(table, key)
        if not field.is_required() and value != field.get_default(call_default_factory=True):
            yield f"[{name}] {key} = {_told(value)}"


def _told(value: object) -> str:
    """Numbers, switches and listed words as they are; of all else only how much there is."""
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, dict | tuple | list):
        return f"({len(value)} entries)"
    return "(set)"


def _gateway(status: GatewayStatus | None) -> list[str]:
    if status is None:
        return ["none answers"]
    lines = [f"version {status.version}, {status.state}, {status.drain}, {status.users} users", f"secrets {status.secrets.state}"]
    lines.append(f"audit log intact: {status.audit.intact}, {len(status.audit.alarms)} alarms")
    for number, engine in enumerate(status.engines, 1):
        counts = f"{engine.scheduled} scheduled, {engine.queued} queued, {engine.running} running"
        lines.append(f"engine {number}: {engine.state}, {counts}, p95 {engine.start_delay_ms.p95} ms")
        for each in engine.instances:
            seen = f"seen {each.seconds_since_seen:.0f} s ago, clock off {each.clock_off_s} s"
            lines.append(f"  instance {each.state}, version {each.version}, {each.busy} of {each.slots} slots busy, {seen}")
    levels = [] if status.levels is None else status.levels.levels
    return lines + [f"{level.slo} {level.value} (target {level.target:g}): {level.state}" for level in levels]


def _doctor(data: Path, status: GatewayStatus | None, environment: Mapping[str, str]) -> list[str]:
    lines = []
    for each in doctor.examine(data, status, environment):
        lines.append(f"{each.verdict:<4}  {each.what}: {each.found}")
        if each.do is not None and each.verdict is not doctor.Verdict.OK:
            lines.append(f"      -> {each.do}")
    return lines


def _log(data: Path) -> list[str]:
    found = log_files.newest(data / "logs", LOG_LINES, lambda _: True) if (data / "logs").is_dir() else []
    return [_line(each) for each in found]


def _line(line: Mapping[str, Any]) -> str:
    return json.dumps({key: line[key] for key in LOG_FIELDS if key in line}, ensure_ascii=False)


def _known_secrets(data: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Values that lie where this program can read them without asking anybody."""
    for name, value in environment.items():
        if any(word in name.upper() for word in SECRET_WORDS):
            yield value
    for file in ("admin.json", "tunnel.json"):
        with contextlib.suppress(OSError, ValueError):
            told = json.loads((data / "run" / file).read_text(encoding="utf-8"))
            yield from (value for value in told.values() if isinstance(value, str))
    if (data / "secrets").is_dir():
        for path in (data / "secrets").iterdir():
            with contextlib.suppress(OSError, UnicodeDecodeError):
                yield path.read_text(encoding="utf-8").strip()


def _known_names(data: Path, machine: Machine, settings: all_settings.Settings | None) -> dict[str, str]:
    known = {str(data): "<data>", str(data.absolute()): "<data>", str(machine.home): "~", machine.user: "<user>", machine.host: "<host>"}
    if settings is not None:
        origins = (*settings.gateway.public_origins, *settings.gateway.gui_origins, settings.endpoint.origin or "")
        places = [urlsplit(origin).hostname for origin in origins]
        places += [urlsplit(one.base_url).hostname for one in settings.engine.providers.values() if one.base_url]
        for place in (*places, *settings.gateway.lan_names):
            if place and place not in {"127.0.0.1", "localhost", "::1"}:
                known[place] = "<place>"
    return {value: name for value, name in known.items() if len(value) > 2 and value != "root"}

"""What every measurement says beside its figures: the machine, the versions, and the spread of samples."""

import importlib.metadata
import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any

from contract.version import VERSION
from kit.percentiles import percentile

PACKAGES = ("fastapi", "uvicorn", "uvloop", "python-socketio", "pydantic", "aiohttp", "aiosqlite")


def surroundings(settings: dict[str, Any]) -> dict[str, Any]:
    """`machine`, `versions`, `settings`."""
    return {
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "cpus": os.cpu_count(),
            "load_1m": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "flowork": VERSION,
            "python": sys.version.split()[0],
            "sqlite": sqlite3.sqlite_version,
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "settings": settings,
    }


def spread(samples: Sequence[float]) -> dict[str, float | None]:
    """p50, p95, p99; None where nothing was measured."""
    ordered = sorted(samples)
    return {f"p{share}": round(percentile(ordered, share / 100), 3) if ordered else None for share in (50, 95, 99)}

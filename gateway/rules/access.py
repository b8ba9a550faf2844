"""What a user may do with an engine, and which users an engine may work for."""

import hashlib
from collections.abc import Iterable

from contract.words import Role

RUNS = frozenset({Role.RUNNER, Role.ADMIN})


def role(owner: bool, member: Role | None) -> Role | None:
    """A user's role on one engine: an owner manages every engine, others have what was shared; None sees nothing of it."""
    return Role.ADMIN if owner else member


def version(users: Iterable[str]) -> int:
    """The version of a whitelist: drawn from its content, so that it survives restarts and restored backups. Never 0."""
    return int.from_bytes(hashlib.sha256("\n".join(sorted(users)).encode()).digest()[:6]) or 1


def clamped(priority: int, ceiling: int | None) -> int:
    """A priority no more urgent (lower) than the ceiling."""
    return priority if ceiling is None else max(priority, ceiling)

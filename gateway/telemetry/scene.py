"""What is looked at when the metrics are read, rather than counted along the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QueueScene:
    """One engine's queue and instances."""

    jobs: Mapping[str, int]
    """By state: scheduled, queued, running."""
    oldest_s: float
    """How long the oldest job waits for its first lease; 0 when none does."""
    wait_s: float | None
    """The expected wait of one more job."""
    slots: int
    busy: int
    instances: Mapping[str, int]
    """By state: up, deaf, silent."""
    wal_bytes: int
    """Size of the write-ahead log; 0 while the queue's file is closed."""
    draining: bool
    available: bool
    """False when its file was refused."""


@dataclass(frozen=True, slots=True)
class LevelScene:
    """One promise."""

    seconds: bool
    """Are value and target seconds? Else they are shares of 1."""
    value: float | None
    target: float
    burning: bool
    budget_left: float | None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything, at one moment."""

    version: str
    ready: bool
    draining: bool
    queues: Mapping[str, QueueScene] = field(default_factory=dict)
    """By the engine's name."""
    levels: Mapping[str, LevelScene] = field(default_factory=dict)
    listeners: Mapping[str, bool] = field(default_factory=dict)
    """Which of loopback, lan and tunnel are open."""
    sockets: int = 0
    disk_free_bytes: int | None = None
    memory_free_bytes: int | None = None
    audit_head_age_s: float | None = None
    audit_intact: bool | None = None
    secrets_open: bool = True

"""`ShardDirectory`: which queue files are open, for whom, and what became of those that can't be."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contract.errors import EngineUnknown, ShardUnavailable, StorageFailed, StorageFull
from gateway.store.control import Control
from gateway.store.schema import ShardRefused
from gateway.store.seam import Committed, JobStore, StoreLimits
from gateway.store.shard import SqliteShard, open_shard
from kit.clock import Clock
from kit.files import private_folder
from kit.logs import Log

log = Log("store.directory")


class ShardDirectory(Protocol):
    """Where the queue of an engine is."""

    def use(self, engine: str) -> contextlib.AbstractAsyncContextManager[JobStore]:
        """The open store of an engine, kept open inside the block.

        Raises:
            EngineUnknown: there is no such engine.
            ShardUnavailable: its file can't be opened.
        """

    def refusals(self) -> dict[str, str]:
        """Engine id -> why its file could not be opened."""


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    shard: SqliteShard | None = None
    users: int = 0


class LocalShards:
    """All shards in one folder of this machine; opened on first use, the longest unused one closed beyond `at_most`."""

    def __init__(
        self,
        folder: Path,
        control: Control,
        limits: StoreLimits,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        on_commit: Callable[[str, Committed], None],
        at_most: int,
    ) -> None:
        self._folder = private_folder(folder)
        self._control = control
        self._limits = limits
        self._clock = clock
        self._random = random_bytes
        self._on_commit = on_commit
        self._at_most = at_most
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._refused: dict[str, str] = {}

    def refusals(self) -> dict[str, str]:
        return dict(self._refused)

    def open_now(self) -> list[SqliteShard]:
        """The shards that are open."""
        return [entry.shard for entry in self._entries.values() if entry.shard is not None]

    def open_shard(self, engine: str) -> SqliteShard | None:
        """An engine's shard, if it is open."""
        entry = self._entries.get(engine)
        return None if entry is None else entry.shard

    @contextlib.asynccontextmanager
    async def use(self, engine: str) -> AsyncIterator[JobStore]:
        entry = self._entries.setdefault(engine, _Entry())
        self._entries.move_to_end(engine)
        entry.users += 1
        try:
            if entry.shard is None:
                await self._open(engine, entry)
            assert entry.shard is not None
            yield entry.shard
        finally:
            entry.users -= 1
            if entry.shard is None and entry.users == 0:
                self._entries.pop(engine, None)
        if len(self.open_now()) > self._at_most:
            await self._close_beyond()

    async def _open(self, engine: str, entry: _Entry) -> None:
        async with entry.lock:
            if entry.shard is not None:
                return
            row = next((row for row in await self._control.engines() if row.id == engine), None)
            if row is None:
                raise EngineUnknown
            try:
                entry.shard = await self._open_file(engine, create=not row.shard_made)
            except ShardRefused as refusal:
                if self._refused.get(engine) != str(refusal):
                    log.error("shard.refused", engine_id=engine, reason=str(refusal))
                self._refused[engine] = str(refusal)
                raise ShardUnavailable from refusal
            self._refused.pop(engine, None)
            await self._control.shard_opened(engine)
        # Whatever became due while it was closed, or could not be opened, wants to be looked at.
        self._on_commit(engine, Committed(due_in_us=0, at=self._clock.now().steady))
        await self._close_beyond()

    async def _open_file(self, engine: str, *, create: bool) -> SqliteShard:
        """Check off the loop (a large file takes a while), open on it (the writer belongs to the loop)."""
        return await open_shard(
            engine,
            self._folder / f"{engine}.db",
            create=create,
            limits=self._limits,
            clock=self._clock,
            random_bytes=self._random,
            on_commit=lambda committed: self._on_commit(engine, committed),
        )

    async def _close_beyond(self) -> None:
        idle = [engine for engine, entry in self._entries.items() if entry.shard is not None and entry.users == 0]
        for engine in idle[: max(0, len(self.open_now()) - self._at_most)]:
            try:
                await self.close(engine)
            except (StorageFull, StorageFailed) as error:
                log.error("shard.not_closed", engine_id=engine, code=error.code)  # it stays open, and is nobody else's trouble

    async def close(self, engine: str) -> None:
        """Close one shard, noting when it wants to be opened again. Does nothing while it is in use."""
        entry = self._entries.get(engine)
        if entry is None:
            return
        async with entry.lock:
            shard = entry.shard
            if shard is None or entry.users:
                return
            # Reaping tells what is due next; nothing can change it between here and the close: users are counted.
            entry.shard = None
            try:
                reaped = await shard.reap()
            except BaseException:
                entry.shard = shard
                raise
            await shard.close()
            wake_at = None if reaped.next_in_us is None else self._clock.now().wall + reaped.next_in_us
            await self._control.shard_closed(engine, wake_at)
        if entry.users == 0:
            self._entries.pop(engine, None)

    async def close_all(self) -> None:
        """Close every shard; for the end of the program, when nobody uses them any more."""
        for engine in list(self._entries):
            await self.close(engine)

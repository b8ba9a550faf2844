"""Watch: one job, a page of jobs, the events that were missed."""

import asyncio
import contextlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol
from uuid import UUID

from contract import limits
from contract.errors import CursorInvalid, JobNotFound, ShardUnavailable
from contract.events import Event, decode_cursor, encode_cursor
from contract.ids import split_job_id
from gateway.operations.fanout import EventFanout, wire_event
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.rules.job import JobRecord
from gateway.store.directory import ShardDirectory
from gateway.store.seam import Detail, Filter, StoredEvent

LATEST = "latest"
CONTROL = "control"
"""The source of what is no job: a user's devices."""


class News(Protocol):
    """What users are told that is no job."""

    async def news(self, user: str, after: int, limit: int) -> list[StoredEvent]:
        """What came after a number."""

    async def last_news(self, user: str) -> int:
        """The newest number, or 0."""


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs with their engines, newest first."""

    jobs: list[tuple[str, JobRecord]]
    next: str | None


@dataclass(slots=True)
class Watch:
    """The acts of looking."""

    directory: ShardDirectory
    sources: Sources
    sharing: Sharing
    fanout: EventFanout
    news: News

    async def job(self, user: str, job_id: str) -> tuple[str, Detail]:
        """One job of the user with its bodies.

        Raises:
            JobNotFound: no such job, or somebody else's.
        """
        engine, uuid = self.locate(user, job_id)
        async with self.directory.use(engine) as store:
            detail = await store.job(user, uuid)
        if detail is None:
            raise JobNotFound
        return engine, detail

    def locate(self, user: str, job_id: str) -> tuple[str, bytes]:
        """The queue a job id points to; a foreign one is as unknown as one that never was.

        Raises:
            JobNotFound: the user has never had a job there.
        """
        parts = split_job_id(job_id)
        if parts is None or parts[0] not in self.sources.of(user):
            raise JobNotFound
        return parts[0], parts[1].bytes

    async def jobs(self, user: str, engine: str | None, cursor: str | None, limit: int, where: Filter) -> Page:
        """A page over one engine, or merged over all in which the user has jobs.

        Raises:
            CursorInvalid, EngineUnknown, ShardUnavailable.
        """
        before = _before(cursor)
        engines = self.sources.of(user) if engine is None else [self.sharing.visible(user, engine).id]
        found: list[tuple[str, list[JobRecord]]] = []
        for name in engines:
            async with self.directory.use(name) as store:
                found.append((name, await store.jobs(user, before, limit + 1, where)))
        page, more = merged(found, limit)
        return Page(page, page[-1][1].uuid_text if more else None)

    async def events(self, user: str, after: str | None, wait_ms: int) -> tuple[list[Event], str]:
        """Events after a cursor, waiting up to `wait_ms` for the first; and the next cursor.

        `after` None begins with the oldest kept event, `latest` gives no events and today's cursor.

        Raises:
            CursorInvalid.
        """
        if after == LATEST:
            return [], encode_cursor(await self._latest(user))
        positions = {} if after is None else decode_cursor(after)
        with self.fanout.arrival(user) as arrival:
            events = await self._missed(user, positions)
            if not events and wait_ms:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_ms / 1000):
                        await arrival.wait()
                events = await self._missed(user, positions)
        return events, encode_cursor(positions)

    async def _missed(self, user: str, positions: dict[str, int]) -> list[Event]:
        """Events beyond the positions, which move along."""
        told = await self.news.news(user, positions.get(CONTROL, 0), limits.EVENTS_PAGE)
        if told:
            positions[CONTROL] = told[-1].seq
        missed = [wire_event(CONTROL, event) for event in told]
        for source in self.sources.of(user):
            room = limits.EVENTS_PAGE - len(missed)
            if room <= 0:
                break
            try:
                async with self.directory.use(source) as store:
                    stored = await store.events(user, positions.get(source, 0), room)
            except ShardUnavailable:
                continue  # its events come once it is repaired: the cursor stays where it was
            if stored:
                positions[source] = stored[-1].seq
                missed.extend(wire_event(source, event) for event in stored)
        return missed

    async def _latest(self, user: str) -> dict[str, int]:
        last = await self.news.last_news(user)
        positions = {CONTROL: last} if last else {}
        for source in self.sources.of(user):
            with contextlib.suppress(ShardUnavailable):
                async with self.directory.use(source) as store:
                    positions[source] = await store.last_event(user)
        return positions


def merged(found: Iterable[tuple[str, Iterable[JobRecord]]], limit: int) -> tuple[list[tuple[str, JobRecord]], bool]:
    """The newest of several engines' jobs, newest first, and whether there are more."""
    each = [[(job.uuid, engine, job) for job in jobs] for engine, jobs in found]
    first = list(islice(heapq.merge(*each, key=lambda item: item[0], reverse=True), limit + 1))
    return [(engine, job) for _, engine, job in first[:limit]], len(first) > limit


def _before(cursor: str | None) -> bytes | None:
    if cursor is None:
        return None
    try:
        return UUID(cursor).bytes
    except ValueError as error:
        raise CursorInvalid from error

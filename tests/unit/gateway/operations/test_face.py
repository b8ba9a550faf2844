"""Following a job: every byte of its output once, whatever was heard twice, late, or not at all."""

import asyncio
from typing import Any

import pytest

from contract.errors import FloworkError, GatewayStopping, JobEndedBadly, JobNotFound
from contract.events import Event
from contract.words import EventName, Outcome
from gateway.operations.face import Again, Begun, Ended, Face, Quiet, Said, failure
from gateway.operations.following import KEPT_MAX, Follower, Following
from gateway.rules.life import Failure
from gateway.rules.views import job_id_of
from gateway.store.seam import Append, Claim, Granted
from tests.support.queue import TRACE, report

LAB = "aaaaaaaaaaaaaaaa"


@pytest.fixture
def face(rooms) -> Face:
    following = Following()
    rooms.fanout.listen(following.heard)
    rooms.following = following
    return Face(rooms.submitting, rooms.watch, rooms.change, following, rooms.kinds, lambda _key: True)


@pytest.fixture
def rooms(rooms):
    # A room for one more thing that the fixtures of this page need.
    return _Open(rooms)


class _Open:
    def __init__(self, rooms: Any) -> None:
        self._rooms = rooms
        self.following: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rooms, name)

    @property
    def store(self) -> Any:
        return self._rooms.directory.stores[LAB]

    async def begin(self) -> Begun:
        taken = await self._rooms.submitting.one("ann", self._rooms.keys(), self._rooms.draft(kind="echo"), TRACE)
        return Begun("ann", job_id_of(LAB, taken.job), 0, replayed=False)

    async def lease(self) -> Granted:
        claimed = await self.store.claim(Claim("i" * 32, self._rooms.attempt_ids(), ("echo",), 1, 0, reconcile=False))
        return claimed.leases[0]

    async def say(self, lease: Granted, offset: int, text: str) -> None:
        (told,) = await self.store.append([Append(lease.job.uuid, lease.job.token, (offset, text))])
        assert told.status == "ok"


async def drained(steps: Any, count: int) -> list[Any]:
    async with asyncio.timeout(10):
        return [await anext(steps) for _ in range(count)]


def words(steps: list[Any]) -> str:
    return "".join(step.text for step in steps if isinstance(step, Said))


async def test_output_is_told_as_it_comes_and_the_end_with_the_whole(rooms, face: Face):
    begun = await rooms.begin()
    steps = face.steps(begun, asyncio.Event(), None)
    following = asyncio.ensure_future(drained(steps, 3))
    await asyncio.sleep(0)
    lease = await rooms.lease()
    await rooms.say(lease, 0, "Grü")
    await rooms.say(lease, 4, "ße")
    await rooms.store.finish(report(lease))
    told = await following
    assert words(told) == "Grüße"
    assert isinstance(told[-1], Ended)
    assert told[-1].detail.result == b'"done"'


async def test_what_was_said_before_somebody_followed_is_not_lost(rooms, face: Face):
    begun = await rooms.begin()
    lease = await rooms.lease()
    await rooms.say(lease, 0, "before ")
    steps = face.steps(begun, asyncio.Event(), None)
    assert words(await drained(steps, 1)) == "before "
    await rooms.say(lease, 7, "after")
    assert words(await drained(steps, 1)) == "after"


async def test_a_reader_that_fell_behind_reads_the_whole_and_tells_nothing_twice(rooms, face: Face):
    begun = await rooms.begin()
    lease = await rooms.lease()
    steps = face.steps(begun, asyncio.Event(), None)
    await rooms.say(lease, 0, "0")
    assert words(await drained(steps, 1)) == "0"
    for number in range(KEPT_MAX + 10):
        await rooms.say(lease, 1 + number, "x")
    await rooms.store.finish(report(lease))
    told = [step async for step in steps]
    assert words(told) == "x" * (KEPT_MAX + 10)
    assert isinstance(told[-1], Ended)


async def test_events_that_come_twice_or_overlap_are_told_once(rooms, face: Face):
    begun = await rooms.begin()
    lease = await rooms.lease()
    steps = face.steps(begun, asyncio.Event(), None)
    await rooms.say(lease, 0, "abc")
    assert words(await drained(steps, 1)) == "abc"
    for offset, text in ((0, "abc"), (1, "bc"), (2, "cde")):
        data = {"id": begun.job, "attempt": 1, "delivery": 1, "offset": offset, "text": text}
        rooms.following.heard("ann", Event(source=LAB, seq=9, name=EventName.JOB_OUTPUT, at="2026-01-01T00:00:00Z", data=data))
    assert words(await drained(steps, 1)) == "de"


async def test_a_gap_is_filled_from_the_job_itself(rooms, face: Face):
    begun = await rooms.begin()
    lease = await rooms.lease()
    steps = face.steps(begun, asyncio.Event(), None)
    await rooms.say(lease, 0, "abc")
    assert words(await drained(steps, 1)) == "abc"
    (follower,) = rooms.following._followers[begun.job]
    await rooms.say(lease, 3, "de")
    follower.take()  # as if it had never been heard
    await rooms.say(lease, 5, "fg")
    assert words(await drained(steps, 1)) == "defg"


async def test_a_lost_attempt_is_told_as_void_and_the_next_one_from_its_start(rooms, face: Face):
    begun = await rooms.begin()
    lease = await rooms.lease()
    steps = face.steps(begun, asyncio.Event(), None)
    await rooms.say(lease, 0, "first")
    assert words(await drained(steps, 1)) == "first"
    await rooms.store.take_back(["i" * 32])
    again = await rooms.lease()
    await rooms.say(again, 0, "second")
    told = await drained(steps, 2)
    assert isinstance(told[0], Again)
    assert words(told) == "second"


async def test_a_lost_attempt_that_was_slept_through_is_told_too(rooms, face: Face):
    begun = await rooms.begin()
    lease = await rooms.lease()
    steps = face.steps(begun, asyncio.Event(), None)
    await rooms.say(lease, 0, "first")
    await drained(steps, 1)
    await rooms.store.take_back(["i" * 32])
    again = await rooms.lease()
    for number in range(KEPT_MAX + 1):
        await rooms.say(again, number, "x")
    told = await drained(steps, 2)
    assert isinstance(told[0], Again)
    assert set(words(told)) == {"x"}


async def test_somebody_who_left_cancels_their_job_but_not_anothers(rooms, face: Face):
    for replayed, state in ((False, "cancelled"), (True, "queued")):
        begun = await rooms.begin()
        begun = Begun(begun.user, begun.job, 0, replayed)
        gone = asyncio.Event()
        waiting = asyncio.ensure_future(face.ended(begun, gone))
        await asyncio.sleep(0)
        gone.set()
        assert await waiting is None
        _, detail = await rooms.watch.job("ann", begun.job)
        assert detail.job.state == state


async def test_silence_is_told_after_a_while(rooms, face: Face):
    steps = face.steps(await rooms.begin(), asyncio.Event(), 0.001)
    assert [type(step) for step in await drained(steps, 2)] == [Quiet, Quiet]


async def test_a_gateway_that_stops_lets_everyone_go(rooms, face: Face):
    begun = await rooms.begin()
    waiting = asyncio.ensure_future(face.ended(begun, asyncio.Event()))
    await asyncio.sleep(0)
    rooms.following.close()
    with pytest.raises(GatewayStopping):
        await waiting
    with pytest.raises(GatewayStopping):
        await face.ended(begun, asyncio.Event())


async def test_a_job_that_is_deleted_under_its_reader_is_not_waited_for(rooms, face: Face):
    begun = await rooms.begin()
    steps = face.steps(begun, asyncio.Event(), 0.001)
    await drained(steps, 1)
    data = {"id": begun.job, "deleted": True}
    rooms.following.heard("ann", Event(source=LAB, seq=9, name=EventName.JOB_UPDATED, at="2026-01-01T00:00:00Z", data=data))
    with pytest.raises(JobNotFound):
        await drained(steps, 1)


async def test_nobody_follows_for_longer_than_they_ask(rooms, face: Face):
    begun = await rooms.begin()
    steps = face.steps(begun, asyncio.Event(), 0.001)
    await drained(steps, 1)
    await steps.aclose()
    assert rooms.following._followers == {}


@pytest.mark.parametrize(
    ("code", "status"), [("model.unknown", 422), ("auth.token_invalid", 502), ("made.up", 502)], ids=["shared", "ours", "its-own"]
)
async def test_only_codes_that_mean_the_same_to_the_caller_are_passed_on(rooms, face: Face, code: str, status: int):
    begun = await rooms.begin()
    lease = await rooms.lease()
    await rooms.store.finish(report(lease, Outcome.FAILED, failure=Failure(code, "It went wrong.", False)))
    _, detail = await rooms.watch.job("ann", begun.job)
    told = failure(detail.job)
    assert isinstance(told, FloworkError)
    assert (told.status, told.detail) == (status, "It went wrong.")
    assert isinstance(told, JobEndedBadly) is (status == 502)


def test_a_follower_keeps_a_bounded_number_of_events():
    follower = Follower(behind=False)
    event = Event(source=LAB, seq=1, name=EventName.JOB_UPDATED, at="2026-01-01T00:00:00Z", data={})
    for _ in range(KEPT_MAX * 3):
        follower.heard(event)
    assert follower.behind
    assert len(follower.take()) <= KEPT_MAX

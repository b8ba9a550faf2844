"""Submit: what enters a queue, what is refused and why, and what counts as the same request."""

import asyncio
import json

import pytest

from contract import limits
from contract.engine_link import FinishRequest
from contract.errors import (
    BodyTooLarge,
    DiskLow,
    EngineUnknown,
    FloworkError,
    IdempotencyKeyReused,
    KindUnserved,
    MemoryLow,
    QueueFull,
    QueueShareFull,
    QueueSlow,
    RequestInvalid,
    ServerDraining,
    ShardUnavailable,
)
from contract.jobs import BatchItem, JobDraft
from contract.words import Directive, JobState, Outcome
from gateway.operations.submit import WAITS_FOR_INSTANCE, Taken, fingerprint
from gateway.store.seam import Filter
from kit.clock import SECOND, rfc3339
from kit.machine import Free
from kit.strict_json import encode
from tests.support.queue import TRACE

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


async def many(rooms, *drafts: JobDraft, user: str = "ann") -> list[Taken | FloworkError]:
    return await rooms.submitting.many(user, [(rooms.keys(), draft) for draft in drafts], TRACE)


async def waiting(rooms, engine: str = LAB) -> int:
    load = await rooms.directory.stores[engine].load()
    return load.queued + load.scheduled


@pytest.mark.parametrize("name", ["lab", LAB])
async def test_an_engine_goes_by_its_name_and_by_its_id(rooms, name: str):
    assert (await rooms.submit(engine=name)).engine == LAB


async def test_an_engine_that_is_not_there_is_unknown_and_nothing_is_noted(rooms):
    with pytest.raises(EngineUnknown):
        await rooms.submit(engine="nobody")
    assert rooms.sources.of("ann") == []


async def test_a_job_is_taken_as_it_was_drawn(rooms):
    at = rooms.clock.wall + 60 * SECOND
    changes = {"payload": {"b": [1, 2.5], "a": "ü"}, "priority": 1, "run_at": rfc3339(at), "expires_in": 90.5, "max_attempts": 7}
    taken = await rooms.submit(**changes, timeout_s=12)
    job = taken.job
    assert (job.state, job.due_at, job.priority, job.max_attempts, job.timeout_s) == (JobState.SCHEDULED, at, 1, 7, 12)
    assert job.expires_at == rooms.clock.wall + 90_500_000
    assert job.traceparent == TRACE
    detail = await rooms.directory.stores[LAB].job("ann", job.uuid)
    assert json.loads(detail.payload) == changes["payload"]


async def test_the_queue_of_a_submit_is_remembered_for_its_user_even_over_a_restart(rooms):
    await rooms.submit()
    await rooms.submit()
    assert rooms.sources.of("ann") == [LAB]
    assert await rooms.control.sources() == [("ann", LAB)]


async def test_the_same_key_and_request_give_the_first_job_again(rooms):
    first = await rooms.submit(key="k", payload={"a": 1, "b": 2})
    again = await rooms.submit(key="k", payload={"b": 2, "a": 1})
    assert (first.replayed, again.replayed) == (False, True)
    assert again.job == first.job
    assert await waiting(rooms) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"payload": 2},
        {"kind": "http"},
        {"priority": 2},
        {"run_at": "2026-01-01T00:00:30Z"},
        {"expires_in": 1},
        {"max_attempts": 4},
        {"timeout_s": 1},
    ],
)
async def test_the_same_key_with_another_request_is_refused(rooms, other: dict):
    await rooms.submit(key="k", payload=1)
    with pytest.raises(IdempotencyKeyReused):
        await rooms.submit(key="k", **{"payload": 1, **other})
    assert await waiting(rooms) == 1


def test_the_fingerprint_is_of_the_meaning_not_of_the_spelling():
    def of(**changes) -> bytes:
        draft = JobDraft(**{"engine": "lab", "kind": "echo", **changes})
        return fingerprint(draft, encode(draft.payload))

    assert of(payload={"a": 1, "b": {"c": 2, "d": 3}}) == of(payload={"b": {"d": 3, "c": 2}, "a": 1})
    assert of(timeout_s=300) == of(timeout_s=300.0) == of()
    assert of(payload=[1, 2]) != of(payload=[2, 1])
    assert of(payload={"a": None}) != of(payload={})
    assert of(payload="1") != of(payload=1)
    assert len(of()) == 32


def test_the_key_of_a_batch_item_is_no_part_of_its_request():
    item = BatchItem(engine="lab", kind="echo", idempotency_key="k")
    alone = JobDraft(engine="lab", kind="echo")
    assert fingerprint(item, b"null") == fingerprint(alone, b"null")


async def test_a_time_too_far_ahead_is_refused_and_the_farthest_allowed_is_taken(rooms):
    farthest = rooms.clock.wall + limits.RUN_AT_MAX_AHEAD_S * SECOND
    with pytest.raises(RequestInvalid, match="366 days"):
        await rooms.submit(run_at=rfc3339(farthest + 1))
    assert (await rooms.submit(run_at=rfc3339(farthest))).job.due_at == farthest


async def test_a_date_that_does_not_exist_is_refused(rooms):
    with pytest.raises(RequestInvalid, match="run_at"):
        await rooms.submit(run_at="2026-02-30T00:00:00Z")


async def test_a_time_that_has_passed_means_now(rooms):
    assert (await rooms.submit(run_at=rfc3339(rooms.clock.wall))).job.state is JobState.QUEUED


async def test_a_payload_is_measured_as_it_is_kept(rooms):
    """In bytes of compact JSON: two for the quotes, two for each ü."""
    await rooms.submit(payload="ü" * ((limits.PAYLOAD_MAX_BYTES - 2) // 2))
    with pytest.raises(BodyTooLarge, match=str(limits.PAYLOAD_MAX_BYTES)):
        await rooms.submit(payload="ü" * (limits.PAYLOAD_MAX_BYTES // 2))
    assert await waiting(rooms) == 1


async def test_before_any_instance_was_heard_every_kind_is_taken_with_a_notice(rooms):
    assert (await rooms.submit(kind="anything")).notice == WAITS_FOR_INSTANCE


async def test_a_kind_that_no_known_instance_serves_is_refused(rooms):
    await rooms.claim(kinds=["http"])
    with pytest.raises(KindUnserved, match="'echo'"):
        await rooms.submit(kind="echo")
    assert (await rooms.submit(kind="http")).notice is None
    assert (await rooms.submit(kind="echo", engine="den")).notice == WAITS_FOR_INSTANCE  # another engine's instances do not count


async def test_a_kind_whose_instance_fell_silent_is_taken_with_a_notice(rooms):
    await rooms.claim(kinds=["echo"])
    rooms.clock.advance(31)
    assert (await rooms.submit()).notice == WAITS_FOR_INSTANCE


async def test_a_repeated_submit_is_a_replay_even_when_its_kind_is_no_longer_served(rooms):
    first = await rooms.submit(key="k", kind="echo")
    await rooms.claim(kinds=["http"])
    assert (await rooms.submit(key="k", kind="echo")).job == first.job


async def test_a_draining_gateway_refuses_but_still_answers_known_keys(rooms):
    first = await rooms.submit(key="k")
    rooms.directive = Directive.DRAIN
    with pytest.raises(ServerDraining) as refused:
        await rooms.submit()
    assert refused.value.retry_after_s == 5
    assert (await rooms.submit(key="k")).job == first.job


async def test_a_full_queue_refuses_with_the_time_a_place_should_be_free_but_answers_known_keys(rooms):
    rooms.admission.hard_cap = 2
    await rooms.submit(key="k")
    await rooms.submit(run_at=rfc3339(rooms.clock.wall + SECOND))
    with pytest.raises(QueueFull) as unknown_rate:
        await rooms.submit()
    assert unknown_rate.value.retry_after_s == 5
    rooms.admission.drained_per_s = {LAB: 0.25}.get
    with pytest.raises(QueueFull) as known_rate:
        await rooms.submit()
    assert known_rate.value.retry_after_s == 4
    assert (await rooms.submit(key="k")).replayed
    await rooms.submit(engine="den")  # its queue has room


async def test_one_user_leaves_room_in_a_queue_for_the_others(rooms):
    rooms.admission.hard_cap, rooms.admission.user_share = 5, 0.8
    for _ in range(4):
        await rooms.submit("ann")
    with pytest.raises(QueueShareFull):
        await rooms.submit("ann")
    await rooms.submit("bob")
    with pytest.raises(QueueFull):
        await rooms.submit("bob")


async def serves(rooms, seconds: float) -> None:
    """An instance of four slots, with an attempt that was measured to take so long."""
    await rooms.job("somebody")
    (lease,) = (await rooms.claim()).leases
    rooms.clock.advance(seconds)
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.SUCCEEDED))


async def test_a_job_that_would_wait_too_long_is_refused_with_the_time_until_it_would_not(rooms):
    rooms.admission.max_wait_s = 10.0
    await serves(rooms, 8.0)  # 2 s a job
    for n in range(6):
        await rooms.submit(key=f"k{n}")
    with pytest.raises(QueueSlow) as refused:
        await rooms.submit()
    assert refused.value.retry_after_s == 2
    await rooms.submit("bob")  # whose turn comes before
    await rooms.submit(run_at=rfc3339(rooms.clock.wall + SECOND))  # what waits now does not matter to it
    assert (await rooms.submit(key="k5")).replayed
    rooms.clock.advance(60)
    await rooms.submit()  # nobody is up: who knows how long it takes


@pytest.mark.parametrize(("free", "error"), [(Free(9, 20), MemoryLow), (Free(10, 19), DiskLow)])
async def test_a_machine_short_of_something_takes_no_jobs_but_answers_known_keys(rooms, free: Free, error: type[FloworkError]):
    await rooms.submit(key="k")
    rooms.free = free
    with pytest.raises(error) as refused:
        await rooms.submit()
    assert refused.value.retry_after_s == 5
    assert await waiting(rooms) == 1
    assert (await rooms.submit(key="k")).replayed


async def test_a_guard_that_is_switched_off_does_not_look(rooms):
    rooms.admission.memory_free_min = rooms.admission.disk_free_min = 0
    rooms.admission.free = lambda: pytest.fail("it looked")
    await rooms.submit()


async def test_racing_submits_never_share_the_last_free_place(rooms):
    rooms.admission.hard_cap = 3
    outcomes = await asyncio.gather(*(rooms.submit() for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, Taken) for outcome in outcomes) == 3
    assert {type(outcome) for outcome in outcomes} == {Taken, QueueFull}


async def test_a_batch_is_judged_item_by_item_in_the_order_given(rooms):
    rooms.admission.hard_cap = 2
    outcomes = await many(
        rooms,
        rooms.draft(),
        rooms.draft(engine="nobody"),
        rooms.draft(engine="den"),
        rooms.draft(run_at="2030-01-01T00:00:00Z"),
        rooms.draft(),
        rooms.draft(),
    )
    assert [type(outcome) for outcome in outcomes] == [Taken, EngineUnknown, Taken, RequestInvalid, Taken, QueueFull]
    assert [outcome.engine for outcome in outcomes if isinstance(outcome, Taken)] == [LAB, DEN, LAB]


async def test_an_unavailable_queue_fails_its_items_only(rooms):
    rooms.directory.refused[LAB] = "damaged"
    outcomes = await many(rooms, rooms.draft(), rooms.draft(engine="den"), rooms.draft())
    assert [type(outcome) for outcome in outcomes] == [ShardUnavailable, Taken, ShardUnavailable]


async def test_an_empty_batch_has_no_outcomes(rooms):
    assert await many(rooms) == []


async def test_users_do_not_see_each_others_keys_or_jobs(rooms):
    mine, theirs = await rooms.submit("ann", key="k"), await rooms.submit("bob", key="k")
    assert mine.job.uuid != theirs.job.uuid
    assert [job.uuid for _, job in (await rooms.watch.jobs("bob", None, None, 10, Filter())).jobs] == [theirs.job.uuid]

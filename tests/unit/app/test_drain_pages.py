"""`flowork drain`, `resume`, `rollout`, and what `status` and `engines list` say of them: what people read."""

from app.commands import drain, rollout
from app.commands.engines import render as engines_page
from contract.admin_engines import EngineList, EngineView
from contract.drain import Drains, DrainTarget, EngineDrain, InstanceDrain, RolloutView, SideView
from contract.words import DrainState
from tests.unit.app.test_status_page import engine, instance, page

AT = "2026-11-24T03:04:00.000000Z"
ONE, TWO = "1" * 32, "2" * 32


def drains(**changes) -> Drains:
    instances = [
        InstanceDrain(instance=ONE, state=DrainState.STOP, running=1),
        InstanceDrain(instance=TWO, state=DrainState.RUN, running=2),
    ]
    lab = EngineDrain(id="aaaa", name="lab", state=DrainState.DRAIN, running=3, instances=instances)
    den = EngineDrain(id="bbbb", name="den", state=DrainState.RUN, running=4)
    return Drains(**{"gateway": DrainState.RUN, "running": 7, "engines": [lab, den], **changes})


def test_each_target_waits_for_its_own_jobs_only():
    assert drain.running(drains(), DrainTarget()) == 7
    assert [drain.running(drains(), DrainTarget(engine=name)) for name in ("lab", "aaaa", "den", "attic")] == [3, 3, 4, 0]
    assert [drain.running(drains(), DrainTarget(instance=name)) for name in (ONE, "1111", TWO, "abcd")] == [1, 1, 2, 0]


def test_the_page_says_who_takes_no_jobs_and_what_still_runs():
    assert drain.render(drains()).split("\n") == [
        "The gateway takes jobs.",
        "lab                  takes no new jobs, 3 running",
        "  111111111111       takes no new jobs; instances stop, 1 running",
        "den                  takes jobs, 4 running",
    ]
    assert drain.render(drains(gateway=DrainState.DRAIN)).startswith("The gateway takes no new jobs.")


def view(**changes) -> RolloutView:
    values = {
        "engine_id": "aaaa",
        "engine_name": "lab",
        "version": "2.0",
        "percent": 10,
        "state": "running",
        "started_at": AT,
        "ended_at": None,
        "reason": None,
        "counted": 30,
        "counted_canary": 3,
        "canary": SideView(instances=[ONE], attempts=3, failed=1, p95_ms=12.4),
        "rest": SideView(instances=[TWO], attempts=0, failed=0, p95_ms=None),
    }
    return RolloutView(**{**values, **changes})


def test_a_running_rollout_shows_both_sides():
    assert rollout.render([view()]).split("\n") == [
        "lab  2.0  running",
        "  10 % to canaries; 3 of 30 shared grants so far",
        "  canaries  1 instance(s), 3 attempts, 1 failed, p95 12 ms",
        "  others    1 instance(s), 0 attempts, 0 failed",
    ]


def test_one_that_was_rolled_back_says_why_and_a_promoted_one_who_is_behind():
    over = {"canary": None, "rest": None}
    assert rollout.render([view(state="rolled_back", reason="it failed", **over)]) == "lab  2.0  rolled back: it failed"
    promoted = rollout.render([view(state="promoted", other_versions={TWO: "1.0"}, **over)])
    assert promoted.split("\n")[1:] == ["  still run another version (rollout promote --stop-old lets them stop):", "    222222222222  1.0"]
    assert rollout.render([view(state="promoted", **over)]) == "lab  2.0  promoted"
    assert "flowork rollout start" in rollout.render([])


def test_the_status_tells_what_is_drained_and_how_to_end_it():
    assert "The gateway takes no new jobs: flowork resume" in page(drain=DrainState.DRAIN)
    assert "lab takes no new jobs: flowork resume --engine lab" in page(engine(name="lab", drain=DrainState.DRAIN))
    stopping = instance().model_copy(update={"drain": DrainState.STOP})
    assert "home: instance 000000000000 takes no new jobs (stop)" in page(engine(instances=[instance(), stopping]))
    assert not [line for line in page(engine(instances=[instance()])) if "no new jobs" in line]
    assert "lab  2.0  running" in page(engine(), rollouts=[view()])


def test_public_engines_are_marked():
    made = [EngineView(id="aaaa", name=name, installations=[], members=[], codes=0, public=name == "lab") for name in ("lab", "den")]
    assert [line for line in engines_page(EngineList(engines=made)).split("\n") if "aaaa" in line] == ["lab  aaaa  public", "den  aaaa"]

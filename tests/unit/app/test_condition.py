"""One state and one sentence for everything that can be."""

from dataclasses import replace

import pytest

from app.rules.condition import Facts, Fix, Pause, Secrets, Service, State, explain
from app.words import Language, speak
from contract.endpoint import EndpointState

SAY = speak(Language.ENGLISH)
WELL = Facts(service=Service.RUNNING, p95_ms=3.14)
CASES = [
    (Facts(), State.STOPPED, "Stopped", Fix.START),
    (Facts(Service.STARTING), State.STARTING, "Starting…", None),
    (Facts(Service.FAILED, "Port 7717 is taken."), State.ERROR, "Not running: something failed", Fix.START),
    (Facts(Service.STOPPING, running=2), State.DRAINING, "Stopping · 2 jobs still running", None),
    (WELL, State.IDLE, "Ready · no jobs · p95 3.1 ms", None),
    (replace(WELL, running=1), State.BUSY, "Running · 1 job · p95 3.1 ms", None),
    (replace(WELL, running=1200, p95_ms=None), State.BUSY, "Running · 1,200 jobs", None),
    (replace(WELL, running=3, draining=True), State.DRAINING, "Draining · 3 jobs running", Fix.RESUME),
    (replace(WELL, queued=4, paused=Pause.BATTERY), State.PAUSED, "Paused · 4 jobs waiting", Fix.UNPAUSE),
    (replace(WELL, secrets=Secrets.LOCKED), State.WARNING, "The keyring is locked", Fix.UNLOCK),
    (replace(WELL, secrets=Secrets.UNAVAILABLE), State.WARNING, "The keys cannot be read", Fix.UNLOCK),
    (replace(WELL, endpoint=EndpointState.FAILED), State.WARNING, "The public endpoint is down", Fix.RESTART_ENDPOINT),
    (replace(WELL, endpoint=EndpointState.UNREACHABLE), State.WARNING, "The public endpoint is down", Fix.RESTART_ENDPOINT),
    (replace(WELL, engines_down=("lab",)), State.WARNING, "An engine is down", Fix.SHOW_ENGINES),
    (replace(WELL, engines_unavailable=("home",)), State.ERROR, "A queue is unavailable", Fix.SHOW_LOGS),
    (replace(WELL, alarms=("Record 7 is not what was written.",)), State.WARNING, "The audit log needs you", Fix.SHOW_AUDIT),
    (replace(WELL, burning=("start_delay",)), State.WARNING, "A service level is missed", Fix.SHOW_OVERVIEW),
]


@pytest.mark.parametrize(("facts", "state", "line", "fix"), CASES)
def test_each_state_has_its_words_and_what_mends_it(facts: Facts, state: State, line: str, fix: Fix | None):
    told = explain(facts, SAY)
    assert (told.state, told.line, told.fix) == (state, line, fix)
    assert bool(told.fix) == bool(told.fix_text)


@pytest.mark.parametrize("facts", [case[0] for case in CASES if case[1] in {State.WARNING, State.ERROR, State.PAUSED}])
def test_whatever_is_wrong_says_what_it_means_and_what_to_do(facts: Facts):
    told = explain(facts, SAY)
    assert told.why
    assert told.fix_text


def test_the_worst_comes_first():
    everything = replace(
        WELL,
        engines_unavailable=("home",),
        secrets=Secrets.LOCKED,
        alarms=("x",),
        endpoint=EndpointState.FAILED,
        engines_down=("lab",),
        burning=("start_delay",),
        draining=True,
    )
    worst = [
        "A queue is unavailable",
        "The keyring is locked",
        "The audit log needs you",
        "The public endpoint is down",
        "An engine is down",
    ]
    cures: list[dict[str, object]] = [
        {"engines_unavailable": ()},
        {"secrets": Secrets.OPEN},
        {"alarms": ()},
        {"endpoint": EndpointState.READY},
        {"engines_down": ()},
    ]
    for line, cure in zip(worst, cures, strict=True):
        assert explain(everything, SAY).line == line
        everything = replace(everything, **cure)
    assert explain(everything, SAY).line == "A service level is missed"


def test_the_badges_do_not_depend_on_the_state():
    assert explain(replace(WELL, endpoint=EndpointState.STARTING), SAY).offline
    assert not explain(replace(WELL, endpoint=EndpointState.OFF), SAY).offline
    assert not explain(Facts(endpoint=EndpointState.DOWN), SAY).offline
    assert explain(replace(WELL, secrets=Secrets.INSECURE), SAY).insecure
    assert explain(replace(WELL, secrets=Secrets.INSECURE), SAY).state is State.IDLE


def test_indonesian_writes_numbers_its_own_way_and_has_one_plural():
    say = speak(Language.INDONESIAN)
    assert (say.number(1234.5, 1), say.milliseconds(3.14), say.percent(0.123, 1)) == ("1.234,5", "3,1 ms", "12,3 %")
    assert (SAY.number(1234.5, 1), SAY.milliseconds(1520), SAY.milliseconds(None), SAY.percent(None)) == ("1,234.5", "1.52 s", "–", "–")
    assert SAY.count("{number} job", "{number} jobs", 1) == "1 job"

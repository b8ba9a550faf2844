"""Notices: only trouble, only when it is sure, once."""

from app.rules.condition import Explanation, Fix, State
from app.rules.notices import AFTER_WAKE_S, AGAIN_S, SETTLES_S, Memory, Notice, Withdraw, weigh

WELL = Explanation(State.IDLE, "Ready · no jobs")
LOCKED = Explanation(State.WARNING, "The keyring is locked", "Nobody can sign in.", Fix.UNLOCK, "Unlock…")
FAILED = Explanation(State.ERROR, "Not running: something failed", "Port taken.", Fix.START, "Start again")


def _told(looks, *, quiet=False, woke=None, memory=None):
    """Everything that is shown or taken away by a run of looks at (seconds, explanation)."""
    memory, acts = memory or Memory(), []
    for now, explanation in looks:
        memory, new = weigh(memory, explanation, now, quiet=quiet, woke=woke)
        acts += new
    return acts


def test_a_warning_is_told_once_it_holds_and_an_error_at_once():
    told = Notice("The keyring is locked", "The keyring is locked", "Nobody can sign in.", Fix.UNLOCK, "Unlock…")
    assert _told([(0, LOCKED), (SETTLES_S - 1, LOCKED)]) == []
    assert _told([(0, LOCKED), (SETTLES_S, LOCKED), (SETTLES_S + 1, LOCKED), (5000, LOCKED)]) == [told]
    assert [act.urgent for act in _told([(0, FAILED)])] == [True]


def test_jobs_and_pauses_are_never_told():
    states = [state for state in State if state not in {State.WARNING, State.ERROR}]
    assert _told([(at * 100, Explanation(state, f"{state}")) for at, state in enumerate(states)]) == []


def test_a_notice_goes_when_the_trouble_is_over():
    acts = _told([(0, FAILED), (1, WELL)])
    assert acts[1:] == [Withdraw(FAILED.line)]


def test_another_trouble_takes_the_place_of_the_first():
    acts = _told([(0, FAILED), (1, LOCKED), (1 + SETTLES_S, LOCKED)])
    assert [type(act) for act in acts] == [Notice, Withdraw, Notice]


def test_a_trouble_that_comes_and_goes_is_told_once_in_ten_minutes():
    flutter = [(at, FAILED if at % 2 == 0 else WELL) for at in range(int(AGAIN_S))]
    assert sum(isinstance(act, Notice) for act in _told(flutter)) == 1
    assert sum(isinstance(act, Notice) for act in _told([*flutter, (AGAIN_S, FAILED)])) == 2


def test_a_gap_of_sleep_is_never_told():
    looks = [(1000, FAILED), (1030, FAILED), (1050, WELL)]
    assert _told(looks, woke=1000.0) == []
    assert len(_told([(1000, FAILED), (1000 + AFTER_WAKE_S, FAILED)], woke=1000.0)) == 1, "but what stays wrong is"


def test_quiet_shows_nothing_and_still_takes_away():
    assert _told([(0, FAILED), (100, FAILED)], quiet=True) == []
    shown, _ = weigh(Memory(), FAILED, 0, quiet=False, woke=None)
    assert _told([(1, WELL)], quiet=True, memory=shown) == [Withdraw(FAILED.line)]

"""`contract.words`: the table of moves is closed, and what is final is final."""

from contract import words
from contract.words import FINAL_STATES, TRANSITIONS, EventName, JobState


def test_every_state_has_its_moves_and_no_move_leads_out_of_the_table():
    assert set(TRANSITIONS) == set(JobState)
    assert all(target in TRANSITIONS for targets in TRANSITIONS.values() for target in targets)


def test_no_state_follows_itself():
    assert all(state not in targets for state, targets in TRANSITIONS.items())


def test_the_table_cannot_be_changed_while_running():
    assert not hasattr(TRANSITIONS, "__setitem__")
    assert all(isinstance(targets, frozenset) for targets in TRANSITIONS.values())


def test_nothing_follows_a_final_state_but_a_redrive_of_the_dead():
    assert {state: set(TRANSITIONS[state]) for state in FINAL_STATES} == {
        JobState.SUCCEEDED: set(),
        JobState.CANCELLED: set(),
        JobState.EXPIRED: set(),
        JobState.DEAD: {JobState.QUEUED},
    }


def test_final_says_of_every_state_what_the_set_says():
    assert {state for state in JobState if state.final} == FINAL_STATES


def test_from_every_state_that_is_not_final_an_end_can_be_reached():
    for start in set(JobState) - FINAL_STATES:
        assert _reachable(start) & FINAL_STATES


def test_every_state_can_be_reached_from_a_submit():
    assert {JobState.SCHEDULED, *_reachable(JobState.SCHEDULED)} == set(JobState)


def test_only_a_queued_job_can_begin_to_run():
    assert [state for state, targets in TRANSITIONS.items() if JobState.RUNNING in targets] == [JobState.QUEUED]


def test_only_a_running_job_can_succeed_or_die():
    for end in (JobState.SUCCEEDED, JobState.DEAD):
        assert [state for state, targets in TRANSITIONS.items() if end in targets] == [JobState.RUNNING]


def test_words_on_the_wire_are_lower_case_and_said_as_they_are():
    for kind in (words.JobState, words.Outcome, words.Directive, words.FinishStatus, words.AppendStatus, words.LogLevel, words.Aim):
        assert all(member.value == member.name.lower() == str(member) for member in kind)
    assert all(name.value == name.name.lower().replace("_", ".") for name in EventName)


def _reachable(start: JobState) -> set[JobState]:
    found: set[JobState] = set()
    open_ = [start]
    while open_:
        for target in TRANSITIONS[open_.pop()] - found:
            found.add(target)
            open_.append(target)
    return found

"""`gateway.rules.replay`: a proof passes once for as long as it could pass at all, and memory has a bound."""

from contract.limits import PROOF_AGE_MAX_S, PROOF_AHEAD_MAX_S
from gateway.rules.replay import KEPT_S, ReplayMemory, Seen

LONGEST_S = PROOF_AGE_MAX_S + PROOF_AHEAD_MAX_S
"""A proof from the future's edge can be used this long."""


def test_the_second_use_is_a_replay_while_it_could_be_accepted():
    memory = ReplayMemory()
    assert memory.note("k", "j", 0) is Seen.NEW
    assert memory.note("k", "j", LONGEST_S) is Seen.REPLAYED


def test_another_key_may_use_the_same_word():
    memory = ReplayMemory()
    assert [memory.note(key, "j", 0) for key in "ab"] == [Seen.NEW, Seen.NEW]


def test_what_nobody_could_use_any_more_is_forgotten():
    memory = ReplayMemory()
    for number in range(100):
        memory.note("k", str(number), number * KEPT_S)
        assert (len(memory._known), len(memory._order), len(memory._per_key)) == (1, 1, 1)


def test_one_key_cannot_crowd_out_the_others():
    memory = ReplayMemory(kept_max=100, per_key_max=10)
    assert [memory.note("flood", str(number), 0) for number in range(11)].count(Seen.TOO_MANY) == 1
    assert memory.note("other", "j", 0) is Seen.NEW
    assert memory.note("flood", "later", KEPT_S + 1) is Seen.NEW


def test_a_full_memory_lets_nothing_through_rather_than_forget():
    memory = ReplayMemory(kept_max=3)
    for number in range(3):
        memory.note(str(number), "j", 0)
    assert memory.note("3", "j", 1) is Seen.FULL
    assert memory.note("0", "j", 1) is Seen.REPLAYED
    assert memory.note("3", "j", KEPT_S) is Seen.NEW

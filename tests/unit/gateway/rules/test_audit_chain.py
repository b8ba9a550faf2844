"""The audit chain: whatever is done to a written log shows, at the record where it was done."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.audit import (
    DAY_MS,
    GENESIS,
    Anchor,
    Checkpoint,
    Entry,
    Head,
    Start,
    Verdict,
    anchor_holds,
    anchor_text,
    checkpoint_text,
    clock_jump_ms,
    decode,
    encode,
    head_line,
    link,
    prune_before_ms,
    prune_below_seq,
    read_head,
    verify,
)

LENGTH = 12


def chain(length: int = LENGTH) -> list[Entry]:
    entries, prev = [], GENESIS
    for seq in range(1, length + 1):
        body = encode({"event": "test", "number": str(seq)})
        entries.append(Entry(seq, 1_000 * seq, body, prev, link(seq, 1_000 * seq, prev, body)))
        prev = entries[-1].hash
    return entries


def relinked(entries: list[Entry]) -> list[Entry]:
    """The same contents with fresh hashes, as somebody with the file and this source could make them."""
    made, prev = [], GENESIS
    for seq, entry in enumerate(entries, 1):
        made.append(Entry(seq, entry.at_ms, entry.body, prev, link(seq, entry.at_ms, prev, entry.body)))
        prev = made[-1].hash
    return made


def sealed(entries: list[Entry], *seqs: int) -> list[Checkpoint]:
    made = []
    for number, seq in enumerate(seqs, 1):
        head = entries[seq - 1].hash
        made.append(Checkpoint(number, seq, 5, head, b"signed:" + checkpoint_text(number, seq, 5, head)))
    return made


def holds(text: bytes, signature: bytes) -> bool:
    return signature == b"signed:" + text


def seen(entries: list[Entry], seq: int, number: int = 0) -> Head:
    return Head(seq, entries[seq - 1].hash, number)


def judge(entries, checkpoints=(), heads=(), start=None) -> Verdict:
    return verify(entries, list(checkpoints), list(heads), holds, start)


def test_an_untouched_chain_is_whole():
    entries = chain()
    verdict = judge(entries, sealed(entries, 5, LENGTH), [seen(entries, 5, 1), seen(entries, LENGTH, 2), seen(entries, 7)])
    assert (verdict.records, verdict.head, verdict.broken_at) == (LENGTH, entries[-1].hash, None)


def test_an_empty_log_is_whole():
    assert judge([]) == Verdict(1, 0, GENESIS)


@given(at=st.integers(0, LENGTH - 1), what=st.sampled_from(["body", "at_ms", "prev", "hash"]), bit=st.integers(0, 7))
def test_any_changed_field_is_found_where_it_was_changed(at: int, what: str, bit: int):
    entries = chain()
    value = getattr(entries[at], what)
    changed = value ^ (1 << bit) if isinstance(value, int) else bytes([value[0] ^ (1 << bit)]) + value[1:]
    entries[at] = replace(entries[at], **{what: changed})
    verdict = judge(entries)
    assert (verdict.broken_at, verdict.records) == (at + 1, at)


@given(at=st.integers(0, LENGTH - 2))
def test_a_removed_record_is_found(at: int):
    entries = chain()
    del entries[at]
    assert judge(entries).broken_at == at + 1


@given(at=st.integers(0, LENGTH - 2))
def test_two_exchanged_records_are_found(at: int):
    entries = chain()
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    assert judge(entries).broken_at == at + 1


@pytest.mark.parametrize("at", range(LENGTH))
def test_a_tail_that_was_written_anew_does_not_fit_its_checkpoint(at: int):
    entries = chain()
    seals = sealed(entries, LENGTH)
    entries[at] = replace(entries[at], body=encode({"event": "nothing happened"}))
    verdict = judge(relinked(entries), seals)
    assert verdict.broken_at == LENGTH
    assert "rewritten" in (verdict.reason or "")


def test_a_cut_off_end_is_found_by_the_checkpoint_that_was_signed_for_it():
    entries = chain()
    verdict = judge(entries[:-2], sealed(entries, 5, LENGTH))
    assert (verdict.broken_at, verdict.records) == (LENGTH - 1, LENGTH - 2)


def test_a_checkpoint_signed_by_somebody_else_is_none():
    entries = chain()
    forged = [replace(checkpoint, signature=b"forged") for checkpoint in sealed(entries, 7)]
    assert judge(entries, forged).broken_at == 7


@pytest.mark.parametrize(("gone", "broken_at"), [(0, 1), (1, 4)])
def test_a_checkpoint_that_was_taken_out_is_missed(gone: int, broken_at: int):
    entries = chain()
    seals = sealed(entries, 3, 6, 9)
    del seals[gone]
    verdict = judge(entries, seals)
    assert (verdict.broken_at, verdict.reason) == (broken_at, "a checkpoint is missing")


def test_checkpoints_that_were_taken_from_the_end_are_missed_by_who_saw_them():
    entries = chain()
    assert judge(entries, sealed(entries, 3, 6)).broken_at is None
    assert judge(entries, sealed(entries, 3, 6), [seen(entries, 9, 3)]).broken_at == 7
    assert judge(entries, [], [seen(entries, 9, 3)]).broken_at == 1


def test_an_older_copy_put_in_place_is_found_by_who_saw_more():
    entries = chain()
    older = entries[:8]
    seals = sealed(entries, 4, 8)
    assert judge(older, seals).broken_at is None
    verdict = judge(older, seals, [seen(entries, LENGTH)])
    assert (verdict.broken_at, verdict.records) == (9, 8)
    went_on = [*older, *relinked([*older, *chain(20)[15:]])[8:]]
    assert judge(went_on, seals, [seen(entries, LENGTH), seen(entries, 10)]).broken_at == 10


def test_a_reading_may_begin_later_and_says_nothing_of_what_was_before():
    entries = chain()
    start = Start(6, entries[5].hash, 2)
    verdict = judge(entries[6:], sealed(entries, 3, 6, 9)[2:], [Head(5, b"x" * 32, 2)], start)
    assert (verdict.first, verdict.last, verdict.records, verdict.broken_at) == (7, LENGTH, LENGTH - 6, None)
    assert judge(entries[7:], [], [], start).broken_at == 7


@given(seed=st.integers(0, 2**32), writes=st.integers(3, 40))
def test_random_tampering_is_always_found_not_later_than_where_it_was_done(seed: int, writes: int):
    """With a head that was seen from outside, nothing done to records or checkpoints up to it goes unseen."""
    dice = random.Random(seed)
    entries = chain(writes)
    seals = sealed(entries, *sorted(dice.sample(range(1, writes + 1), dice.randint(1, min(4, writes)))), *())
    witness = [seen(entries, seals[-1].seq, seals[-1].number)]
    covered = seals[-1].seq
    changed, changed_seals = list(entries), list(seals)
    at = dice.randrange(covered)
    act = dice.choice(["body", "time", "remove", "swap", "insert", "rewrite", "cut", "unseal", "reseal", "forge tail"])
    stranger = replace(entries[at], body=encode({"event": "nothing", "nonce": str(seed)}))
    match act:
        case "body":
            changed[at] = stranger
        case "time":
            changed[at] = replace(entries[at], at_ms=entries[at].at_ms + dice.randint(1, 10**9))
        case "remove":
            del changed[at]
        case "swap":
            other = (at + 1) % writes
            changed[at], changed[other] = changed[other], changed[at]
        case "insert":
            changed.insert(at, stranger)
        case "rewrite":
            changed[at] = stranger
            changed = relinked(changed)
        case "cut":
            changed = changed[:at]
        case "unseal":
            del changed_seals[dice.randrange(len(seals))]
        case "reseal":
            which = dice.randrange(len(seals))
            changed_seals[which] = replace(seals[which], signature=b"forged")
        case "forge tail":  # records and checkpoints from here on are the stranger's
            changed = relinked([*changed[:at], *(replace(entry, body=stranger.body) for entry in changed[at:])])
            changed_seals = [seal for seal in seals if seal.seq <= at]
    verdict = judge(changed, changed_seals, witness)
    assert verdict.broken_at is not None, act
    assert verdict.broken_at <= max(covered, at + 2), act
    assert verdict.records == verdict.broken_at - 1


class TestHeads:
    def test_a_witness_keeps_a_line_that_is_believed_when_it_is_signed(self):
        entries = chain()
        line = head_line(sealed(entries, 4)[0])
        assert read_head(line, holds) == Head(4, entries[3].hash, 1)
        assert read_head(line.replace(" 1 ", " 2 ", 1), holds) is None

    def test_a_person_notes_number_and_hash(self):
        entries = chain()
        assert read_head(f"4 {entries[3].hash.hex()}", holds) == Head(4, entries[3].hash)

    @pytest.mark.parametrize(
        "line",
        ["", "4", "x y", "4 abcd", "0 " + "00" * 32, "-1 " + "00" * 32, "4 " + "00" * 32 + " 1", "9" * 40 + " " + "00" * 32 + " 1 1 00"],
    )
    def test_anything_else_says_nothing(self, line: str):
        assert read_head(line, holds) is None


class TestTimes:
    @pytest.mark.parametrize(
        ("last", "now", "drift", "jump"),
        [
            (None, 0, 0, 0),
            (10_000, 10_000, 0, 0),
            (10_000, 5_000, 0, 0),
            (10_000, 4_999, 0, -5_001),
            (10_000, 99_000, 5_000, 0),
            (10_000, 99_000, 5_001, 5_001),
            (10_000, 9_000, -6_000, -6_000),
        ],
    )
    def test_a_clock_that_moves_by_itself_is_noticed(self, last: int | None, now: int, drift: int, jump: int):
        assert clock_jump_ms(last, now, drift) == jump

    def test_ninety_whole_days_are_kept(self):
        now = 200 * DAY_MS + 5
        assert prune_before_ms(now) == 110 * DAY_MS
        assert prune_before_ms(now + DAY_MS - 6) == 110 * DAY_MS

    def test_only_what_has_ninety_days_of_checkpoints_after_it_may_go(self):
        days = [(100 + day, day * DAY_MS) for day in range(90, 0, -1)]
        assert prune_below_seq(days) == 101
        assert prune_below_seq(days[:-1]) == 0
        assert prune_below_seq([(seq, DAY_MS) for seq in range(500, 0, -1)]) == 0  # many, but of one day


def test_an_anchor_is_signed_in_all_its_parts():
    anchor = Anchor(5, b"h" * 32, 2, 77, b"signed:" + anchor_text(5, b"h" * 32, 2, 77))
    assert anchor_holds(anchor, holds)
    for changed in (replace(anchor, seq=6), replace(anchor, hash=b"g" * 32), replace(anchor, number=3), replace(anchor, at_ms=78)):
        assert not anchor_holds(changed, holds)


def test_content_is_written_in_one_way_only_and_read_whatever_stands_there():
    assert encode({"b": "é", "a": "1"}) == b'{"a":"1","b":"\\u00e9"}'
    assert decode(encode({"b": "é"})) == {"b": "é"}
    assert decode(b"\xff") == {"unreadable": "ff"}
    assert decode(b"[1]") == {"unreadable": "5b315d"}
    assert decode(b'{"a": {"b": 1}}') == {"a": '{"b": 1}'}

"""The audit chain: whatever is done to a written log shows, at the record where it was done."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.audit import GENESIS, Checkpoint, Entry, encode, link, signed_text, verify

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
    return [Checkpoint(seq, entries[seq - 1].hash, b"signed:" + signed_text(seq, entries[seq - 1].hash)) for seq in seqs]


def holds(text: bytes, signature: bytes) -> bool:
    return signature == b"signed:" + text


def test_an_untouched_chain_is_whole():
    entries = chain()
    verdict = verify(entries, sealed(entries, 5, LENGTH), holds)
    assert (verdict.records, verdict.head, verdict.broken_at) == (LENGTH, entries[-1].hash, None)


def test_an_empty_log_is_whole():
    assert verify([], [], holds).head == GENESIS


@given(at=st.integers(0, LENGTH - 1), what=st.sampled_from(["body", "at_ms", "prev", "hash"]), bit=st.integers(0, 7))
def test_any_changed_field_is_found_where_it_was_changed(at: int, what: str, bit: int):
    entries = chain()
    value = getattr(entries[at], what)
    changed = value ^ (1 << bit) if isinstance(value, int) else bytes([value[0] ^ (1 << bit)]) + value[1:]
    entries[at] = replace(entries[at], **{what: changed})
    assert verify(entries, [], holds).broken_at == at + 1


@given(at=st.integers(0, LENGTH - 2))
def test_a_removed_record_is_found(at: int):
    entries = chain()
    del entries[at]
    assert verify(entries, [], holds).broken_at == at + 1


@given(at=st.integers(0, LENGTH - 2))
def test_two_exchanged_records_are_found(at: int):
    entries = chain()
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    assert verify(entries, [], holds).broken_at == at + 1


@pytest.mark.parametrize("at", range(LENGTH))
def test_a_tail_that_was_written_anew_does_not_fit_its_checkpoint(at: int):
    entries = chain()
    seals = sealed(entries, LENGTH)
    entries[at] = replace(entries[at], body=encode({"event": "nothing happened"}))
    verdict = verify(relinked(entries), seals, holds)
    assert verdict.broken_at == LENGTH
    assert "rewritten" in (verdict.reason or "")


def test_a_cut_off_end_is_found_by_the_checkpoint_that_was_signed_for_it():
    entries = chain()
    verdict = verify(entries[:-2], sealed(entries, 5, LENGTH), holds)
    assert (verdict.broken_at, verdict.records) == (LENGTH - 1, LENGTH - 2)


def test_a_checkpoint_signed_by_somebody_else_is_none():
    entries = chain()
    forged = [replace(checkpoint, signature=b"forged") for checkpoint in sealed(entries, 7)]
    assert verify(entries, forged, holds).broken_at == 7


def test_content_is_written_in_one_way_only():
    assert encode({"b": "é", "a": "1"}) == b'{"a":"1","b":"\\u00e9"}'

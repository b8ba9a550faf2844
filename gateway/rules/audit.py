"""The chain of the audit log: how a record is bound to everything before it, and how a break is found (security reference §6)."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

GENESIS = bytes(32)
"""What the first record names as its predecessor."""
_DOMAIN = b"flowork-audit-v1\0"
_HEAD = b"flowork-audit-head-v1\0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it lies in the file."""

    seq: int
    at_ms: int
    body: bytes
    prev: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed word on the chain: record `seq` had this hash."""

    seq: int
    hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reading of the whole chain found."""

    records: int
    head: bytes
    broken_at: int | None = None
    """The first record that is not what was written; None when all are."""
    reason: str | None = None


def encode(fields: Mapping[str, str]) -> bytes:
    """The one way a record's content is written: JSON, names sorted, ASCII."""
    return json.dumps(dict(fields), sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


def link(seq: int, at_ms: int, prev: bytes, body: bytes) -> bytes:
    """The hash that binds a record to its place, its time, its content and its predecessor."""
    return hashlib.sha256(_DOMAIN + seq.to_bytes(8) + at_ms.to_bytes(8) + prev + hashlib.sha256(body).digest()).digest()


def signed_text(seq: int, head: bytes) -> bytes:
    """What a checkpoint signs."""
    return _HEAD + seq.to_bytes(8) + head


def verify(entries: Iterable[Entry], checkpoints: Iterable[Checkpoint], signature_holds: Callable[[bytes, bytes], bool]) -> Verdict:
    """Walk the chain from its beginning; `signature_holds(text, signature)` judges checkpoints."""
    head, count = GENESIS, 0
    promised = {checkpoint.seq: checkpoint for checkpoint in checkpoints}
    for entry in entries:
        count += 1
        if entry.seq != count:
            return Verdict(count - 1, head, count, "a record is missing")
        if entry.prev != head or entry.hash != link(entry.seq, entry.at_ms, entry.prev, entry.body):
            return Verdict(count - 1, head, count, "a record was changed")
        head = entry.hash
        checkpoint = promised.pop(count, None)
        if checkpoint is None:
            continue
        if checkpoint.hash != head or not signature_holds(signed_text(count, head), checkpoint.signature):
            return Verdict(count - 1, head, count, "the chain was rewritten: it does not fit its signed checkpoint")
    if promised:
        return Verdict(count, head, count + 1, f"the end was cut off: a checkpoint was signed for record {min(promised)}")
    return Verdict(count, head)

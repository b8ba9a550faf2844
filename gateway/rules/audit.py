"""The chain of the audit log: how a record is bound to everything before it, and how a break is found (security reference §6)."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = bytes(32)
"""What the first record names as its predecessor."""
DAY_MS: Final = 86_400_000
KEEP_DAYS: Final = 90
JUMP_MS: Final = 5000
"""A clock that moves this far by itself is written down."""
_RECORD: Final = b"flowork-audit-v1\0"
_CHECKPOINT: Final = b"flowork-audit-checkpoint-v1\0"
_ANCHOR: Final = b"flowork-audit-prune-v1\0"
_EXPORT: Final = b"flowork-audit-export-v1\0"

Holds = Callable[[bytes, bytes], bool]
"""`holds(text, signature)`: was this signed by the audit key?"""


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
    """A signed word on the chain: record `seq` had this hash. Numbered without gaps, so that a removed one is missed."""

    number: int
    seq: int
    at_ms: int
    hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """A signed word on what was pruned: everything to record `seq`, which had this hash, and to checkpoint `number`."""

    seq: int
    hash: bytes
    number: int
    at_ms: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """What somebody outside the file has seen: record `seq` with this hash, and checkpoint `number` if it was one."""

    seq: int
    hash: bytes
    number: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Where a reading begins: after this record and this checkpoint."""

    seq: int = 0
    hash: bytes = GENESIS
    number: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reading of the chain found."""

    first: int
    """The number of the first record that was read; one more than `last` when there was none."""
    last: int
    """The last record that is as it was written."""
    head: bytes
    """Its hash; zeros when something is wrong."""
    broken_at: int | None = None
    """The first record that is not what was written, or is missing; None when all are."""
    reason: str | None = None

    @property
    def records(self) -> int:
        """How many were read and good."""
        return self.last - self.first + 1


def encode(fields: Mapping[str, Any]) -> bytes:
    """The one way a record's content is written: JSON, names sorted, ASCII."""
    return json.dumps(dict(fields), sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


def decode(body: bytes) -> dict[str, str]:
    """A record's content; what a stranger wrote there is shown as it is."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return {"unreadable": body.hex()}
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def link(seq: int, at_ms: int, prev: bytes, body: bytes) -> bytes:
    """The hash that binds a record to its place, its time, its content and its predecessor."""
    return hashlib.sha256(_RECORD + seq.to_bytes(8) + at_ms.to_bytes(8) + prev + hashlib.sha256(body).digest()).digest()


def checkpoint_text(number: int, seq: int, at_ms: int, head: bytes) -> bytes:
    """What a checkpoint signs."""
    return _CHECKPOINT + number.to_bytes(8) + seq.to_bytes(8) + at_ms.to_bytes(8) + head


def anchor_text(seq: int, head: bytes, number: int, at_ms: int) -> bytes:
    """What a prune anchor signs."""
    return _ANCHOR + seq.to_bytes(8) + number.to_bytes(8) + at_ms.to_bytes(8) + head


def export_text(first: int, last: int, head: bytes, digest: bytes) -> bytes:
    """What the last line of an export signs; `digest` is the SHA-256 of all lines before it."""
    return _EXPORT + first.to_bytes(8) + last.to_bytes(8) + head + digest


def head_line(checkpoint: Checkpoint) -> str:
    """A checkpoint as a witness keeps it."""
    return f"{checkpoint.seq} {checkpoint.hash.hex()} {checkpoint.number} {checkpoint.at_ms} {checkpoint.signature.hex()}"


def read_head(line: str, holds: Holds) -> Head | None:
    """A witness's line, or its first two words (`SEQ HASH`) as a person notes them; None when it says nothing that can be believed."""
    words = line.split()
    try:
        numbers = [int(word) for word in (*words[:1], *words[2:4])]
        head = bytes.fromhex(words[1])
        signature = bytes.fromhex(words[4]) if len(words) == 5 else b""
        if len(words) not in {2, 5} or len(head) != len(GENESIS) or numbers[0] < 1:
            return None
        if len(words) == 2:
            return Head(numbers[0], head)
        seq, number, at_ms = numbers
        return Head(seq, head, number) if holds(checkpoint_text(number, seq, at_ms, head), signature) else None
    except (ValueError, IndexError, OverflowError):
        return None


def anchor_holds(anchor: Anchor, holds: Holds) -> bool:
    """Was this prune signed by us?"""
    return holds(anchor_text(anchor.seq, anchor.hash, anchor.number, anchor.at_ms), anchor.signature)


def verify(
    entries: Iterable[Entry], checkpoints: Sequence[Checkpoint], heads: Sequence[Head], holds: Holds, start: Start | None = None
) -> Verdict:
    """Walk the chain from `start`, and hold it against its checkpoints and against what was seen from outside.

    Heads before `start` say nothing. The verdict names the first record that is wrong, whatever else is.
    """
    start = start or Start()
    promised: dict[int, list[bytes]] = defaultdict(list)
    for seq, told in [(one.seq, one.hash) for one in checkpoints] + [(one.seq, one.hash) for one in heads]:
        promised[seq].append(told)
    verdict = _walk(entries, promised, start)
    breaks = [verdict, *_missing(checkpoints, heads, holds, start, verdict)]
    return min(breaks, key=lambda one: one.broken_at or verdict.last + 2)


def _walk(entries: Iterable[Entry], promised: Mapping[int, Sequence[bytes]], start: Start) -> Verdict:
    first, last, head = start.seq + 1, start.seq, start.hash

    def broken(reason: str) -> Verdict:
        return Verdict(first, last, GENESIS, last + 1, reason)

    for entry in entries:
        if entry.seq != last + 1:
            return broken("a record is missing")
        if entry.prev != head or entry.hash != link(entry.seq, entry.at_ms, entry.prev, entry.body):
            return broken("a record was changed")
        if any(told != entry.hash for told in promised.get(entry.seq, ())):
            return broken("the chain was rewritten: it does not fit what was signed and seen of it before")
        last, head = entry.seq, entry.hash
    beyond = [seq for seq in promised if seq > last]
    if beyond:
        return broken(f"the end was cut off, or an older copy was put in place: record {max(beyond)} was signed or seen before")
    return Verdict(first, last, head)


def _missing(checkpoints: Sequence[Checkpoint], heads: Sequence[Head], holds: Holds, start: Start, walked: Verdict) -> list[Verdict]:
    """What is wrong with the checkpoints themselves."""
    found: list[Verdict] = []

    def broken(at: int, reason: str) -> None:
        found.append(Verdict(walked.first, min(at - 1, walked.last), GENESIS, at, reason))

    number, covered = start.number, start.seq
    for checkpoint in checkpoints:
        if checkpoint.number != number + 1:
            broken(covered + 1, "a checkpoint is missing")
            break
        number = checkpoint.number
        text = checkpoint_text(checkpoint.number, checkpoint.seq, checkpoint.at_ms, checkpoint.hash)
        if not holds(text, checkpoint.signature):
            broken(checkpoint.seq, "a checkpoint was not signed by this gateway")
            break
        covered = checkpoint.seq
    else:
        if walked.broken_at is None and any(head.number > number and head.seq > start.seq for head in heads):
            broken(covered + 1, "a checkpoint is missing that was seen before")
    return found


def clock_jump_ms(last_at_ms: int | None, now_ms: int, drift_ms: int) -> int:
    """How far the clock moved by itself: against the newest record, or against the steady clock since then; 0 when it did not."""
    if last_at_ms is not None and now_ms < last_at_ms - JUMP_MS:
        return now_ms - last_at_ms
    return drift_ms if abs(drift_ms) > JUMP_MS else 0


def day_of(at_ms: int) -> int:
    """The UTC day, counted from 1970."""
    return at_ms // DAY_MS


def prune_before_ms(now_ms: int) -> int:
    """Records of earlier times are older than 90 whole days."""
    return (day_of(now_ms) - KEEP_DAYS) * DAY_MS


def prune_below_seq(newest_first: Iterable[tuple[int, int]]) -> int:
    """Records below this number have 90 days of checkpoints after them; 0 when none has.

    A clock alone is not believed: set ten years ahead, it would empty the log. Days of which checkpoints tell cannot be had
    in a moment.

    Args:
        newest_first: (record, time in ms) of the checkpoints.
    """
    days: set[int] = set()
    for seq, at_ms in newest_first:
        days.add(day_of(at_ms))
        if len(days) == KEEP_DAYS:
            return seq
    return 0

"""Time-ordered UUIDs (RFC 9562 §5.7)."""

from collections.abc import Callable
from uuid import UUID


def uuid7(wall_us: int, random_bytes: Callable[[int], bytes]) -> UUID:
    """A version 7 UUID: 48 bits of milliseconds, 12 bits of the sub-millisecond part, 62 random bits."""
    milliseconds, micros = divmod(wall_us, 1000)
    fraction = micros * 4096 // 1000
    tail = int.from_bytes(random_bytes(8)) & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail)

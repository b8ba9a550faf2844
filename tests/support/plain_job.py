"""As much of a job as a tool's call reads, with the calls that were made around it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.rules.kinds import Value
from tests.support.fake_link import TRACE


class PlainJob:
    """`calls`: name and attributes of each call, with how it ended under `error`."""

    traceparent = TRACE

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    @contextmanager
    def call(self, name: str, attributes: Mapping[str, Value]) -> Iterator["PlainJob"]:
        """One call."""
        self.calls.append({"name": name, **attributes})
        try:
            yield self
        except BaseException as error:
            self.calls[-1]["error"] = getattr(error, "code", type(error).__name__)
            raise

    def tell(self, attributes: Mapping[str, Value]) -> None:
        """More about it."""
        self.calls[-1].update(attributes)

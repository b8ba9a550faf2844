"""Kinds of installed packages: entry points `flowork.kinds`, loaded only where the owner named them."""

from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import TypeAdapter, ValidationError

from contract.kinds import KINDS
from contract.wire import Word
from engine.rules.kinds import Kind
from engine.tools.schemas import Schemas
from kit.logs import Log

log = Log("engine.tools")
GROUP = "flowork.kinds"


class NotAKind(Exception):
    """What an entry point gives cannot be served; the message says why."""


def extra_kinds(names: Sequence[str]) -> list[Kind]:
    """The kinds behind the named entry points. One that is missing or broken is told in the log, and the others are served."""
    found: dict[str, Kind] = {}
    known = {point.name: point for point in entry_points(group=GROUP)} if names else {}
    for name in names:
        try:
            for kind in _loaded(name, known.get(name)):
                if kind.name in found:
                    raise NotAKind(f"the kind {kind.name} is there already")
                found[kind.name] = kind
        except NotAKind as error:
            log.error("kinds.not_loaded", name=name, reason=str(error))
        except Exception as error:
            log.error("kinds.not_loaded", exc_info=error, name=name, reason=type(error).__name__)
    return list(found.values())


def _loaded(name: str, point: EntryPoint | None) -> list[Kind]:
    if point is None:
        raise NotAKind(f"no installed package has an entry point {name!r} of the group {GROUP}")
    given = point.load()
    kinds = [given] if isinstance(given, Kind) else list(given) if isinstance(given, Iterable) else []
    if not kinds:
        raise NotAKind("it gives neither a Kind nor a list of them")
    return [_checked(kind) for kind in kinds]


def _checked(kind: Any) -> Kind:
    if not isinstance(kind, Kind):
        raise NotAKind(f"it gives a {type(kind).__name__}, which is no Kind")
    try:
        TypeAdapter(Word).validate_python(kind.name)
    except ValidationError as error:
        raise NotAKind("a kind's name is a word in lower case") from error
    if kind.name in KINDS:
        raise NotAKind(f"{kind.name} is a kind of Flowork's own")
    if kind.payload is not None and (wrong := Schemas().fault(kind.payload)):
        raise NotAKind(f"its payload is {wrong}")
    return kind

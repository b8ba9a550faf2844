"""What an instance is told, when several things are wanted of it at once."""

from collections.abc import Iterable

from contract.words import Directive, DrainState

PRECEDENCE = (Directive.STOP, Directive.DRAIN, Directive.ROTATE, Directive.RUN)
OF_STATE = {DrainState.RUN: Directive.RUN, DrainState.DRAIN: Directive.DRAIN, DrainState.STOP: Directive.STOP}


def strictest(wanted: Iterable[Directive]) -> Directive:
    """Stop before drain before rotate before run; `run` when nothing is wanted."""
    return min(wanted, key=PRECEDENCE.index, default=Directive.RUN)


def strictest_state(wanted: Iterable[DrainState]) -> DrainState:
    """The same, as the owner sees it."""
    return max(wanted, key=list(DrainState).index, default=DrainState.RUN)

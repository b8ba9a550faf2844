"""What decides which work is taken in: offers, grants, budgets, and the keys of programs."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.operations.admission import Admission
from gateway.operations.api_keys import ApiKeys
from gateway.operations.audit import Audit
from gateway.operations.budgets import Budgets
from gateway.operations.change import Change
from gateway.operations.choosing import Choosing
from gateway.operations.drain import Drain
from gateway.operations.face import Face
from gateway.operations.fanout import LocalFanout
from gateway.operations.fitness import Fitness
from gateway.operations.following import Following
from gateway.operations.kinds import Kinds
from gateway.operations.offers import Offers
from gateway.operations.presence import Presence
from gateway.operations.sessions import Sessions
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.operations.submit import Submit
from gateway.operations.watch import Watch
from gateway.store.control import Control
from gateway.store.directory import ShardDirectory
from gateway.store.people import People
from gateway.telemetry.signals import Listener
from kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Work:
    """Everything of it, loaded."""

    offers: Offers
    kinds: Kinds
    budgets: Budgets
    fitness: Fitness
    api_keys: ApiKeys
    following: Following


@dataclass(frozen=True, slots=True)
class Acts:
    """What people and programs do with jobs."""

    submit: Submit
    watch: Watch
    change: Change
    face: Face


async def work(
    control: Control,
    shards: ShardDirectory,
    sources: Sources,
    sharing: Sharing,
    sessions: Sessions,
    presence: Presence,
    audit: Audit,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    fanout: LocalFanout,
) -> Work:
    """Build and load it."""
    offers, following = Offers(presence), Following()
    fanout.listen(following.heard)
    kinds = Kinds(control.grants, sources, sharing, offers, audit)
    await kinds.load()
    budgets = Budgets(control.budgets, shards, sources, sessions.user, audit, clock)
    await budgets.load()
    api_keys = ApiKeys(control.api_keys, sessions, sharing, audit, clock, random_bytes, following.nudge)
    await api_keys.load()
    return Work(offers, kinds, budgets, Fitness(kinds, budgets, presence), api_keys, following)


def acts(
    wanted: Work,
    control: Control,
    shards: ShardDirectory,
    sources: Sources,
    sharing: Sharing,
    presence: Presence,
    people: People,
    admission: Admission,
    drain: Drain,
    fanout: LocalFanout,
    clock: Clock,
    listener: Listener,
) -> Acts:
    """Build them."""
    stopped = lambda engine: drain.draining(engine) is not None  # noqa: E731
    choosing = Choosing(shards, sharing, presence, clock, admission, stopped, control.choices, wanted.kinds.may)
    watch = Watch(shards, sources, sharing, fanout, people)
    submit = Submit(shards, sources, sharing, presence, clock, admission, drain.draining, choosing, wanted.fitness.mistake, listener)
    change = Change(shards, sources, sharing, watch, wanted.fitness.may_run)
    return Acts(submit, watch, change, Face(submit, watch, change, wanted.following, wanted.kinds, wanted.api_keys.stands))

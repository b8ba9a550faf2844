"""Choosing the engine of a submit that leaves it open, once for each key."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from contract import limits
from contract.errors import FloworkError, KindUnserved, ShardUnavailable
from gateway.operations.admission import Admission
from gateway.operations.presence import Instance, Presence
from gateway.operations.sharing import Sharing
from gateway.rules.choice import Candidate, choose
from gateway.store.choices import Choices
from gateway.store.directory import ShardDirectory
from kit.clock import SECOND, Clock


@dataclass(slots=True)
class Choosing:
    """The act of choosing; `draining` tells whether an engine takes no new jobs."""

    directory: ShardDirectory
    sharing: Sharing
    presence: Presence
    clock: Clock
    admission: Admission
    draining: Callable[[str], bool]
    choices: Choices
    may: Callable[[str, str, str], bool] = lambda _user, _engine, _kind: True
    """Whether a user may submit a kind to an engine."""

    async def engines(self, user: str, asked: Sequence[tuple[str, str]]) -> dict[str, str | FloworkError]:
        """Choose for each (key, kind); engine ids by key, or why there is none.

        A key's choice is durable before anything is submitted, and is kept for as long as the key may be known in that
        engine's queue: a repetition goes there, whatever changed since, and finds it.
        """
        found: dict[str, str | FloworkError] = {}
        chosen = await self.choices.known(user, [key for key, _ in asked])
        fresh = [(key, kind) for key, kind in asked if key not in chosen]
        if fresh:
            candidates, unavailable = await self._candidates(user)
            for key, kind in fresh:
                best = choose(list(candidates.values()), kind)
                if best is None:
                    found[key] = unavailable or KindUnserved(f"No engine that you may use serves {kind!r}. Check the spelling.")
                elif key not in chosen:
                    chosen[key] = best.engine
                    candidates[best.engine] = replace(best, load=best.load.with_one_more())
        if chosen:
            now = self.clock.now().wall
            found |= await self.choices.keep(user, chosen, now, now + limits.IDEMPOTENCY_KEEP_S * SECOND)
        return found

    async def _candidates(self, user: str) -> tuple[dict[str, Candidate], ShardUnavailable | None]:
        """The engines whose queue can be asked, by id; and what became of one that cannot."""
        candidates: dict[str, Candidate] = {}
        unavailable = None
        for row in self.sharing.runnable(user):
            try:
                async with self.directory.use(row.id) as store:
                    load = await store.load(user)
            except ShardUnavailable as error:
                unavailable = error
                continue
            heard = self.presence.of(row.id)
            candidates[row.id] = Candidate(
                engine=row.id,
                load=load,
                limits=self.admission.limits(row.id, draining=self.draining(row.id)),
                serving=self._allowed(user, row.id, self.presence.up(row.id)),
                known=self._allowed(user, row.id, heard),
                heard=bool(heard),
            )
        return candidates, unavailable

    def _allowed(self, user: str, engine: str, instances: Iterable[Instance]) -> frozenset[str]:
        kinds = {kind for instance in instances for kind in instance.announce.kinds}
        return frozenset(kind for kind in kinds if self.may(user, engine, kind))

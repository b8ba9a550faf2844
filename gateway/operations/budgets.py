"""What users took of providers today, and how much they may: read off the queues, which count it with the end of each attempt."""

from collections.abc import Callable
from dataclasses import dataclass, field

from contract.errors import BudgetExhausted, ShardUnavailable
from contract.people import Budget, Spent
from gateway.operations.audit import Audit
from gateway.operations.sources import Sources
from gateway.rules.spending import BUDGETED, NOTHING, Limit, Taken, day_of, exhausted, seconds_left
from gateway.store.budgets import BudgetRows
from gateway.store.directory import ShardDirectory
from gateway.store.people import UserRow
from kit.clock import Clock


@dataclass(slots=True)
class Budgets:
    """The budgets, all in memory: this process is their only writer. `find` gives a user by id or name, or raises UserUnknown."""

    store: BudgetRows
    directory: ShardDirectory
    sources: Sources
    find: Callable[[str], UserRow]
    audit: Audit
    clock: Clock
    _limits: dict[str, Limit] = field(default_factory=dict)

    async def load(self) -> None:
        """Read what is kept."""
        self._limits = await self.store.all()

    async def check(self, user: str, kind: str) -> None:
        """See that a user's budget has something left for a kind.

        Raises:
            BudgetExhausted: told with the time until midnight UTC.
        """
        limit = self._limits.get(user)
        if limit is None or kind not in BUDGETED:
            return
        if exhausted(await self.taken_today(user), limit):
            raise BudgetExhausted(retry_after_s=seconds_left(self.clock.now().wall))

    async def taken_today(self, user: str) -> Taken:
        """Over all engines; a queue that cannot be opened tells nothing, and works for nobody either."""
        day, whole = day_of(self.clock.now().wall), NOTHING
        for engine in self.sources.of(user):
            try:
                async with self.directory.use(engine) as store:
                    whole += await store.spent(user, day)
            except ShardUnavailable:
                continue
        return whole

    async def spent(self, user: str) -> Spent:
        """The same, for people."""
        taken = await self.taken_today(user)
        return Spent(input_tokens=taken.input_tokens, output_tokens=taken.output_tokens, cost_micros=taken.cost_micros or 0)

    def of(self, user: str) -> Budget | None:
        """A user's budget."""
        limit = self._limits.get(user)
        return None if limit is None else Budget(cost_micros=limit.cost_micros, tokens=limit.tokens)

    async def put(self, who: str, cost_micros: int | None, tokens: int | None, actor: str) -> UserRow:
        """Set a user's budget; without both there is none any more.

        Raises:
            UserUnknown, AuditUnavailable.
        """
        user = self.find(who)
        limit = None if cost_micros is None and tokens is None else Limit(cost_micros, tokens)
        told = {name: str(value) for name, value in (("cost_micros", cost_micros), ("tokens", tokens)) if value is not None}
        await self.audit.note("user.budget", actor, user.id, **told)
        await self.store.put(user.id, limit)
        if limit is None:
            self._limits.pop(user.id, None)
        else:
            self._limits[user.id] = limit
        return user

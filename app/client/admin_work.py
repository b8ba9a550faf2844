"""The owner's side, work: who may submit which kinds, and what users may take of providers."""

from abc import abstractmethod
from urllib.parse import quote

from pydantic import BaseModel

from app.client.answers import A
from contract.offers import Grant, GrantList, GrantPut
from contract.people import BudgetPut, User
from contract.words import Role, Scope


class WorkCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    @abstractmethod
    async def _call(self, scope: Scope, method: str, path: str, model: type[A], asked: BaseModel | None = None) -> A:
        """One call with a token of that scope."""

    async def grants(self, engine: str) -> GrantList:
        """Which role may submit which kind."""
        return await self._call(Scope.ENGINES_READ, "GET", f"/engines/{quote(engine, safe='')}/grants", GrantList)

    async def allow_kind(self, engine: str, kind: str, role: Role | None) -> Grant:
        """Say which role may submit a kind; None: nobody."""
        path = f"/engines/{quote(engine, safe='')}/grants/{quote(kind, safe='')}"
        return await self._call(Scope.ENGINES_SHARE, "PUT", path, Grant, GrantPut.model_validate({"role": role}))

    async def put_budget(self, user: str, cost_micros: int | None, tokens: int | None) -> User:
        """Set what a user may take in a day; without both there is no limit."""
        asked = BudgetPut(cost_micros=cost_micros, tokens=tokens)
        return await self._call(Scope.USERS_BUDGET, "PUT", f"/users/{quote(user, safe='')}/budget", User, asked)

"""The owner's side: draining and rollouts."""

from abc import abstractmethod
from urllib.parse import quote

from pydantic import BaseModel

from app.client.answers import A, Nothing
from contract.drain import DrainChange, Drains, DrainTarget, RolloutList, RolloutPromote, RolloutStart, RolloutView
from contract.words import DrainState, Scope


class DrainCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    @abstractmethod
    async def _call(self, scope: Scope, method: str, path: str, model: type[A], asked: BaseModel | None = None) -> A:
        """One call with a token of that scope."""

    async def drains(self) -> Drains:
        """What takes new jobs."""
        return await self._call(Scope.STATUS_READ, "GET", "/drain", Drains)

    async def change_drain(self, target: DrainTarget, state: DrainState) -> Drains:
        """Let something run, drain or stop."""
        return await self._call(Scope.QUEUE_DRAIN, "POST", "/drain", Drains, DrainChange(target=target, state=state))

    async def publish(self, engine: str, *, public: bool) -> None:
        """Show an engine in the public status, or no longer."""
        await self._call(Scope.ENGINES_SHARE, "PUT" if public else "DELETE", f"{_engine(engine)}/public", Nothing)

    async def rollouts(self) -> RolloutList:
        """The latest rollout of every engine that had one."""
        return await self._call(Scope.STATUS_READ, "GET", "/rollouts", RolloutList)

    async def start_rollout(self, engine: str, version: str, percent: int | None = None) -> RolloutView:
        """Try a version on the instances that announce it."""
        asked = RolloutStart(version=version, percent=percent)
        return await self._call(Scope.ENGINES_ROLLOUT, "POST", f"{_engine(engine)}/rollout", RolloutView, asked)

    async def promote_rollout(self, engine: str, *, stop_old: bool = False) -> RolloutView:
        """Make the version that is tried the engine's."""
        asked = RolloutPromote(stop_old=stop_old)
        return await self._call(Scope.ENGINES_ROLLOUT, "POST", f"{_engine(engine)}/rollout/promote", RolloutView, asked)

    async def roll_back(self, engine: str) -> RolloutView:
        """End a rollout: its canaries stop, and its version gets no jobs."""
        return await self._call(Scope.ENGINES_ROLLOUT, "POST", f"{_engine(engine)}/rollout/rollback", RolloutView)


def _engine(name: str) -> str:
    return f"/engines/{quote(name, safe='')}"

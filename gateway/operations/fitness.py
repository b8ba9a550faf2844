"""Whether a draft is one that its engine can do for its user: kind, grant, payload, model, budget, in this order."""

import asyncio
from dataclasses import dataclass

from contract.errors import FloworkError, KindUnserved, ModelUnknown
from contract.jobs import JobDraft
from contract.kinds import KINDS
from gateway.operations.budgets import Budgets
from gateway.operations.kinds import Kinds
from gateway.operations.presence import Presence
from gateway.rules.payloads import MODELLED, check, check_known

NAMED_MAX = 20


@dataclass(slots=True)
class Fitness:
    """The look at a draft before it goes to its queue."""

    kinds: Kinds
    budgets: Budgets
    presence: Presence

    async def mistake(self, user: str, engine: str, draft: JobDraft) -> FloworkError | None:
        """Why a draft cannot be taken, if it cannot. A key that is known is answered in any case, so nothing is raised here."""
        try:
            self._served(engine, draft.kind)
            self.kinds.check(user, engine, draft.kind)
            await self._payload(engine, draft)
            self._model(engine, draft)
            await self.budgets.check(user, draft.kind)
        except FloworkError as error:
            return error
        return None

    async def may_run(self, user: str, engine: str, kind: str) -> None:
        """See that a user may still have a job of theirs run.

        Raises:
            KindNotAllowed, BudgetExhausted.
        """
        self.kinds.check(user, engine, kind)
        await self.budgets.check(user, kind)

    def _served(self, engine: str, kind: str) -> None:
        """A kind that no instance ever announced is a mistake, unless no instance was heard yet since the start."""
        instances = self.presence.of(engine)
        if instances and not any(kind in instance.announce.kinds for instance in instances):
            raise KindUnserved(f"No known instance of this engine serves {kind!r}. Check the spelling, or allow it on the engine.")

    async def _payload(self, engine: str, draft: JobDraft) -> None:
        if draft.kind in KINDS:
            check_known(draft.kind, draft.payload)
            return
        validator = self.kinds.offers.schema(engine, draft.kind)
        if validator is not None:  # in a thread: somebody else's schema may take its time
            await asyncio.to_thread(check, validator, draft.payload)

    def _model(self, engine: str, draft: JobDraft) -> None:
        if draft.kind not in MODELLED or not isinstance(draft.payload, dict):
            return
        models = self.kinds.offers.models(engine, draft.kind)
        if models is not None and draft.payload["model"] not in models:
            more = "" if len(models) <= NAMED_MAX else f" and {len(models) - NAMED_MAX} more"
            names = ", ".join(models[:NAMED_MAX]) + more if models else "none"
            raise ModelUnknown(f"This engine's models for {draft.kind}: {names}.", param="model")

"""The owner's side, metrics: who may read them."""

from abc import abstractmethod
from urllib.parse import quote

from pydantic import BaseModel

from app.client.answers import A, Nothing
from contract.metrics import MetricsTokenAdd, MetricsTokenList, MetricsTokenMade
from contract.words import Scope


class MetricsCalls:
    """Part of `AdminClient`. Every call raises FloworkError."""

    @abstractmethod
    async def _call(self, scope: Scope, method: str, path: str, model: type[A], asked: BaseModel | None = None) -> A:
        """One call with a token of that scope."""

    async def add_metrics_token(self, name: str) -> MetricsTokenMade:
        """Make a token that reads the metrics."""
        return await self._call(Scope.METRICS_TOKENS, "POST", "/metrics-tokens", MetricsTokenMade, MetricsTokenAdd(name=name))

    async def metrics_tokens(self) -> MetricsTokenList:
        """Who may read the metrics."""
        return await self._call(Scope.METRICS_TOKENS, "GET", "/metrics-tokens", MetricsTokenList)

    async def revoke_metrics_token(self, name: str) -> None:
        """End one."""
        await self._call(Scope.METRICS_TOKENS, "DELETE", f"/metrics-tokens/{quote(name, safe='')}", Nothing)

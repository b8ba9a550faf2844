"""Who may read the metrics: tokens that read them and nothing else (protocol §3)."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from contract.errors import MetricsTokenInvalid, MetricsTokenTaken, MetricsTokenUnknown
from contract.metrics import MetricsToken, MetricsTokenMade
from contract.opaque_token import mint, parse
from gateway.operations.audit import Audit
from gateway.store.metrics_tokens import MetricsTokenRow, MetricsTokens
from kit.clock import Clock, rfc3339

KIND = "m"


@dataclass(slots=True)
class MetricsAccess:
    """The tokens, all in memory: they are few, and asked for at every scrape."""

    store: MetricsTokens
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]
    _known: dict[str, MetricsTokenRow] = field(default_factory=dict)

    async def load(self) -> None:
        """Read what is kept."""
        self._known = {row.id: row for row in await self.store.all()}

    def check(self, authorization: str | None) -> None:
        """Let an `Authorization` header pass.

        Raises:
            MetricsTokenInvalid: it is missing, no token of this kind, or not one of ours.
        """
        scheme, _, text = (authorization or "").partition(" ")
        token = parse(KIND, text.strip()) if scheme.lower() == "bearer" else None
        known = None if token is None else self._known.get(token.id)
        if token is None or known is None or not hmac.compare_digest(known.digest, token.digest):
            raise MetricsTokenInvalid

    def tokens(self) -> list[MetricsToken]:
        """Oldest first."""
        return [MetricsToken(name=row.name, id=row.id, added_at=rfc3339(row.added_at)) for row in self._known.values()]

    async def add(self, name: str, actor: str) -> MetricsTokenMade:
        """Make a token; its text is told this once.

        Raises:
            MetricsTokenTaken, AuditUnavailable.
        """
        if any(row.name == name for row in self._known.values()):
            raise MetricsTokenTaken
        token = mint(KIND, self.random_bytes)
        row = MetricsTokenRow(token.id, name, token.digest, self.clock.now().wall)
        await self.audit.note("metrics.token_add", actor, name, token=token.id)
        await self.store.add(row)
        self._known[row.id] = row
        return MetricsTokenMade(name=name, id=token.id, added_at=rfc3339(row.added_at), token=token.text)

    async def revoke(self, name: str, actor: str) -> None:
        """End a token by its name, at once.

        Raises:
            MetricsTokenUnknown, AuditUnavailable.
        """
        row = next((row for row in self._known.values() if row.name == name), None)
        if row is None:
            raise MetricsTokenUnknown
        await self.audit.note("metrics.token_revoke", actor, name, token=row.id)
        self._known.pop(row.id, None)  # first here: even if the disk fails now, nobody reads on with it until the next start
        await self.store.remove(row.id)

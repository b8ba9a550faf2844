"""Admin tokens: made over the admin channel only, for named scopes, for fifteen minutes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from contract import limits
from contract.errors import AuthenticationInvalid, AuthenticationMissing, ScopeMissing
from contract.words import Scope
from gateway.crypto.access_token import Tokens
from gateway.operations.audit import Audit
from kit.clock import SECOND, Clock

HARMLESS = frozenset({Scope.STATUS_READ, Scope.USERS_READ, Scope.DEVICES_READ, Scope.ENGINES_READ, Scope.KEYS_READ})
"""Looking on changes nothing: a window that refreshes itself must not fill the audit log."""


@dataclass(slots=True)
class AdminTokens:
    """Those that this process has made; a restart ends them all."""

    tokens: Tokens
    """Signed by a key of this process alone: the owner at the machine is heard also while the vault is locked."""
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]
    _live: dict[str, int] = field(default_factory=dict)

    async def mint(self, scopes: list[Scope]) -> str:
        """A token for these scopes.

        Raises:
            AuditUnavailable.
        """
        now_s = self.clock.now().wall // SECOND
        scope = " ".join(sorted(set(scopes)))
        token, jti = self.tokens.issue("owner", scope, now_s, self.random_bytes, act="local")
        if not all(asked in HARMLESS for asked in scopes):
            await self.audit.note("admin.token", "owner", jti, scope=scope)
        self._live = {known: until for known, until in self._live.items() if until > now_s}
        self._live[jti] = now_s + limits.ADMIN_TOKEN_TTL_S
        return token

    def check(self, token: str | None, scope: Scope) -> None:
        """May the bearer do what needs this scope?

        Raises:
            AuthenticationMissing, AuthenticationInvalid, AuthenticationExpired, ScopeMissing.
        """
        if not token:
            raise AuthenticationMissing("Ask for an admin token first: POST /admin/v1/tokens on this listener.")
        claims = self.tokens.verify(token, self.clock.now().wall / SECOND)
        if claims["jti"] not in self._live:
            raise AuthenticationInvalid
        if scope not in claims["scope"].split(" "):
            raise ScopeMissing(f"This token has no scope {scope}.")

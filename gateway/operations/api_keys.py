"""Personal API keys: for programs that speak OpenAI's wire. A key can do less than its user, never more, and never outlives them."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from contract.api_keys import ApiKey, ApiKeyMade, ApiKeyMake
from contract.errors import ApiKeyInvalid, ApiKeyKindNotAllowed, ApiKeyTaken, ApiKeyUnknown
from contract.opaque_token import mint, parse
from contract.words import UserRole
from gateway.operations.audit import Audit
from gateway.operations.sessions import Principal, Sessions
from gateway.operations.sharing import Sharing
from gateway.store.api_keys import ApiKeyRow, ApiKeyRows
from kit.clock import SECOND, Clock, rfc3339

KIND = "k"
MINUTE_US = 60 * SECOND


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """Who a checked key stands for, and what for."""

    key: str
    user: str
    engine: str
    kinds: frozenset[str]

    def check_kind(self, kind: str) -> None:
        """See that the key is made for a kind.

        Raises:
            ApiKeyKindNotAllowed.
        """
        if kind not in self.kinds:
            raise ApiKeyKindNotAllowed(f"This key is not made for {kind}.")


@dataclass(slots=True)
class ApiKeys:
    """The keys, all in memory: this process is their only writer."""

    store: ApiKeyRows
    sessions: Sessions
    sharing: Sharing
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]
    ended: Callable[[], None]
    """Told that a key has ended, so that whoever works with it looks whether it is theirs."""
    _known: dict[str, ApiKeyRow] = field(default_factory=dict)

    async def load(self) -> None:
        """Read what is kept."""
        self._known = {row.id: row for row in await self.store.all()}

    async def authenticate(self, authorization: str | None) -> ApiCaller:
        """Who sent an `Authorization` header. What its user may do is asked anew by whatever is done with it.

        Raises:
            ApiKeyInvalid: no key, not one of ours, or its user is gone or has no device left. StorageFull, StorageFailed.
        """
        scheme, _, text = (authorization or "").partition(" ")
        token = parse(KIND, text.strip()) if scheme.lower() == "bearer" else None
        row = None if token is None else self._known.get(token.id)
        if token is None or row is None or not hmac.compare_digest(row.digest, token.digest) or not self._stands(row):
            raise ApiKeyInvalid
        await self._note_use(row)
        return ApiCaller(row.id, row.user, row.engine, frozenset(row.kinds))

    def _stands(self, row: ApiKeyRow) -> bool:
        """Somebody whose last device was revoked is locked out; so are their keys."""
        return any(user.id == row.user for user in self.sessions.users()) and bool(self.sessions.devices(row.user))

    def stands(self, key: str) -> bool:
        """Whether a key that was let in, by its id, is still good."""
        row = self._known.get(key)
        return row is not None and self._stands(row)

    async def _note_use(self, row: ApiKeyRow) -> None:
        now = self.clock.now().wall
        minute = now - now % MINUTE_US
        if row.used_at != minute:
            self._known[row.id] = replace(row, used_at=minute)
            await self.store.used(row.id, minute)

    def keys_for(self, caller: Principal) -> list[ApiKey]:
        """One's own, oldest first; the owner sees all."""
        return [_view(row) for row in self._known.values() if self._theirs(row, caller)]

    async def make(self, asked: ApiKeyMake, caller: Principal) -> ApiKeyMade:
        """Make a key for oneself; its text is told this once.

        Raises:
            ApiKeyTaken, AuditUnavailable, EngineUnknown, EngineRoleInsufficient: they may not run jobs there themselves.
        """
        engine, _ = self.sharing.runs(caller.user, asked.engine)
        if any((row.user, row.name) == (caller.user, asked.name) for row in self._known.values()):
            raise ApiKeyTaken
        token = mint(KIND, self.random_bytes)
        kinds = tuple(sorted(set(asked.kinds)))
        row = ApiKeyRow(token.id, asked.name, caller.user, engine.id, kinds, token.digest, self.clock.now().wall)
        await self.audit.note("api_key.make", caller.user, row.id, name=row.name, engine=engine.id, kinds=" ".join(kinds))
        await self.store.add(row)
        self._known[row.id] = row
        return ApiKeyMade(**_view(row).model_dump(), key=token.text)

    async def revoke(self, id_or_name: str, caller: Principal) -> None:
        """End a key at once: one's own by id or name, for the owner anybody's by id.

        Raises:
            ApiKeyUnknown, AuditUnavailable.
        """
        named = (row for row in self._known.values() if row.user == caller.user and row.name == id_or_name)
        row = self._known.get(id_or_name) or next(named, None)
        if row is None or not self._theirs(row, caller):
            raise ApiKeyUnknown
        await self.audit.note("api_key.revoke", caller.user, row.id, name=row.name, user=row.user)
        self._known.pop(row.id, None)  # first here: even if the disk fails now, nobody works on with it until the next start
        self.ended()
        await self.store.remove(row.id)

    def _theirs(self, row: ApiKeyRow, caller: Principal) -> bool:
        return row.user == caller.user or caller.role is UserRole.OWNER


def _view(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        user=row.user,
        engine=row.engine,
        kinds=list(row.kinds),
        added_at=rfc3339(row.added_at),
        used_at=None if row.used_at is None else rfc3339(row.used_at),
    )

"""Sharing: who may use which engine, and the whitelist that tells an engine so (protocol §3)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from contract.admin_engines import MemberView
from contract.engine_link import Whitelist
from contract.errors import EngineRoleInsufficient, EngineUnknown, UserUnknown
from contract.words import Role
from gateway.operations.audit import Audit
from gateway.operations.sources import Sources
from gateway.rules import access
from gateway.store.control import Control, EngineRow
from gateway.store.memberships import Membership
from gateway.store.people import UserRow
from kit.clock import Clock


@dataclass(slots=True)
class Sharing:
    """A cache over control.db: this process is its only writer.

    `is_owner` tells of a user id whether that user manages every engine; `news` wakes an engine's waiting claims.
    """

    control: Control
    sources: Sources
    audit: Audit
    clock: Clock
    users: Callable[[], Iterable[UserRow]]
    is_owner: Callable[[str], bool]
    news: Callable[[str | None], None]
    _users: dict[str, UserRow] = field(default_factory=dict)
    _members: dict[str, dict[str, Membership]] = field(default_factory=dict)
    """By engine, then user."""
    _lists: dict[str, Whitelist] = field(default_factory=dict)

    async def load(self) -> None:
        """Read everything anew."""
        self._users = {row.id: row for row in self.users()}
        self._members = {}
        for membership in await self.control.memberships.all():
            self._members.setdefault(membership.engine, {})[membership.user] = membership
        self._lists = {}

    async def users_changed(self) -> None:
        """A user was added, removed, or given another role: engines are told where it matters to them."""
        before = {engine: known.version for engine, known in self._lists.items()}
        await self.load()
        for engine, version in before.items():
            if self.whitelist_version(engine) != version:
                self.news(engine)

    def visible(self, user: str, id_or_name: str) -> EngineRow:
        """An engine that the user has a role on, or has had jobs on.

        Raises:
            EngineUnknown: there is none; one that is not shared is as unknown as one that never was.
        """
        engine = self.sources.engine(id_or_name)
        if self.role(user, engine.id) is None and engine.id not in self.sources.of(user):
            raise EngineUnknown
        return engine

    def runs(self, user: str, id_or_name: str) -> tuple[EngineRow, int | None]:
        """An engine on which the user may start jobs, and the most urgent priority these may have.

        Raises:
            EngineUnknown: there is none, or it is not shared with them. EngineRoleInsufficient: they may only look.
        """
        engine = self.sources.engine(id_or_name)
        role = self.role(user, engine.id)
        if role is None:
            raise EngineUnknown
        if role not in access.RUNS:
            raise EngineRoleInsufficient
        membership = self._members.get(engine.id, {}).get(user)
        return engine, None if membership is None else membership.priority_ceiling

    def runnable(self, user: str) -> list[EngineRow]:
        """The engines on which the user may start jobs, oldest first."""
        return [engine for engine in self.sources.engines() if self.role(user, engine.id) in access.RUNS]

    def role(self, user: str, engine: str) -> Role | None:
        """What a user is on an engine, by ids; None: nothing."""
        membership = self._members.get(engine, {}).get(user)
        return access.role(self.is_owner(user), None if membership is None else membership.role)

    def users_of(self, engine: str | None) -> list[str]:
        """Everyone who has a role on an engine; None means everyone."""
        return sorted(user for user in self._users if engine is None or self.role(user, engine) is not None)

    def engines_of(self, user: str) -> list[EngineRow]:
        """The engines on which a user has a role, oldest first."""
        return [row for row in self.sources.engines() if self.role(user, row.id) is not None]

    async def share(self, id_or_name: str, who: str, role: Role, ceiling: int | None, actor: str) -> MemberView:
        """Give a user a role on an engine, in place of the one they had.

        Raises:
            EngineUnknown, UserUnknown, AuditUnavailable.
        """
        engine, user = self.sources.engine(id_or_name), self._user(who)
        detail = {} if ceiling is None else {"priority_ceiling": str(ceiling)}
        await self.audit.note("engine.share", actor, engine.id, user=user.id, role=role, **detail)
        membership = Membership(user.id, engine.id, role, ceiling)
        await self.control.memberships.put(membership, self.clock.now().wall)
        await self.users_changed()
        return self._view(membership)

    async def unshare(self, id_or_name: str, who: str, actor: str) -> None:
        """End a user's role on an engine; their jobs there stay theirs to read.

        Raises:
            EngineUnknown, UserUnknown, AuditUnavailable.
        """
        engine, user = self.sources.engine(id_or_name), self._user(who)
        await self.audit.note("engine.unshare", actor, engine.id, user=user.id)
        await self.control.memberships.remove(user.id, engine.id)
        await self.users_changed()

    def members(self, engine: str) -> list[MemberView]:
        """With whom an engine is shared, oldest first."""
        return [self._view(membership) for membership in self._members.get(engine, {}).values()]

    async def whitelist(self, engine: str) -> Whitelist:
        """The users an engine may work for, read anew."""
        await self.users_changed()
        return self._list(engine)

    def whitelist_version(self, engine: str) -> int:
        """The version of that list."""
        return self._list(engine).version

    def _list(self, engine: str) -> Whitelist:
        known = self._lists.get(engine)
        if known is None:
            users = sorted(user for user in self._users if self.role(user, engine) in access.RUNS)
            known = self._lists[engine] = Whitelist(version=access.version(users), users=users)
        return known

    def _user(self, who: str) -> UserRow:
        """By id or name."""
        found = self._users.get(who) or next((row for row in self._users.values() if who == row.name), None)
        if found is None:
            raise UserUnknown
        return found

    def _view(self, membership: Membership) -> MemberView:
        user = self._users[membership.user]
        return MemberView(user=user.id, name=user.name, role=membership.role, priority_ceiling=membership.priority_ceiling)

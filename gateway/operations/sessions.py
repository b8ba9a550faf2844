"""Who is signed in: devices, sessions and their tokens. Held in memory, so that a revocation holds from the next request on."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from contract import limits, opaque_token
from contract.errors import (
    AuthenticationInvalid,
    AuthenticationRevoked,
    DeviceNotFound,
    ProofInvalid,
    ProofMissing,
    ProofReplayed,
    RefreshExpired,
    RefreshInvalid,
    RefreshReused,
    RefreshSuperseded,
    ServerOverloaded,
    UserThrottled,
    UserUnknown,
)
from contract.signin import Tokens
from contract.words import Role
from gateway.crypto import access_token
from gateway.crypto.dpop import Proof, Proofs
from gateway.operations.audit import Audit
from gateway.operations.keys import KeyRing
from gateway.rules.refresh import Family, Judgement, judge
from gateway.rules.replay import KEPT_S, ReplayMemory, Seen
from gateway.store.people import DeviceRow, People, SessionRow, UserRow
from gateway.store.seam import StoredEvent
from kit.clock import SECOND, Clock
from kit.logs import Log

log = Log("sessions")


@dataclass(frozen=True, slots=True)
class Request:
    """The request that a proof must have been made for."""

    method: str
    url: str
    """As the client sees it, without query."""
    proof: str | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody signed in, at one of their devices."""

    user: str
    device: str
    session: str
    address: str
    role: Role
    thumbprint: str
    expires_at: int
    """Epoch seconds at which the access token ends."""


@dataclass(frozen=True, slots=True)
class _Answered:
    tokens: Tokens
    until: int


@dataclass(slots=True)
class Sessions:
    """The acts around sessions. This process is the only writer of what it reads."""

    people: People
    tokens: access_token.Tokens
    proofs: Proofs
    ring: KeyRing
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]
    gateway_id: str
    ended: Callable[[frozenset[str]], None]
    """Told the sessions that have ended, so that their sockets are closed."""
    tell: Callable[[StoredEvent], None]
    """Told what a user must hear of their devices."""
    replays: ReplayMemory = field(default_factory=ReplayMemory)
    _users: dict[str, UserRow] = field(default_factory=dict)
    _devices: dict[str, DeviceRow] = field(default_factory=dict)
    _sessions: dict[str, SessionRow] = field(default_factory=dict)
    _answered: dict[tuple[bytes, str], _Answered] = field(default_factory=dict)

    async def load(self) -> None:
        """Read everything anew."""
        users, devices, sessions = await self.people.users(), await self.people.devices(), await self.people.sessions()
        self._users = {row.id: row for row in users}  # all three at once: requests are answered between the reads
        self._devices = {row.id: row for row in devices}
        self._sessions = {row.id: row for row in sessions}

    # -- each request ---------------------------------------------------------------------------------------------

    def prove(self, request: Request, access: str | None = None, now_s: float | None = None) -> Proof:
        """Check the proof of a request, and remember it.

        Raises:
            ProofMissing, ProofInvalid, ProofReplayed, UserThrottled, ServerOverloaded.
        """
        if not request.proof:
            raise ProofMissing
        now_s = self.clock.now().wall / SECOND if now_s is None else now_s
        proof = self.proofs.verify(request.proof, request.method, request.url, now_s, access)
        match self.replays.note(proof.thumbprint, proof.jti, now_s):
            case Seen.REPLAYED:
                raise ProofReplayed
            case Seen.TOO_MANY:
                raise UserThrottled(retry_after_s=KEPT_S)
            case Seen.FULL:
                raise ServerOverloaded
            case Seen.NEW:
                return proof

    def authenticate(self, access: str, request: Request) -> tuple[Principal, Proof]:
        """Who sent a request.

        Raises:
            AuthenticationInvalid, AuthenticationExpired, AuthenticationRevoked; and see `prove`.
        """
        now_s = self.clock.now().wall / SECOND
        claims = self.tokens.verify(access, now_s)
        principal = self._principal(claims["sid"], claims["did"], claims["exp"])
        if claims["sub"] != principal.user or claims["cnf"]["jkt"] != principal.thumbprint:
            raise AuthenticationInvalid
        proof = self.prove(request, access, now_s)
        if proof.thumbprint != principal.thumbprint:
            raise ProofInvalid("The proof is signed by another key than the session's.")
        return principal, proof

    def _principal(self, session: str, device: str, expires_at: int) -> Principal:
        row = self._sessions.get(session)
        if row is None or row.device != device:
            raise AuthenticationRevoked
        at = self._devices[row.device]
        user = self._users[at.user]
        return Principal(user.id, at.id, session, at.address, user.role, at.thumbprint, expires_at)

    # -- tokens ---------------------------------------------------------------------------------------------------

    async def open(self, device: DeviceRow) -> Tokens:
        """Begin a session.

        Raises:
            SecretsLocked, StorageFull, StorageFailed.
        """
        await self.ring.unlock()
        now = self.clock.now().wall
        refresh = opaque_token.mint("r", self.random_bytes)
        row = SessionRow(self.new_id(), device.id, now, refresh.digest, now, None)
        await self.people.add_session(row)
        self._sessions[row.id] = row
        return self._told(row, refresh.text)

    async def refresh(self, text: str, proof: Proof, key: str | None) -> Tokens:
        """New tokens for a refresh token, which serves once. The same `key` within 10 s gets the same answer again.

        Raises:
            RefreshInvalid, RefreshExpired, RefreshReused (the session has ended), RefreshSuperseded, SecretsLocked.
        """
        token = opaque_token.parse("r", text)
        session = None if token is None else await self.people.session_of_token(token.digest)
        row = None if session is None else self._sessions.get(session)
        if token is None or row is None:
            await self.audit.refused(RefreshInvalid.code)
            raise RefreshInvalid
        now = self.clock.now().wall
        again = None if key is None else self._answered.get((token.digest, key))
        thumbprint = self._devices[row.device].thumbprint
        family = Family(thumbprint, row.made_at, row.current, row.current_since, row.previous)
        match judge(family, token.digest, proof.thumbprint, now):
            case Judgement.ROTATE:
                return await self._rotate(row, token.digest, key, now)
            case Judgement.SUPERSEDED:
                if again is not None and again.until > now:
                    return again.tokens
                raise RefreshSuperseded
            case Judgement.EXPIRED:
                await self.end(row.id, "gateway", "session.expired")
                raise RefreshExpired
            case Judgement.REUSED:
                await self.end(row.id, "anyone", "auth.refresh_reused")
                raise RefreshReused
            case Judgement.STOLEN:
                await self.end(row.id, "anyone", "auth.refresh_stolen")
                raise RefreshInvalid

    async def _rotate(self, row: SessionRow, old: bytes, key: str | None, now: int) -> Tokens:
        await self.ring.unlock()
        fresh = opaque_token.mint("r", self.random_bytes)
        if not await self.people.rotate(row.id, old, fresh.digest, now):
            raise RefreshSuperseded
        row = self._sessions[row.id] = replace(row, current=fresh.digest, current_since=now, previous=old)
        tokens = self._told(row, fresh.text)
        self._answered = {asked: answer for asked, answer in self._answered.items() if answer.until > now}
        if key is not None:
            self._answered[old, key] = _Answered(tokens, now + limits.REFRESH_GRACE_S * SECOND)
        return tokens

    def _told(self, row: SessionRow, refresh: str) -> Tokens:
        device = self._devices[row.device]
        access, _ = self.tokens.issue(
            device.user,
            access_token.USER_SCOPE,
            self.clock.now().wall // SECOND,
            self.random_bytes,
            sid=row.id,
            did=device.id,
            cnf={"jkt": device.thumbprint},
        )
        return Tokens(
            access_token=access,
            expires_in=limits.ACCESS_TOKEN_TTL_S,
            refresh_token=refresh,
            scope=access_token.USER_SCOPE,
            user=device.user,
            device=device.id,
            session=row.id,
            gateway_id=self.gateway_id,
        )

    async def end(self, session: str, actor: str, event: str) -> None:
        """End a session: its tokens are refused from now on, its sockets closed.

        Raises:
            AuditUnavailable, StorageFull, StorageFailed.
        """
        row = self._sessions.get(session)
        if row is None:
            return
        await self.audit.note(event, actor, session, device=row.device)
        await self.people.end_session(session)
        self._forget({session})

    async def sweep(self) -> None:
        """End the sessions whose time is over."""
        now = self.clock.now().wall
        gone = await self.people.end_sessions_before(now - limits.REFRESH_IDLE_S * SECOND, now - limits.REFRESH_ABSOLUTE_S * SECOND)
        self._forget(set(gone))

    # -- people and devices ---------------------------------------------------------------------------------------

    def users(self) -> list[UserRow]:
        """Everyone, oldest first."""
        return list(self._users.values())

    def user(self, id_or_name: str) -> UserRow:
        """Find a user.

        Raises:
            UserUnknown.
        """
        found = self._users.get(id_or_name) or next((row for row in self._users.values() if row.name == id_or_name), None)
        if found is None:
            raise UserUnknown
        return found

    def devices(self, user: str | None = None) -> list[DeviceRow]:
        """Devices of a user, or of all; oldest first."""
        return [row for row in self._devices.values() if user is None or row.user == user]

    def device(self, device: str) -> DeviceRow:
        """Find a device.

        Raises:
            DeviceNotFound.
        """
        found = self._devices.get(device)
        if found is None:
            raise DeviceNotFound
        return found

    def paired(self, address: str, thumbprint: str) -> DeviceRow | None:
        """The device that these two keys are."""
        return next((row for row in self._devices.values() if row.thumbprint == thumbprint and row.address == address), None)

    def knows(self, proof: str | None) -> bool:
        """Is this proof signed by the key of a paired device? Says nothing of what it was made for."""
        thumbprint = None if proof is None else self.proofs.signer(proof)
        return thumbprint is not None and any(row.thumbprint == thumbprint for row in self._devices.values())

    def in_use(self, device: str) -> bool:
        """Does a device have a session?"""
        return any(row.device == device for row in self._sessions.values())

    async def add_device(self, device: DeviceRow, new_user: UserRow | None, owner: bool) -> None:
        """Add a device, and its user where that one is new.

        Raises:
            StorageFull, StorageFailed.
        """
        event = await self.people.add_device(device, new_user)
        if owner and new_user is None:
            await self.people.make_owner(device.user)
        before = self._sessions.keys()
        await self.load()
        self._close(set(before - self._sessions.keys()))
        self.tell(event)

    async def revoke(self, device: str, actor: str) -> None:
        """Remove a device: nothing of it is accepted any more, its sockets are closed.

        Raises:
            DeviceNotFound, AuditUnavailable, StorageFull, StorageFailed.
        """
        row = self.device(device)
        await self.audit.note("device.revoke", actor, device, user=row.user, name=row.name)
        event = await self.people.remove_device(row, self.clock.now().wall)
        gone = {session.id for session in self._sessions.values() if session.device == device}
        self._devices.pop(device, None)
        self._forget(gone)
        self.tell(event)

    async def remove_user(self, user: str, actor: str) -> None:
        """Remove a user with all devices.

        Raises:
            UserUnknown, AuditUnavailable, StorageFull, StorageFailed.
        """
        row = self.user(user)
        await self.audit.note("user.remove", actor, row.id, name=row.name)
        await self.people.remove_user(row.id)
        before = self._sessions.keys()
        await self.load()
        self._close(set(before - self._sessions.keys()))

    def _forget(self, sessions: set[str]) -> None:
        for session in sessions:
            self._sessions.pop(session, None)
        self._close(sessions)

    def _close(self, sessions: set[str]) -> None:
        if sessions:
            self.ended(frozenset(sessions))

    def new_id(self) -> str:
        """80 random bits as 16 lower-case letters and digits."""
        return base64.b32encode(self.random_bytes(10)).decode().lower()

"""Users, their devices and sessions, and the public halves of the gateway's keys: tables of control.db."""

import json
from dataclasses import dataclass
from typing import Any

from contract.words import EventName, UserRole
from gateway.rules.key_ring import KeyState, SigningKey
from gateway.store.database import Database, Row, Transaction
from gateway.store.seam import StoredEvent

DDL = """
CREATE TABLE users(
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL CHECK(role IN ('owner','member')), added_at INTEGER NOT NULL
) STRICT;
-- A device is a pair: the key that says who, and the key that says which browser.
CREATE TABLE devices(
  id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  address TEXT NOT NULL, thumbprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL, added_at INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_of_user ON devices(user);
-- A session is a family of refresh tokens; only digests are here. Times are wall microseconds.
CREATE TABLE sessions(
  id TEXT PRIMARY KEY, device TEXT NOT NULL REFERENCES devices(id) ON DELETE CASCADE,
  made_at INTEGER NOT NULL, current BLOB NOT NULL, current_since INTEGER NOT NULL, previous BLOB
) STRICT;
CREATE INDEX sessions_of_device ON sessions(device);
CREATE TABLE refresh_tokens(
  digest BLOB PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens(session);
-- What users are told that is no job (devices, drains); numbered like the events of a queue, source `control`.
CREATE TABLE news(
  user TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE, seq INTEGER NOT NULL,
  name TEXT NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY(user, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE signing_keys(kid TEXT PRIMARY KEY, public BLOB NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys(state) WHERE state = 'active';
CREATE TABLE held_keys(name TEXT PRIMARY KEY, public BLOB NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class UserRow:
    """A person."""

    id: str
    name: str
    role: UserRole
    added_at: int


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A paired browser or command line."""

    id: str
    user: str
    address: str
    """Lower case."""
    thumbprint: str
    name: str
    added_at: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A family of refresh tokens."""

    id: str
    device: str
    made_at: int
    current: bytes
    current_since: int
    previous: bytes | None


USER = "SELECT id, name, role, added_at FROM users"
DEVICE = "SELECT id, user, address, thumbprint, name, added_at FROM devices"
SESSION = "SELECT id, device, made_at, current, current_since, previous FROM sessions"


class People:
    """Every method is one transaction; a write raises StorageFull or StorageFailed when it cannot be kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self) -> list[UserRow]:
        """Everyone, oldest first."""
        return [_user(row) for row in await self._database.rows(f"{USER} ORDER BY added_at, id")]

    async def devices(self) -> list[DeviceRow]:
        """All devices, oldest first."""
        return [DeviceRow(*row) for row in await self._database.rows(f"{DEVICE} ORDER BY added_at, id")]

    async def sessions(self) -> list[SessionRow]:
        """All sessions."""
        return [SessionRow(*row) for row in await self._database.rows(SESSION)]

    async def add_device(self, device: DeviceRow, new_user: UserRow | None) -> StoredEvent:
        """Add a device, and its user where that one is new. A device with the same session key is replaced, with its sessions."""
        async with self._database.transaction() as tx:
            if new_user is not None:
                row = (new_user.id, new_user.name, new_user.role, new_user.added_at)
                await tx.write("INSERT INTO users(id, name, role, added_at) VALUES (?,?,?,?)", row)
            await tx.write("DELETE FROM devices WHERE thumbprint = ?", (device.thumbprint,))
            await tx.write(
                "INSERT INTO devices(id, user, address, thumbprint, name, added_at) VALUES (?,?,?,?,?,?)",
                (device.id, device.user, device.address, device.thumbprint, device.name, device.added_at),
            )
            return await _tell_of(tx, device, EventName.DEVICE_ADDED, device.added_at)

    async def make_owner(self, user: str) -> None:
        """Give a user the owner's role."""
        await self._database.write("UPDATE users SET role = 'owner' WHERE id = ?", (user,))

    async def remove_device(self, device: DeviceRow, at: int) -> StoredEvent:
        """Remove a device with its sessions."""
        async with self._database.transaction() as tx:
            await tx.write("DELETE FROM devices WHERE id = ?", (device.id,))
            return await _tell_of(tx, device, EventName.DEVICE_REVOKED, at)

    async def news(self, user: str, after: int, limit: int) -> list[StoredEvent]:
        """What a user was told that is no job, after a number."""
        statement = "SELECT user, seq, name, at, data FROM news WHERE user = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [
            StoredEvent(told, seq, EventName(name), at, json.loads(data))
            for told, seq, name, at, data in await self._database.rows(statement, (user, after, limit))
        ]

    async def last_news(self, user: str) -> int:
        """The newest number, or 0."""
        return int((await self._database.rows("SELECT coalesce(max(seq), 0) FROM news WHERE user = ?", (user,)))[0][0])

    async def remove_user(self, user: str) -> None:
        """Remove a user with their devices and sessions."""
        await self._database.write("DELETE FROM users WHERE id = ?", (user,))

    async def add_session(self, session: SessionRow) -> None:
        """Begin a family."""
        async with self._database.transaction() as tx:
            await tx.write(
                "INSERT INTO sessions(id, device, made_at, current, current_since) VALUES (?,?,?,?,?)",
                (session.id, session.device, session.made_at, session.current, session.current_since),
            )
            await tx.write("INSERT INTO refresh_tokens(digest, session) VALUES (?,?)", (session.current, session.id))

    async def rotate(self, session: str, old: bytes, new: bytes, at: int) -> bool:
        """Put `new` in the place of `old`; False when another refresh was faster."""
        async with self._database.transaction() as tx:
            statement = "UPDATE sessions SET current = ?, current_since = ?, previous = current WHERE id = ? AND current = ?"
            if not await tx.write(statement, (new, at, session, old)):
                return False
            await tx.write("INSERT INTO refresh_tokens(digest, session) VALUES (?,?)", (new, session))
            return True

    async def session_of_token(self, digest: bytes) -> str | None:
        """The session in which a refresh token was given out, however long ago."""
        rows = await self._database.rows("SELECT session FROM refresh_tokens WHERE digest = ?", (digest,))
        return rows[0][0] if rows else None

    async def end_session(self, session: str) -> None:
        """End a family."""
        await self._database.write("DELETE FROM sessions WHERE id = ?", (session,))

    async def end_sessions_before(self, used_at: int, made_at: int) -> list[str]:
        """End those not used since `used_at`, and those made before `made_at`; their ids."""
        async with self._database.transaction() as tx:
            statement = "DELETE FROM sessions WHERE current_since < ? OR made_at < ? RETURNING id"
            return [row[0] for row in await tx.rows(statement, (used_at, made_at))]

    async def signing_keys(self) -> list[SigningKey]:
        """The ring, oldest first."""
        rows = await self._database.rows("SELECT kid, public, state, since FROM signing_keys ORDER BY since, kid")
        return [SigningKey(kid, public, KeyState(state), since) for kid, public, state, since in rows]

    async def put_signing_keys(self, keys: list[SigningKey]) -> None:
        """Write keys, in the order given, all or none."""
        async with self._database.transaction() as tx:
            for key in keys:
                await tx.write(
                    "INSERT INTO signing_keys(kid, public, state, since) VALUES (?,?,?,?) "
                    "ON CONFLICT(kid) DO UPDATE SET state = excluded.state, since = excluded.since",
                    (key.kid, key.public, key.state, key.since),
                )

    async def held_key(self, name: str) -> bytes | None:
        """The public half of one of the gateway's own keys."""
        rows = await self._database.rows("SELECT public FROM held_keys WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    async def remember_key(self, name: str, public: bytes) -> None:
        """Write a public half down, once for all time."""
        await self._database.write("INSERT INTO held_keys(name, public) VALUES (?,?)", (name, public))


async def tell(tx: Transaction, user: str, name: EventName, at: int, data: dict[str, Any]) -> StoredEvent:
    """Write an event of source `control`, as part of a transaction."""
    (row,) = await tx.rows("SELECT coalesce(max(seq), 0) + 1 FROM news WHERE user = ?", (user,))
    await tx.write("INSERT INTO news(user, seq, name, at, data) VALUES (?,?,?,?,?)", (user, row[0], name, at, json.dumps(data)))
    return StoredEvent(user, row[0], name, at, data)


async def _tell_of(tx: Transaction, device: DeviceRow, name: EventName, at: int) -> StoredEvent:
    return await tell(tx, device.user, name, at, {"id": device.id, "name": device.name})


def _user(row: Row) -> UserRow:
    user, name, role, added_at = row
    return UserRow(user, name, UserRole(role), added_at)

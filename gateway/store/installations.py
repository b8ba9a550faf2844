"""control.db: installations of engines, hashes of their tokens, and the codes that make new ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.rules.engine_tokens import EngineToken, TokenPair, TokenState
from gateway.store.database import Database, Transaction

DDL = """
CREATE TABLE installations(
  id TEXT PRIMARY KEY, engine TEXT NOT NULL REFERENCES engines(id), name TEXT NOT NULL, added_at INTEGER NOT NULL,
  rotation_asked INTEGER NOT NULL DEFAULT 0,
  -- The latest use of any of its tokens, to the minute; written rarely.
  used_at INTEGER,
  UNIQUE(engine, name)
) STRICT;
CREATE TABLE engine_tokens(
  id TEXT PRIMARY KEY, installation TEXT NOT NULL REFERENCES installations(id), digest BLOB NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('live','unproven','retiring','revoked')),
  added_at INTEGER NOT NULL, ends_at INTEGER,
  CHECK((state = 'retiring') = (ends_at IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX engine_tokens_live ON engine_tokens(installation) WHERE state = 'live';
CREATE UNIQUE INDEX engine_tokens_other ON engine_tokens(installation) WHERE state IN ('unproven','retiring');
CREATE TABLE enrolment_codes(
  id TEXT PRIMARY KEY, digest BLOB NOT NULL, engine TEXT NOT NULL REFERENCES engines(id),
  ends_at INTEGER NOT NULL, tries_left INTEGER NOT NULL
) STRICT;
"""

_INSERT_TOKEN = "INSERT INTO engine_tokens(id, installation, digest, state, added_at, ends_at) VALUES (?,?,?,?,?,?)"  # noqa: S105
_FORGET_USABLE = "DELETE FROM engine_tokens WHERE installation = ? AND state <> 'revoked'"


@dataclass(frozen=True, slots=True)
class InstallationRow:
    """One machine's copy of an engine. Times in wall microseconds."""

    id: str
    engine: str
    name: str
    rotation_asked: bool = False
    used_at: int | None = None


@dataclass(frozen=True, slots=True)
class CodeRow:
    """What is kept of an enrolment code."""

    id: str
    """Its first characters; no secret."""
    digest: bytes
    """SHA-256 of the whole code."""
    engine: str
    ends_at: int
    tries_left: int


class Installations:
    """Installations, tokens and codes. Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def installations(self) -> list[InstallationRow]:
        """Every installation, oldest first."""
        rows = await self._database.rows("SELECT id, engine, name, rotation_asked, used_at FROM installations ORDER BY added_at, id")
        return [InstallationRow(found, engine, name, bool(asked), used_at) for found, engine, name, asked, used_at in rows]

    async def tokens(self) -> list[tuple[str, EngineToken]]:
        """Every token with its installation's id."""
        rows = await self._database.rows("SELECT installation, id, digest, state, added_at, ends_at FROM engine_tokens ORDER BY rowid")
        return [
            (installation, EngineToken(token, digest, TokenState(state), *times)) for installation, token, digest, state, *times in rows
        ]

    async def install(self, row: InstallationRow, pair: TokenPair, at: int) -> None:
        """Make an installation, or give one that is there these tokens in place of its usable ones."""
        async with self._database.transaction() as tx:
            await _install(tx, row, pair, at)

    async def keep(self, installation: str, pair: TokenPair, *, rotated: bool = False) -> None:
        """Replace an installation's usable tokens; `rotated` also forgets that the owner asked for it."""
        async with self._database.transaction() as tx:
            await _replace(tx, installation, pair.usable())
            if rotated:
                await tx.write("UPDATE installations SET rotation_asked = 0 WHERE id = ?", (installation,))

    async def revoke(self, revoked: Sequence[tuple[str, Sequence[EngineToken]]], codes_of: str | None) -> None:
        """Keep installations' tokens as revoked ones; with `codes_of` also void the codes of that engine."""
        async with self._database.transaction() as tx:
            for installation, tokens in revoked:
                await _replace(tx, installation, tokens)
            if codes_of is not None:
                await tx.write("DELETE FROM enrolment_codes WHERE engine = ?", (codes_of,))

    async def ask_rotation(self, installations: Sequence[str]) -> None:
        """Note that the owner wants new tokens."""
        async with self._database.transaction() as tx:
            for installation in installations:
                await tx.write("UPDATE installations SET rotation_asked = 1 WHERE id = ?", (installation,))

    async def used(self, latest: dict[str, int]) -> None:
        """Note when installations were heard last."""
        async with self._database.transaction() as tx:
            for installation, at in latest.items():
                await tx.write("UPDATE installations SET used_at = ? WHERE id = ?", (at, installation))

    async def add_code(self, code: CodeRow, now: int) -> None:
        """Keep a code; expired ones go."""
        async with self._database.transaction() as tx:
            await tx.write("DELETE FROM enrolment_codes WHERE ends_at <= ?", (now,))
            await tx.write(
                "INSERT INTO enrolment_codes(id, digest, engine, ends_at, tries_left) VALUES (?,?,?,?,?)",
                (code.id, code.digest, code.engine, code.ends_at, code.tries_left),
            )

    async def code_known(self, code: str) -> bool:
        """Is a code with this public part out?"""
        return bool(await self._database.rows("SELECT 1 FROM enrolment_codes WHERE id = ?", (code,)))

    async def try_code(self, code: str, now: int) -> CodeRow | None:
        """Take one of a code's tries; None when it is unknown, over or spent. Taken first: tries at once do not get more."""
        async with self._database.transaction() as tx:
            rows = await tx.rows(
                """UPDATE enrolment_codes SET tries_left = tries_left - 1 WHERE id = ? AND ends_at > ? AND tries_left > 0
                RETURNING id, digest, engine, ends_at, tries_left""",
                (code, now),
            )
            return next((CodeRow(*row) for row in rows), None)

    async def codes_out(self, now: int) -> dict[str, int]:
        """Usable codes by engine."""
        rows = await self._database.rows(
            "SELECT engine, count(*) FROM enrolment_codes WHERE ends_at > ? AND tries_left > 0 GROUP BY engine", (now,)
        )
        return {str(engine): int(count) for engine, count in rows}

    async def enrol(self, code: CodeRow, row: InstallationRow, pair: TokenPair, now: int) -> bool:
        """Use a code up and make its installation, together; False when it was used or over meanwhile."""
        async with self._database.transaction() as tx:
            if not await tx.write("DELETE FROM enrolment_codes WHERE id = ? AND digest = ? AND ends_at > ?", (code.id, code.digest, now)):
                return False
            await _install(tx, row, pair, now)
            return True


async def _install(tx: Transaction, row: InstallationRow, pair: TokenPair, at: int) -> None:
    statement = """INSERT INTO installations(id, engine, name, added_at) VALUES (?,?,?,?)
    ON CONFLICT(id) DO UPDATE SET rotation_asked = 0"""
    await tx.write(statement, (row.id, row.engine, row.name, at))
    await _replace(tx, row.id, pair.usable())


async def _replace(tx: Transaction, installation: str, tokens: Sequence[EngineToken]) -> None:
    await tx.write(_FORGET_USABLE, (installation,))
    for token in tokens:
        await tx.write(_INSERT_TOKEN, (token.id, installation, token.digest, token.state, token.added_at, token.ends_at))

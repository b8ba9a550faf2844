"""One small SQLite file behind `aiosqlite`: statements and transactions that cannot take each other's along.

Rarely written files (control.db) use this; queues have a writer of their own (docs/adr/0003).
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiosqlite

from gateway.store.files import translated

Row = tuple[Any, ...]


class Transaction:
    """Statements that take effect together. Reads see what it wrote."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Every row of a query, or of a `RETURNING`."""
        return [tuple(row) for row in await self._connection.execute_fetchall(statement, parameters)]

    async def write(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """How many rows a change touched."""
        async with self._connection.execute(statement, parameters) as cursor:
            return cursor.rowcount


class Database:
    """The connection, and the lock that keeps one caller's statements out of another's transaction.

    A change that cannot be kept raises StorageFull or StorageFailed; a broken constraint raises sqlite3.IntegrityError.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._plain = Transaction(connection)
        self._writing = asyncio.Lock()

    async def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Every row of a query."""
        async with self._writing:
            return await self._plain.rows(statement, parameters)

    async def write(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """One durable change; how many rows it touched."""
        async with self.transaction() as tx:
            return await tx.write(statement, parameters)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Everything inside the block, or nothing of it; durable when the block has ended."""
        async with self._writing:
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._plain
                await self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    await asyncio.shield(self._connection.execute("ROLLBACK"))
                if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                    raise translated(error) from error
                raise


@contextlib.asynccontextmanager
async def connected(path: str) -> AsyncIterator[Database]:
    """Open a file that is laid out."""
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA foreign_keys = ON")
        await connection.execute("PRAGMA trusted_schema = OFF")
        yield Database(connection)

"""Reports that the gateway has not acknowledged yet: written before they are sent, kept until it said yes or no."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from contract.engine_link import FinishReport
from kit.files import Locked, exclusive_lock, private_folder

SCHEMA = "CREATE TABLE IF NOT EXISTS reports(job TEXT NOT NULL, token TEXT NOT NULL, report TEXT NOT NULL, PRIMARY KEY(job, token)) STRICT"


class SpoolInUse(Exception):
    """Another process of this engine runs on the same data folder."""


class Spool:
    """A file of finish reports."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._settled: list[tuple[str, str]] = []

    async def put(self, report: FinishReport) -> None:
        """Keep a report; durable when this returns."""
        await asyncio.to_thread(self._write, report)

    def settled(self, report: FinishReport) -> None:
        """The gateway has spoken. Forgotten with the next write: a report sent twice is answered twice alike."""
        self._settled.append((report.job, report.token))

    def _write(self, report: FinishReport | None) -> None:
        with self._lock:
            settled, self._settled = self._settled, []
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("DELETE FROM reports WHERE job = ? AND token = ?", settled)
            if report is not None:
                row = (report.job, report.token, report.model_dump_json())
                self._connection.execute("INSERT OR REPLACE INTO reports(job, token, report) VALUES (?,?,?)", row)
            self._connection.execute("COMMIT")

    def flush(self) -> None:
        """Forget what is settled now."""
        self._write(None)

    def all(self) -> list[FinishReport]:
        """What is kept, oldest first."""
        with self._lock:
            rows = self._connection.execute("SELECT report FROM reports ORDER BY rowid").fetchall()
        return [FinishReport.model_validate_json(text) for (text,) in rows]


@contextlib.asynccontextmanager
async def open_spool(folder: Path) -> AsyncIterator[Spool]:
    """The spool of one engine on this machine; one process at a time.

    Raises:
        SpoolInUse.
    """
    private_folder(folder)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(exclusive_lock(folder / "spool.db.lock"))
        except Locked as error:
            raise SpoolInUse(
                f"Another process of this engine runs on {folder}. Stop it, or give this one another --data folder."
            ) from error
        connection = await asyncio.to_thread(_open, folder / "spool.db")
        try:
            spool = Spool(connection)
            yield spool
            await asyncio.to_thread(spool.flush)
        finally:
            connection.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    path.chmod(0o600)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(SCHEMA)
    return connection

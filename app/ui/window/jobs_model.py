"""The jobs that were loaded, newest first. Pages are merged into it by id, so that selection and place stay."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor

from app.ui.style import Colours, colours
from app.ui.window.job_words import job_state, took
from app.ui.window.parts import local_time, short_time
from app.words import Words
from contract.admin_jobs import OwnedJob, OwnedJobPage

Index = QModelIndex | QPersistentModelIndex
ROWS_MAX = 20_000
"""Beyond them the oldest are let go; whoever scrolls there loads them again."""
Role = Qt.ItemDataRole
_INK: dict[str, Callable[[Colours], str]] = {
    "quiet": lambda told: told.quiet,
    "accent": lambda told: told.accent,
    "good": lambda told: told.good,
    "bad": lambda told: told.bad,
    "warning": lambda told: told.warning,
}


_TOLD = frozenset({int(Role.DisplayRole), int(Role.ForegroundRole), int(Role.ToolTipRole)})


class JobsModel(QAbstractTableModel):
    """Sorted by the UUIDs in the ids, which follow the time of submission."""

    older_wanted = Signal(str)
    """Somebody scrolled to the end: what is older than this job?"""

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self._keys: list[str] = []
        self._jobs: dict[str, OwnedJob] = {}
        self._more = False
        self._asking = False
        self._engines: dict[str, str] = {}
        self._heads = (say("State"), say("Kind"), say("Engine"), say("User"), say("Submitted"), say("Took"), say("Attempt"), say("Id"))

    # -- what is in it --------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Nothing any more."""
        self.beginResetModel()
        self._keys, self._jobs, self._more, self._asking = [], {}, False, False
        self.endResetModel()

    def name_engines(self, names: dict[str, str]) -> None:
        """Names by engine id."""
        if names != self._engines:
            self._engines = dict(names)
            self._all_changed()

    def job(self, row: int) -> OwnedJob | None:
        """What a row shows."""
        return self._jobs[self._keys[len(self._keys) - 1 - row]] if 0 <= row < len(self._keys) else None

    def row_of(self, job_id: str) -> int | None:
        """Where a job is shown."""
        at = bisect_left(self._keys, key := _key(job_id))
        return len(self._keys) - 1 - at if at < len(self._keys) and self._keys[at] == key else None

    def engine_name(self, engine: str) -> str:
        """What people call it."""
        return self._engines.get(engine, engine)

    # -- merging --------------------------------------------------------------------------------------------------

    def merge(self, page: OwnedJobPage, before: str | None) -> None:
        """Take a page in that begins right after the job `before`, or with the newest: what it should hold and does not is no more."""
        upper = None if before is None else _key(before)
        told = {_key(job.id): job for job in page.jobs}
        lower = "" if page.next is None else _key(page.next)
        self._remove([key for key in self._between(lower, upper) if key not in told])
        self._change({key: job for key, job in told.items() if key in self._jobs})
        self._insert(sorted(key for key in told if key not in self._jobs), told)
        if page.next is None:
            self._more = False
        elif not self._keys or self._keys[0] == lower:
            self._more = True
        if before is not None:
            self._asking = False
        self._trim()

    def forget_older_than(self, job_id: str) -> None:
        """Let go of what was loaded before: it is not next to what is shown above it."""
        self._remove(self._keys[: bisect_left(self._keys, _key(job_id))])
        self._more = True

    def drop(self, job_id: str) -> None:
        """A job that is no more."""
        self._remove([_key(job_id)] if _key(job_id) in self._jobs else [])

    def put(self, job: OwnedJob) -> None:
        """A job as it now is, if it is shown."""
        self._change({_key(job.id): job} if _key(job.id) in self._jobs else {})

    def refused(self) -> None:
        """What was asked for did not come; it may be asked for again."""
        self._asking = False

    def _between(self, lower: str, upper: str | None) -> Sequence[str]:
        end = len(self._keys) if upper is None else bisect_left(self._keys, upper)
        return self._keys[bisect_left(self._keys, lower) : end]

    def _insert(self, keys: list[str], told: dict[str, OwnedJob]) -> None:
        groups = [(at, list(group)) for at, group in groupby(keys, key=lambda key: bisect_left(self._keys, key))]
        for at, group in reversed(groups):  # from the newest down, so that the places of the others stay
            first = len(self._keys) - at
            self.beginInsertRows(QModelIndex(), first, first + len(group) - 1)
            self._keys[at:at] = group
            self._jobs.update((key, told[key]) for key in group)
            self.endInsertRows()

    def _remove(self, keys: Sequence[str]) -> None:
        doomed = [bisect_left(self._keys, key) for key in keys]
        while doomed:
            last = doomed.pop()
            first = last
            while doomed and doomed[-1] == first - 1:
                first = doomed.pop()
            count = len(self._keys)
            self.beginRemoveRows(QModelIndex(), count - 1 - last, count - 1 - first)
            for key in self._keys[first : last + 1]:
                del self._jobs[key]
            del self._keys[first : last + 1]
            self.endRemoveRows()

    def _change(self, told: dict[str, OwnedJob]) -> None:
        for key, job in told.items():
            if self._jobs[key] != job:
                self._jobs[key] = job
                row = len(self._keys) - 1 - bisect_left(self._keys, key)
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self._heads) - 1))

    def _trim(self) -> None:
        if len(self._keys) > ROWS_MAX:
            self._remove(self._keys[: len(self._keys) - ROWS_MAX])
            self._more = True

    def _all_changed(self) -> None:
        if self._keys:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._keys) - 1, len(self._heads) - 1))

    # -- as Qt asks -----------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's name
        """Jobs that were loaded."""
        return 0 if parent.isValid() else len(self._keys)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's name
        """See `headerData`."""
        return 0 if parent.isValid() else len(self._heads)

    def canFetchMore(self, parent: Index) -> bool:  # noqa: N802 - Qt's name
        """There are older ones, and nobody is asking for them yet."""
        return not parent.isValid() and self._more and not self._asking and bool(self._keys)

    def fetchMore(self, parent: Index) -> None:  # noqa: N802 - Qt's name
        """Ask for older ones."""
        if self.canFetchMore(parent):
            self._asking = True
            self.older_wanted.emit(self._jobs[self._keys[0]].id)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        """The names of the columns."""
        return self._heads[section] if role == Role.DisplayRole and orientation is Qt.Orientation.Horizontal else None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """A cell."""
        if role not in _TOLD:  # a view asks for nine of them, cell by cell
            return None
        job = self.job(index.row())
        if job is None:
            return None
        if role == Role.DisplayRole:
            return self._text(job, index.column())
        if role == Role.ForegroundRole:
            if index.column():
                return None
            return QColor(_INK[job_state(job.state, self._say, cancel_requested=job.cancel_requested)[1]](colours()))
        if role == Role.ToolTipRole:
            return self._tip(job, index.column())
        return None

    def _text(self, job: OwnedJob, column: int) -> str:
        match column:
            case 0:
                state = job_state(job.state, self._say, cancel_requested=job.cancel_requested)[0]
                running = job.progress is not None and not job.state.final
                return f"{state} {self._say.percent(job.progress)}" if running else state
            case 1:
                return job.kind
            case 2:
                return self.engine_name(job.engine)
            case 3:
                return job.user_name
            case 4:
                return short_time(job.submitted_at)
            case 5:
                return took(job, self._say)
            case 6:
                return self._say("{attempt} of {most}", attempt=job.attempt, most=job.max_attempts)
            case _:
                return job.id

    @staticmethod
    def _tip(job: OwnedJob, column: int) -> str | None:
        if column == 0 and job.error is not None:
            return f"{job.error.code}: {job.error.message}"[:500]
        if column == 4:
            return local_time(job.submitted_at)
        return job.id if column == 7 else None


def is_newer(job_id: str, other: str) -> bool:
    """Was it submitted after the other one?"""
    return _key(job_id) > _key(other)


def _key(job_id: str) -> str:
    """The UUID of an id; times first."""
    return job_id.rpartition("_")[2]

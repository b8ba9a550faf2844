"""The Logs tab: the end of the log files, and what is written from now on."""

from collections import deque
from itertools import islice
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, QUrl
from PySide6.QtGui import QColor, QDesktopServices
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPlainTextEdit, QStackedWidget

from app.bridge.acts import Trouble
from app.bridge.acts.logs import FollowLogs, LogLine, LogLines, ReadLogs
from app.bridge.qt import Bridge
from app.ui.style import GAP, MARGIN, colours, role
from app.ui.window.parts import Notice, Page, button, column, label, plain_table, row, short_time
from app.words import Words
from kit.text import printable

KEPT = 5000
FOLLOW_MS = 1000
TYPED_MS = 250
Index = QModelIndex | QPersistentModelIndex
MARKS = {"debug": "·", "info": "i", "warning": "!", "error": "✕", "critical": "✕"}


class LogModel(QAbstractTableModel):
    """Lines, oldest first; the oldest go when there are too many."""

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque()
        self._heads = (say("When"), say("Level"), say("Source"), say("Event"), say("Detail"))

    def fill(self, lines: tuple[LogLine, ...]) -> None:
        """These and no others."""
        self.beginResetModel()
        self._lines = deque(lines[-KEPT:])
        self.endResetModel()

    def add(self, lines: tuple[LogLine, ...]) -> None:
        """These too."""
        lines = lines[-KEPT:]
        over = len(self._lines) + len(lines) - KEPT
        if over > 0:
            self.beginRemoveRows(QModelIndex(), 0, over - 1)
            self._lines = deque(islice(self._lines, over, None))
            self.endRemoveRows()
        if lines:
            self.beginInsertRows(QModelIndex(), len(self._lines), len(self._lines) + len(lines) - 1)
            self._lines.extend(lines)
            self.endInsertRows()

    def line(self, at: int) -> LogLine | None:
        """What a row shows."""
        return self._lines[at] if 0 <= at < len(self._lines) else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's name
        """Lines."""
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's name
        """See `headerData`."""
        return 0 if parent.isValid() else len(self._heads)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        """The names of the columns."""
        shown = role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Horizontal
        return self._heads[section] if shown else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        line = self._lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            mark = f"{MARKS.get(line.level, '·')} {line.level}"
            return (short_time(line.at), mark, line.source, line.event, line.fields[:300])[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1:
            told = colours()
            return QColor({"warning": told.warning, "error": told.bad, "critical": told.bad}.get(line.level, told.quiet))
        return None


class LogsTab(Page):
    """Reads files only, so it works while no gateway runs, too."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self._folder = ""
        self._asked = 0
        self._waits = False
        self.model = LogModel(say)
        self.levels = QComboBox()
        self.levels.setAccessibleName(say("Level"))
        for text, level in (
            (say("Everything"), "debug"),
            (say("Info and above"), "info"),
            (say("Warnings and above"), "warning"),
            (say("Errors"), "error"),
        ):
            self.levels.addItem(text, level)
        self.levels.setCurrentIndex(1)
        self.levels.currentIndexChanged.connect(lambda _: self.look())
        self.search = QLineEdit()
        self.search.setPlaceholderText(say("Find in the log"))
        self.search.setAccessibleName(say("Find in the log"))
        self.search.setClearButtonEnabled(True)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self._typed.timeout.connect(self.look)
        self.search.textChanged.connect(lambda _: self._typed.start())
        self.follow = QCheckBox(say("&Follow"))
        self.follow.setChecked(True)
        self.follow.toggled.connect(self._follow_or_not)
        self._timer = QTimer(self)
        self._timer.setInterval(FOLLOW_MS)
        self._timer.timeout.connect(self._more)
        self._open = button(say("&Open folder"), self._open_folder)
        self.table = plain_table(say("Log"))
        self.table.setModel(self.model)
        for place, width in enumerate((140, 92, 90, 170)):
            self.table.setColumnWidth(place, width)
        self.table.selectionModel().currentRowChanged.connect(self._show_line)
        self._line = QPlainTextEdit()
        role(self._line, "mono")
        self._line.setReadOnly(True)
        self._line.setAccessibleName(say("The chosen line"))
        self._line.setPlaceholderText(say("Choose a line to read it whole."))
        self._line.setTabChangesFocus(True)
        self._line.setFixedHeight(92)
        self._notice = Notice()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._notice)
        self._stack.addWidget(self.table)
        filters = row(self.search, self.levels, self.follow)
        filters.setStretch(0, 1)
        made = column(row(label(say("Logs"), "title"), 1, self._open), filters, self._stack, self._line, gap=GAP, margin=MARGIN)
        made.setStretch(2, 1)
        self.setLayout(made)

    def wake(self) -> None:
        """Go on."""
        super().wake()
        self._follow_or_not(self.follow.isChecked())

    def rest(self) -> None:
        """Stop."""
        super().rest()
        self._timer.stop()
        self._typed.stop()

    def look(self) -> None:
        """Read the end of the log anew."""
        self._asked += 1
        asked, self._waits = self._asked, True
        if not self.model.rowCount():
            self._notice.loading(self.say)

        def then(found: LogLines) -> None:
            if asked == self._asked:
                self._take(found)

        def failed(trouble: Trouble) -> None:
            self._waits = False
            self._notice.trouble(self.say, trouble, self.look)
            self._stack.setCurrentIndex(0)

        self.bridge.ask(self, ReadLogs(self.levels.currentData(), self.search.text().strip()), then, failed)

    def _take(self, found: LogLines) -> None:
        self._waits, self._folder = False, found.folder
        self.model.fill(found.lines)
        self._show_whatever_there_is()
        self.table.scrollToBottom()

    def _more(self) -> None:
        if self._waits or not self._folder:
            return
        asked, self._waits = self._asked, True

        def then(found: LogLines) -> None:
            self._waits = False
            if asked == self._asked and found.lines:
                self._add(found.lines)

        def failed(_: Trouble) -> None:
            self._waits = False

        self.bridge.ask(self, FollowLogs(self.levels.currentData(), self.search.text().strip()), then, failed)

    def _add(self, lines: tuple[LogLine, ...]) -> None:
        bar = self.table.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 1
        self.model.add(lines)
        self._show_whatever_there_is()
        if at_end:
            self.table.scrollToBottom()

    def _show_whatever_there_is(self) -> None:
        say = self.say
        if not self.model.rowCount():
            self._notice.tell("○", say("No such lines"), say("Nothing of that kind was written down yet."))
        self._stack.setCurrentIndex(1 if self.model.rowCount() else 0)

    def _follow_or_not(self, follow: bool) -> None:
        if follow and self.awake:
            self._timer.start()
        else:
            self._timer.stop()

    def _show_line(self, current: QModelIndex, _: QModelIndex) -> None:
        line = self.model.line(current.row()) if current.isValid() else None
        text = "" if line is None else f"{line.at} {line.level} {line.source} {line.event}\n{line.fields}"
        self._line.setPlainText("\n".join(printable(part) for part in text[:20_000].split("\n")))

    def _open_folder(self) -> None:
        if self._folder:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._folder))

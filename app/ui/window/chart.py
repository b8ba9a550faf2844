"""A chart of a few lines over time. Lines differ by stroke as well as by colour; the keyboard moves a cursor along them."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from PySide6.QtCore import QElapsedTimer, QEvent, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from shiboken6 import isValid

from app.ui.style import colours
from app.words import Words

STROKES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
DESCRIBED_EVERY_MS = 5000
"""A screen reader that is told four times a second tells nothing."""
TOP, BOTTOM, RIGHT = 24, 20, 8
LINE_WIDTH = 1.5
GAP_FACTOR = 3
"""So many steps without a point are a gap: nothing was measured there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a name and a value for each time; None where nothing was measured."""

    name: str
    values: tuple[float | None, ...]


class Chart(QWidget):
    """Shows what it was last given, over the span that ends with the latest point.

    Args:
        name: what it shows, for those who do not see it.
        text: a value as people read it.
    """

    def __init__(self, name: str, text: Callable[[float], str], say: Words) -> None:
        super().__init__()
        self._say = say
        self._text = text
        self._times: Sequence[float] = ()
        self._lines: tuple[Line, ...] = ()
        self._span = 900.0
        self._step = 1.0
        self._top = 1.0
        self._cursor: int | None = None
        self._picture: QPixmap | None = None
        self._stale = True
        self._described = QElapsedTimer()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(120)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Twice as wide as high."""
        return QSize(320, 150)

    def plot(self, times: Sequence[float], lines: tuple[Line, ...], span: float, step: float) -> None:
        """Show lines over times (seconds since the epoch, ascending); `step` lies between two points."""
        self._times, self._lines, self._span, self._step = times, lines, span, step
        self._cursor = None if self._cursor is None or not times else min(self._cursor, len(times) - 1)
        highest = max((value for line in lines for value in line.values if value is not None), default=0.0)
        self._top = _round_up(highest)
        if not self._described.isValid() or self._described.elapsed() >= DESCRIBED_EVERY_MS:
            self._described.start()
            self.setAccessibleDescription(self.described())
        self._redraw()

    def described(self) -> str:
        """The chart in a sentence."""
        told = [line for line in self._lines if any(value is not None for value in line.values)]
        if not told:
            return self._say("Nothing measured yet.")
        return " ".join(
            self._say(
                "{name}: now {now}, highest {highest}.",
                name=line.name,
                now=self._value(line.values[-1]),
                highest=self._value(max(value for value in line.values if value is not None)),
            )
            for line in told
        )

    # -- the cursor -----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Left and right move the cursor, Home and End to the ends, Escape takes it away."""
        last = len(self._times) - 1
        at = last if self._cursor is None else self._cursor
        stride = 10 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1
        moves = {Qt.Key.Key_Left: at - stride, Qt.Key.Key_Right: at + stride, Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
        key = Qt.Key(event.key())
        if key in moves and last >= 0:
            self._point_at(max(0, min(last, moves[key])))
            self.setAccessibleDescription(self._told_at(self._cursor or 0))
        elif key is Qt.Key.Key_Escape and self._cursor is not None:
            self._point_at(None)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Point at the nearest time."""
        area = self._area()
        if self._times and area.contains(event.position()):
            wanted = self._times[-1] - self._span * (1 - (event.position().x() - area.left()) / area.width())
            self._point_at(min(len(self._times) - 1, bisect_left(self._times, wanted)))

    def leaveEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Nothing is pointed at any more."""
        del event
        self._point_at(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """See `leaveEvent`."""
        self._point_at(None)
        super().focusOutEvent(event)

    def _point_at(self, index: int | None) -> None:
        if index != self._cursor:
            self._cursor = index
            self.update()

    def _told_at(self, index: int) -> str:
        values = " · ".join(
            self._value(line.values[index]) if len(self._lines) == 1 else f"{line.name} {self._value(line.values[index])}"
            for line in self._lines
        )
        return f"{_clock(self._times[index], seconds=self._step < 60)}  {values}"

    def _value(self, value: float | None) -> str:
        return "\N{EN DASH}" if value is None else self._text(value)

    # -- painting -------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The picture is that of another size."""
        super().resizeEvent(event)
        self._redraw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """The picture may be that of another theme."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.PaletteChange, QEvent.Type.StyleChange}:
            self._redraw()

    def _redraw(self) -> None:
        """Have the picture drawn before long; one chart at each turn of the loop, so that six of them hold up nothing."""
        self._stale = True
        if self not in _TO_DRAW:
            _TO_DRAW.append(self)
            if len(_TO_DRAW) == 1:
                QTimer.singleShot(0, _draw_next)

    def draw(self) -> None:
        """Draw the picture now."""
        scale = self.devicePixelRatioF()
        picture = QPixmap(self.size() * scale)
        picture.setDevicePixelRatio(scale)
        picture.fill(Qt.GlobalColor.transparent)
        told, area = colours(), self._area()
        painter = QPainter(picture)
        painter.setFont(self.font())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axes(painter, area, QColor(told.line), QColor(told.quiet), numbered=not self.empty)
        if self.empty:
            painter.setPen(QColor(told.quiet))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._say("Nothing measured yet."))
        else:
            for number, line in enumerate(self._lines):
                self._paint_line(painter, area, self._shape(line, area), QColor(told.series[number]), number)
        painter.end()
        self._picture, self._stale = picture, False
        self.update()

    @property
    def empty(self) -> bool:
        """Nothing was measured."""
        return not any(value is not None for line in self._lines for value in line.values)

    def _area(self) -> QRectF:
        metrics = self.fontMetrics()
        left = max(metrics.horizontalAdvance(self._text(self._top)), metrics.horizontalAdvance("00:00")) + 10
        return QRectF(left, TOP, max(1, self.width() - left - RIGHT), max(1, self.height() - TOP - BOTTOM))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The picture, and legend or cursor over it."""
        del event
        if self._stale:  # it comes into view
            self._redraw()
        told, area = colours(), self._area()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._picture is not None:
            painter.drawPixmap(0, 0, self._picture)
        if self._cursor is not None and self._times:
            self._paint_cursor(painter, area, QColor(told.text))
        elif len(self._lines) > 1 and not self.empty:
            self._paint_legend(painter, area, QColor(told.quiet))
        if self.hasFocus():
            painter.setPen(QPen(QColor(told.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _paint_axes(self, painter: QPainter, area: QRectF, line: QColor, quiet: QColor, *, numbered: bool) -> None:
        half = painter.fontMetrics().height() / 2
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            painter.setPen(QPen(line, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            if share != 0.5 and numbered:
                painter.setPen(quiet)
                box = QRectF(0, y - half, area.left() - 6, 2 * half)
                painter.drawText(
                    box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "0" if not share else self._text(self._top)
                )
        if self._times:
            painter.setPen(quiet)
            box = QRectF(area.left(), area.bottom() + 3, area.width(), BOTTOM)
            begin, end = _clock(self._times[-1] - self._span), _clock(self._times[-1])
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, begin)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, end)

    def _shape(self, line: Line, area: QRectF) -> list[QPolygonF]:
        """The line's unbroken pieces. Of the points in one pixel the highest counts, so that no peak is lost."""
        if not self._times:
            return []
        end, right, bottom = self._times[-1], area.right(), area.bottom()
        across, up, begin, gap = area.width() / self._span, area.height() / self._top, end - self._span, GAP_FACTOR * max(self._step, 1.0)
        pieces: list[list[QPointF]] = [[]]
        before, pixel, highest = begin, -1, 0.0
        for at, value in zip(self._times, line.values, strict=False):
            if value is None or at < begin:
                continue
            x = right - (end - at) * across
            if at - before > gap and pieces[-1]:
                pieces.append([])
                pixel = -1
            if int(x) != pixel:
                pixel, highest = int(x), value
                pieces[-1].append(QPointF(x, bottom - value * up))
            elif value > highest:
                highest = value
                pieces[-1][-1] = QPointF(x, bottom - value * up)
            before = at
        return [QPolygonF(piece) for piece in pieces if piece]

    def _paint_line(self, painter: QPainter, area: QRectF, shapes: list[QPolygonF], colour: QColor, number: int) -> None:
        pen = QPen(colour, LINE_WIDTH, STROKES[number % len(STROKES)])
        for shape in shapes:
            if number == 0 and shape.size() > 1:
                ground = QColor(colour)
                ground.setAlpha(38)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(ground)
                filled = QPolygonF(shape)
                filled.append(QPointF(shape.last().x(), area.bottom()))
                filled.append(QPointF(shape.first().x(), area.bottom()))
                painter.drawPolygon(filled)
            painter.setPen(pen)
            if shape.size() > 1:
                painter.drawPolyline(shape)
            else:
                painter.setBrush(colour)
                painter.drawEllipse(shape.first(), 1.5, 1.5)

    def _paint_legend(self, painter: QPainter, area: QRectF, quiet: QColor) -> None:
        told, x = colours(), area.left()
        for number, line in enumerate(self._lines):
            painter.setPen(QPen(QColor(told.series[number]), LINE_WIDTH, STROKES[number % len(STROKES)]))
            painter.drawLine(QPointF(x, TOP / 2), QPointF(x + 24, TOP / 2))
            painter.setPen(quiet)
            width = painter.fontMetrics().horizontalAdvance(line.name)
            painter.drawText(QRectF(x + 30, 0, width + 4, TOP), Qt.AlignmentFlag.AlignVCenter, line.name)
            x += 30 + width + 20

    def _paint_cursor(self, painter: QPainter, area: QRectF, text: QColor) -> None:
        index = self._cursor or 0
        x = area.right() - (self._times[-1] - self._times[index]) * area.width() / self._span
        painter.setPen(QPen(text, 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setPen(text)
        painter.drawText(QRectF(area.left(), 0, area.width(), TOP), Qt.AlignmentFlag.AlignVCenter, self._told_at(index))


_TO_DRAW: deque[Chart] = deque()


def _draw_next() -> None:
    """The picture of the chart that has waited longest; those that nobody sees wait until somebody does."""
    while _TO_DRAW:
        chart = _TO_DRAW.popleft()
        if isValid(chart) and not chart.visibleRegion().isEmpty():
            chart.draw()
            break
    if _TO_DRAW:
        QTimer.singleShot(0, _draw_next)


def steps(times: Sequence[float]) -> float:
    """The usual distance of two points, in seconds."""
    found = sorted(after - before for before, after in pairwise(times[-30:]))
    return found[len(found) // 2] if found else 1.0


def _round_up(value: float) -> float:
    """The next round number: where an axis ends."""
    if value <= 1:
        return 1.0 if value > 0.5 or value <= 0 else _round_up(value * 1000) / 1000
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next(power * factor for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if power * factor >= value)


def _clock(at: float, *, seconds: bool = False) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")

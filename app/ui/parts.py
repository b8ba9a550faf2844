"""Small parts that the first-run windows and diagnostics share."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app.ui.style import GAP, role


def label(text: str = "", name: str = "", *, selectable: bool = False) -> QLabel:
    """A text that wraps; `name` is its role in the sheet."""
    made = QLabel(text)
    made.setWordWrap(True)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if name:
        role(made, name)
    if selectable:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    return made


def restyled(widget: QWidget, name: str) -> None:
    """Give a shown widget another role."""
    role(widget, name)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


class StatusLine(QFrame):
    """One live check: a sign, what was found, and what to do. The sign is a letter of its own, not a colour alone."""

    SIGNS = {"wait": "…", "good": "✓", "warning": "!", "bad": "✕"}

    def __init__(self) -> None:
        super().__init__()
        self._sign = label()
        self._title = label(selectable=True)
        self._detail = label(name="quiet", selectable=True)
        rows = QVBoxLayout(self)
        rows.setSpacing(GAP // 2)
        rows.addWidget(self._title)
        rows.addWidget(self._detail)
        self.kind = ""

    def tell(self, kind: str, title: str, detail: str = "") -> None:
        """`kind` is `wait`, `good`, `warning` or `bad`."""
        self.kind = kind
        self._title.setText(f"{self.SIGNS[kind]}  {title}")
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        self.setAccessibleName(f"{title} {detail}".strip())
        restyled(self, {"warning": "warning", "bad": "bad"}.get(kind, "card"))
        restyled(self._title, {"good": "good", "warning": "warning", "bad": "bad"}.get(kind, ""))

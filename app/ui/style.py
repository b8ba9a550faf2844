"""Colours, distances and letters: one look for every window, light and dark.

Widgets say what they are with `role(widget, "title")`; the sheet below says how that looks.
"""

from dataclasses import dataclass
from importlib.resources import files
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

GAP = 8
"""Between things that belong together (device-independent pixels)."""
SPACE = 16
"""Between things that do not."""
MARGIN = 24
"""Around a page."""


@dataclass(frozen=True, slots=True)
class Colours:
    """One theme. Text on its ground has a contrast of at least 4.5 (WCAG 2.2, 1.4.3); `faint` is for lines, not for text."""

    ground: str
    raised: str
    line: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    good: str
    warning: str
    bad: str
    warning_ground: str
    bad_ground: str
    series: tuple[str, ...]
    """Of charts; told apart by stroke pattern too."""


LIGHT = Colours(
    ground="#f6f7f9",
    raised="#ffffff",
    line="#d9dde3",
    text="#1b2028",
    quiet="#57606d",
    accent="#0b5cad",
    on_accent="#ffffff",
    good="#1a7f45",
    warning="#8a5a00",
    bad="#b3261e",
    warning_ground="#fdf3dc",
    bad_ground="#fce8e6",
    series=("#0b5cad", "#1a7f45", "#8a5a00", "#8e3b8e"),
)
DARK = Colours(
    ground="#14181f",
    raised="#1c222b",
    line="#343d49",
    text="#e6eaf0",
    quiet="#a3adbb",
    accent="#7db4f5",
    on_accent="#0c1a2b",
    good="#7fd19a",
    warning="#e5b95c",
    bad="#f2a29b",
    warning_ground="#33290f",
    bad_ground="#3a1c1a",
    series=("#7db4f5", "#7fd19a", "#e5b95c", "#d9a3e0"),
)


def colours() -> Colours:
    """Those of the theme that is shown."""
    return DARK if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT


def role(widget: QWidget, name: str) -> QWidget:
    """Say what a widget is: `title`, `heading`, `quiet`, `figure`, `card`, `primary`, `danger`, `warning`, `bad`, `good` or `mono`."""
    widget.setProperty("role", name)
    return widget


def dress(application: QApplication) -> None:
    """Give the program its look, and follow the system from light to dark and back."""
    application.setStyle("Fusion")
    _paint(application)
    hints = application.styleHints()
    hints.colorSchemeChanged.connect(lambda _: _paint(application))


def _paint(application: QApplication) -> None:
    told = colours()
    palette = QPalette()
    for part, colour in {
        QPalette.ColorRole.Window: told.ground,
        QPalette.ColorRole.Base: told.raised,
        QPalette.ColorRole.AlternateBase: told.ground,
        QPalette.ColorRole.Button: told.raised,
        QPalette.ColorRole.ToolTipBase: told.raised,
        QPalette.ColorRole.ToolTipText: told.text,
        QPalette.ColorRole.WindowText: told.text,
        QPalette.ColorRole.Text: told.text,
        QPalette.ColorRole.ButtonText: told.text,
        QPalette.ColorRole.PlaceholderText: told.quiet,
        QPalette.ColorRole.Highlight: told.accent,
        QPalette.ColorRole.HighlightedText: told.on_accent,
        QPalette.ColorRole.Link: told.accent,
        QPalette.ColorRole.Accent: told.accent,
    }.items():
        palette.setColor(part, QColor(colour))
    for part in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, part, QColor(told.quiet))
    application.setPalette(palette)
    values = {name: getattr(told, name) for name in Colours.__slots__ if name != "series"}
    pictures = {part: _picture(part, "dark" if told is DARK else "light") for part in ("tick", "chevron")}
    application.setStyleSheet(_SHEET.substitute(values | pictures))


def _picture(part: str, theme: str) -> str:
    """The address of a drawn part, as a style sheet writes it."""
    return str(files("assets").joinpath(f"svg/{part}-{theme}.svg")).replace("\\", "/")


_SHEET = Template(
    """
QLabel[role="title"] { font-size: 20px; font-weight: 600; }
QLabel[role="heading"] { font-size: 15px; font-weight: 600; }
QLabel[role="figure"] { font-size: 26px; font-weight: 600; }
QLabel[role="quiet"] { color: $quiet; }
QLabel[role="good"] { color: $good; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="bad"] { color: $bad; }
QLabel[role="mono"], QPlainTextEdit[role="mono"] { font-family: monospace; }
QFrame[role="card"] { background: $raised; border: 1px solid $line; border-radius: 8px; }
QFrame[role="warning"] { background: $warning_ground; border: 1px solid $warning; border-radius: 8px; }
QFrame[role="bad"] { background: $bad_ground; border: 1px solid $bad; border-radius: 8px; }
QLabel[role="warning"], QLabel[role="bad"] { background: transparent; border: none; }
QPushButton { padding: 6px 14px; border: 1px solid $line; border-radius: 6px; background: $raised; }
QPushButton:hover { border-color: $accent; }
QPushButton:focus { border: 2px solid $accent; padding: 5px 13px; }
QPushButton:disabled { color: $quiet; }
QPushButton[role="primary"] { background: $accent; color: $on_accent; border-color: $accent; font-weight: 600; }
QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="primary"]:disabled { background: $line; color: $quiet; border-color: $line; }
QPushButton[role="danger"] { color: $bad; border-color: $bad; }
QLineEdit, QComboBox, QSpinBox { padding: 5px 8px; border: 1px solid $line; border-radius: 6px; background: $raised; }
QLineEdit:focus, QComboBox:focus, QSpinBox:focus { border: 2px solid $accent; padding: 4px 7px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url("$chevron"); width: 14px; height: 14px; }
QCheckBox, QRadioButton { spacing: 8px; padding: 2px; }
QCheckBox::indicator, QRadioButton::indicator { width: 14px; height: 14px; border: 1px solid $quiet; background: $raised; }
QCheckBox::indicator { border-radius: 4px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $accent; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url("$tick"); }
QRadioButton::indicator:checked { width: 6px; height: 6px; border: 5px solid $accent; background: $on_accent; }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { border-color: $line; background: $ground; }
QCheckBox::indicator:checked:disabled { background: $quiet; }
QCheckBox:focus, QRadioButton:focus { border: 1px solid $accent; border-radius: 4px; padding: 1px; }
QTableView { border: 1px solid $line; border-radius: 6px; gridline-color: $line; background: $raised; }
QHeaderView::section { background: $ground; border: none; border-bottom: 1px solid $line; padding: 6px 8px; color: $quiet; }
"""
)

"""How the window's own parts look; everything else has the look of `app/ui/style.py`."""

from string import Template

from app.ui.style import Colours, colours

_SHEET = Template(
    """
QLabel[role="mark"] { font-size: 30px; color: $quiet; }
QLabel[role="name"] { font-weight: 600; }
QLabel[role="chip"] { color: $quiet; border: 1px solid $line; border-radius: 8px; padding: 1px 8px; }
QListWidget#tabs { background: $raised; border: none; border-right: 1px solid $line; outline: 0; padding: 8px; }
QListWidget#tabs::item { padding: 9px 12px; border-radius: 6px; margin: 1px 0; color: $text; border: 2px solid transparent; }
QListWidget#tabs::item:hover { background: $ground; }
QListWidget#tabs::item:selected { background: $ground; color: $accent; border-left: 4px solid $accent; }
QListWidget#tabs::item:selected:focus { border: 2px solid $accent; border-left: 4px solid $accent; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; }
QPlainTextEdit, QTreeView, QListView#plain { border: 1px solid $line; border-radius: 6px; background: $raised; }
QPlainTextEdit:focus, QTableView:focus, QTreeView:focus { border: 1px solid $accent; }
QPushButton[role="flat"] { border: 1px solid transparent; background: transparent; padding: 3px 8px; color: $accent; }
QPushButton[role="flat"]:hover { border-color: $line; }
QPushButton[role="flat"]:focus { border: 1px solid $accent; padding: 3px 8px; }
QPushButton[role="choice"] { padding: 4px 12px; }
QPushButton[role="choice"]:checked { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton[role="choice"]:focus { border: 2px solid $accent; padding: 3px 11px; }
QPushButton[role="choice"]:checked:focus { border: 2px solid $text; }
QSplitter::handle { background: transparent; }
QStatusBar { color: $quiet; }
QTableView { selection-background-color: $accent; selection-color: $on_accent; }
QTabWidget::pane { border: none; }
QCheckBox::indicator, QRadioButton::indicator { width: 13px; height: 13px; border: 1px solid $quiet; background: $raised; }
QCheckBox::indicator { border-radius: 3px; }
QRadioButton::indicator { border-radius: 7px; }
QCheckBox::indicator:checked, QRadioButton::indicator:checked { width: 7px; height: 7px;
  border: 4px solid $accent; background: $on_accent; }
QCheckBox:focus, QRadioButton:focus { color: $accent; }
QTabBar::tab { padding: 6px 10px; border: none; border-bottom: 2px solid transparent; color: $quiet; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:focus { color: $accent; }
QTabBar { qproperty-drawBase: 0; }
QTableView::item { padding: 0 6px; }
QHeaderView::section { padding: 6px 8px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow, QSpinBox::down-arrow { image: none; width: 0; height: 0;
  border-left: 4px solid $raised; border-right: 4px solid $raised; border-top: 5px solid $quiet; }
QComboBox::down-arrow { margin-right: 8px; }
QSpinBox { padding: 5px 24px 5px 8px; }
QSpinBox::up-button, QSpinBox::down-button { border: none; width: 22px; background: transparent; }
QSpinBox::up-arrow { image: none; width: 0; height: 0; border-left: 4px solid $raised; border-right: 4px solid $raised;
  border-bottom: 5px solid $quiet; }
QLabel[role="warning"], QLabel[role="bad"], QLabel[role="good"] { background: transparent; border: none; }
QPushButton[role="danger"]:disabled { color: $quiet; border-color: $line; }
QListView#plain { padding: 4px; outline: 0; }
QListView#plain::item { padding: 7px 10px; border-radius: 6px; }
QListView#plain::item:selected { background: $accent; color: $on_accent; }
QListView#plain:focus { border: 1px solid $accent; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: 4px; margin: 2px; min-height: 28px; min-width: 28px; }
QScrollBar::handle:hover { background: $quiet; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""
)


def sheet() -> str:
    """The style sheet of the window in the theme that is shown."""
    told = colours()
    return _SHEET.substitute({name: getattr(told, name) for name in Colours.__slots__ if name != "series"})

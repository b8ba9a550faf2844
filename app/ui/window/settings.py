"""The Settings tab: every setting, what it is, where its value comes from; changes go into the file."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QSplitter, QStackedWidget, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.settings import ChangeSetting, Form, ListSettings, Setting, SettingsFound
from app.bridge.qt import Bridge
from app.ui.style import GAP, MARGIN, SPACE
from app.ui.window.parts import Notice, Page, button, card, column, label, put, recast, row, scrolled
from app.ui.window.rows import Rows
from app.words import Words
from kit.config import Origin


class SettingsTab(Page):
    """Reads the file when it is looked at; works while no gateway runs, too."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self._found: SettingsFound | None = None
        self.search = QLineEdit()
        self.search.setPlaceholderText(say("Find a setting by its name or by what it does"))
        self.search.setAccessibleName(say("Find a setting"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._fill())
        self.rows = Rows(say("Settings"), [say("Setting"), say("Value"), say("From")], [240, 170])
        self.rows.itemSelectionChanged.connect(self._show)
        self.editor = Editor(say)
        self.editor.save.clicked.connect(lambda _=False: self._save(self.editor.text))
        self.editor.reset.clicked.connect(lambda _=False: self._save(None))
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(SPACE)
        self._split.addWidget(self.rows)
        self._split.addWidget(scrolled(self.editor))
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._notice = Notice()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._notice)
        self._stack.addWidget(self._split)
        self._file = label("", "quiet", wrap=True, select=True)
        made = column(label(say("Settings"), "title"), self._file, self.search, self._stack, gap=GAP, margin=MARGIN)
        made.setStretch(3, 1)
        self.setLayout(made)

    def look(self) -> None:
        """Read them anew."""
        if self._found is None:
            self._notice.loading(self.say)
        self.bridge.ask(self, ListSettings(), self._take, self._refused)

    def _take(self, found: SettingsFound) -> None:
        self._found = found
        put(self._file, self.say("Kept in {file}. Changes hold after the next start of Flowork.", file=found.file))
        self._fill()

    def _refused(self, trouble: Trouble) -> None:
        """The file itself is wrong: say what, and let it be mended."""
        self._notice.trouble(self.say, trouble, self.look)
        self._stack.setCurrentIndex(0)

    def _fill(self) -> None:
        say, found = self.say, self._found
        if found is None:
            return
        sought = self.search.text().strip().casefold()
        shown = [each for each in found.settings if sought in f"{each.key} {each.help} {say(each.help)} {each.value}".casefold()]
        self.rows.fill([(each.key, (each.key, _value(each, each.value, say), origin(each.origin, say))) for each in shown])
        if shown:
            self._stack.setCurrentIndex(1)
            if self.rows.chosen is None:
                self.rows.selectRow(0)
        else:
            self._notice.tell("○", say("No setting fits"), say("Look for fewer letters."))
            self._stack.setCurrentIndex(0)
        self._show()

    @property
    def chosen(self) -> Setting | None:
        """What is shown beside the list."""
        found = () if self._found is None else self._found.settings
        return next((each for each in found if each.key == self.rows.chosen), None)

    def _show(self) -> None:
        self.editor.tell(self.chosen)

    def _save(self, text: str | None) -> None:
        setting = self.chosen
        if setting is None:
            return

        def then(found: SettingsFound) -> None:
            self._take(found)
            self.editor.say_saved()

        self.bridge.ask(self, ChangeSetting(setting.table, setting.name, text), then, self.editor.refuse)


class Editor(QWidget):
    """One setting."""

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self._setting: Setting | None = None
        self.save: QPushButton = button(say("&Save"), lambda: None, "primary")
        self.reset: QPushButton = button(say("Use the &default"), lambda: None)
        self._key = label("", "heading", wrap=True, select=True)
        self._help = label("", wrap=True, select=True)
        self._name = label(say("Value"), "quiet")
        self.line = QLineEdit()
        self.line.setAccessibleName(say("Value"))
        self.line.textChanged.connect(lambda _: self._enable())
        self.line.returnPressed.connect(self.save.click)
        self.choice = QComboBox()
        self.choice.setAccessibleName(say("Value"))
        self.choice.currentIndexChanged.connect(lambda _: self._enable())
        self._hint = label("", "quiet", wrap=True)
        self._default = label("", "quiet", wrap=True, select=True)
        self._origin = label("", "quiet", wrap=True, select=True)
        self._told = label("", "good", wrap=True)
        self.setLayout(
            column(
                card(
                    self._key,
                    self._help,
                    self._name,
                    self.line,
                    self.choice,
                    self._hint,
                    row(self.save, self.reset, 1),
                    self._told,
                    self._default,
                    self._origin,
                    gap=GAP,
                ),
                1,
            )
        )
        self.tell(None)

    @property
    def text(self) -> str:
        """The value as it stands in the editor."""
        return str(self.choice.currentData()) if self.choice.isVisibleTo(self) else self.line.text().strip()

    def tell(self, setting: Setting | None) -> None:
        """Show a setting; what was typed for the same one stays."""
        self.setVisible(setting is not None)
        if setting is None or setting == self._setting:
            return
        say = self._say
        if self._setting is None or self._setting.key != setting.key:
            put(self._told, "")
        self._setting = setting
        put(self._key, setting.key)
        put(self._help, say(setting.help))
        chosen = setting.form in {Form.SWITCH, Form.CHOICE}
        self.choice.setVisible(chosen)
        self.line.setVisible(not chosen)
        if chosen:
            self._fill_choice(setting)
        else:
            self.line.setText(setting.value)
        hints = {Form.LIST: say("Several, with commas between them.")}
        put(self._hint, hints.get(setting.form, ""))
        self._hint.setVisible(bool(self._hint.text()))
        put(self._default, say("Default: {value}", value=_value(setting, setting.default, say)))
        put(self._origin, _where(setting, say))
        self._enable()

    def _fill_choice(self, setting: Setting) -> None:
        self.choice.blockSignals(True)
        self.choice.clear()
        for each in setting.choices:
            self.choice.addItem(_value(setting, each, self._say), each)
        self.choice.setCurrentIndex(self.choice.findData(setting.value))
        self.choice.blockSignals(False)

    def _enable(self) -> None:
        setting = self._setting
        if setting is None:
            return
        covered = setting.origin in {Origin.ENVIRONMENT, Origin.ARGUMENT}
        for each in (self.line, self.choice):
            each.setEnabled(not covered)
        typed = bool(self.text) if self.line.isVisibleTo(self) else self.choice.currentIndex() >= 0
        empty_list = setting.form is Form.LIST
        self.save.setEnabled(not covered and (typed or empty_list) and self.text != setting.value)
        self.reset.setEnabled(setting.origin is Origin.FILE)

    def say_saved(self) -> None:
        """It was written."""
        self._tell(self._say("✓ Saved. It holds after the next start of Flowork."), "good")

    def refuse(self, trouble: Trouble) -> None:
        """It was not written."""
        self._tell(f"✕ {trouble.detail or trouble.title}", "bad")

    def _tell(self, words: str, kind: str) -> None:
        put(self._told, words)
        recast(self._told, kind)


def origin(told: Origin, say: Words) -> str:
    """Where a value comes from, in a word or two."""
    match told:
        case Origin.DEFAULT:
            return say("Default")
        case Origin.FILE:
            return say("File")
        case Origin.ENVIRONMENT:
            return say("Environment")
        case Origin.ARGUMENT:
            return say("Argument")


def _where(setting: Setting, say: Words) -> str:
    match setting.origin:
        case Origin.DEFAULT:
            return say("Nobody set it; the default holds.")
        case Origin.FILE:
            return say("Set in the file.")
        case Origin.ENVIRONMENT:
            return say("Set by the variable {name}, which counts before the file. Change it there.", name=setting.place)
        case Origin.ARGUMENT:
            return say("Set by the argument {name} of this start, which counts before the file.", name=setting.place)


def _value(setting: Setting, value: str, say: Words) -> str:
    if setting.form is Form.SWITCH:
        return say("On") if value == "true" else say("Off")
    return value or say("None")

"""The step of the first run that finds models and tools."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.setup import AddKey, FindSources, KeyAdded, ModelServer, Sources, UseServers
from app.bridge.qt import Bridge
from app.ui.parts import StatusLine, label
from app.ui.style import GAP
from app.ui.wizard_page import Page
from app.words import Words

OTHER = "other"


class SourcesPage(Page):
    """Servers of models on this machine, or a key for one elsewhere."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self.title = say("Models and tools")
        self.lead = say("Jobs may ask only for models that you let them use. Everything here can be changed later.")
        self.boxes: dict[str, QCheckBox] = {}
        self._list = QVBoxLayout()
        self._list.setSpacing(GAP)
        self.rows.addLayout(self._list)
        self.use = QPushButton(say("&Use the ticked ones"))
        self.use.clicked.connect(self._use)
        self.again = QPushButton(say("Look &again"))
        self.again.clicked.connect(self.enter)
        line = QHBoxLayout()
        line.setSpacing(GAP)
        line.addWidget(self.use)
        line.addWidget(self.again)
        line.addStretch(1)
        self.rows.addLayout(line)
        self.rows.addWidget(label(say("Or a key for models elsewhere"), "heading"))
        self._build_key()
        self.key_check = StatusLine()
        self.key_check.hide()
        self.rows.addWidget(self.key_check)
        self.tools = label(name="quiet")
        self.rows.addWidget(self.tools)
        self.rows.addStretch(1)

    def _build_key(self) -> None:
        say = self.say
        self.vendor = QComboBox()
        for name, text in (("anthropic", "Anthropic"), ("openai", "OpenAI"), (OTHER, say("Another address that speaks OpenAI's wire"))):
            self.vendor.addItem(text, name)
        self.vendor.currentIndexChanged.connect(self._typed)
        self.address, self.key = QLineEdit(), QLineEdit()
        self.address.setPlaceholderText("https://openrouter.ai/api/v1")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.address.textChanged.connect(self._typed)
        self.key.textChanged.connect(self._typed)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.form.addRow(say("Provider"), self.vendor)
        self.form.addRow(say("Address"), self.address)
        self.form.addRow(say("Key"), self.key)
        self.rows.addLayout(self.form)
        self.add = QPushButton(say("&Try it and keep it"))
        self.add.clicked.connect(self._add)
        line = QHBoxLayout()
        line.addWidget(self.add)
        line.addStretch(1)
        self.rows.addLayout(line)
        self._typed()

    @Slot()
    def enter(self) -> None:
        self.check.tell("wait", self.say("Looking for servers of models on this machine…"))
        self.use.hide()
        self.again.setEnabled(False)
        self.bridge.ask(self, FindSources(), self._found, self._not_found)

    def _found(self, found: Sources) -> None:
        say = self.say
        self.again.setEnabled(True)
        while (item := self._list.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.setParent(None)
                old.deleteLater()
        self.boxes = {}
        for server in found.servers:
            self._list.addWidget(self._row(server))
        unused = [one for one in found.servers if not one.configured]
        self.use.setVisible(bool(unused))
        if found.servers:
            number = say.count("Found {number} server of models", "Found {number} servers of models", len(found.servers))
            self.check.tell("good", number, "" if unused else say("Jobs may use all of their models."))
        elif found.providers:
            self.check.tell("good", say("Jobs may use: {names}", names=", ".join(found.providers)))
        else:
            what = say("Looked for Ollama, LM Studio, llama.cpp and vLLM. Start one and look again, add a key, or go on without models.")
            self.check.tell("warning", say("No server of models answers on this machine"), what)
        names = ", ".join(found.tools)
        self.tools.setText(say("Tools: {names}", names=names) if names else say("No tools are set up. They are added in config.toml."))

    def _row(self, server: ModelServer) -> QWidget:
        say = self.say
        models = say.count("{number} model", "{number} models", len(server.models))
        row = QCheckBox(say("{name}: {models}, at {address}", name=server.name, models=models, address=server.address))
        row.setChecked(True)
        row.setToolTip("\n".join(server.models[:20]))
        if server.configured:
            row.setEnabled(False)
        else:
            self.boxes[server.name] = row
            row.toggled.connect(self._ticked)
        return row

    @Slot()
    def _ticked(self) -> None:
        self.use.setEnabled(any(box.isChecked() for box in self.boxes.values()))

    def _not_found(self, trouble: Trouble) -> None:
        self.again.setEnabled(True)
        self.failed(trouble)

    @Slot()
    def _use(self) -> None:
        self.use.setEnabled(False)
        chosen = tuple(name for name, box in self.boxes.items() if box.isChecked())
        self.bridge.ask(self, UseServers(chosen), self._used, self._not_used)

    def _used(self, found: Sources) -> None:
        self._found(found)
        self._ticked()
        self.check.tell("good", self.say("Jobs may use these models"), self.say("They are taken when the gateway starts next."))

    def _not_used(self, trouble: Trouble) -> None:
        self._ticked()
        self.failed(trouble)

    @Slot()
    def _typed(self) -> None:
        other = self.vendor.currentData() == OTHER
        self.form.setRowVisible(self.address, other)
        addressed = self.address.text().strip().startswith(("http://", "https://")) or not other
        self.add.setEnabled(bool(self.key.text().strip()) and addressed)

    @Slot()
    def _add(self) -> None:
        self.add.setEnabled(False)
        self.key_check.show()
        self.key_check.tell("wait", self.say("Trying the key…"))
        vendor = str(self.vendor.currentData())
        address = self.address.text().strip() if vendor == OTHER else None
        act = AddKey("openai" if vendor == OTHER else vendor, self.key.text().strip(), address)
        self.bridge.ask(self, act, self._added, self._not_added)

    def _added(self, added: KeyAdded) -> None:
        say = self.say
        self.key.clear()
        models = say.count("{number} model", "{number} models", added.models)
        self.key_check.tell("good", say("The key is kept; {name} lists {models}", name=added.name, models=models))

    def _not_added(self, trouble: Trouble) -> None:
        self.key_check.tell("bad", self.say(trouble.title), trouble.detail)
        self._typed()

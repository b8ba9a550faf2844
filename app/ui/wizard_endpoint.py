"""The step of the first run that chooses how browsers elsewhere reach this gateway."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QButtonGroup, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QRadioButton, QVBoxLayout, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.setup import ChooseEndpoint
from app.bridge.qt import Bridge
from app.ui.parts import label
from app.ui.style import GAP, role
from app.ui.wizard_page import Page
from app.words import Words
from contract.endpoint import EndpointKind, EndpointState, EndpointView

NEEDS_ORIGIN = frozenset({EndpointKind.URL, EndpointKind.NAMED})


class EndpointPage(Page):
    """None, to try, or for good; and how it is, live."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self.title = say("Reaching it from elsewhere")
        self.lead = say("Nothing leaves this machine unless you choose so here.")
        self.choices: dict[EndpointKind, QRadioButton] = {}
        self._group = QButtonGroup(self)
        for kind, text, meaning in (
            (EndpointKind.NONE, say("&This machine only"), say("Browsers and programs of this machine reach it; nobody else does.")),
            (
                EndpointKind.QUICK,
                say("A &quick tunnel, to try"),
                say("Needs cloudflared and no account. The address is another one at every start, so browsers must be paired again."),
            ),
            (
                EndpointKind.NAMED,
                say("A &named tunnel"),
                say("Needs cloudflared, a Cloudflare account and a domain of yours. The address stays."),
            ),
            (EndpointKind.URL, say("&I have an HTTPS address"), say("A reverse proxy of yours leads to this machine.")),
        ):
            button = QRadioButton(text)
            button.setAccessibleDescription(meaning)
            button.toggled.connect(self._chosen)
            self.choices[kind] = button
            self._group.addButton(button)
            said = label(meaning, "quiet")
            said.setContentsMargins(28, 0, 0, 0)
            both = QVBoxLayout()
            both.setSpacing(GAP // 4)
            both.addWidget(button)
            both.addWidget(said)
            self.rows.addLayout(both)
        self._build_form()
        self.rows.addStretch(1)
        self._tried: EndpointKind | None = None
        bridge.changed.connect(self._look)

    def _build_form(self) -> None:
        say = self.say
        self.origin, self.token = QLineEdit(), QLineEdit()
        self.origin.setPlaceholderText("https://flowork.example.org")
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.origin.textChanged.connect(self._chosen)
        self.token.textChanged.connect(self._chosen)
        self._fields = QWidget()
        self.form = QFormLayout(self._fields)
        self.form.setContentsMargins(28, 0, 0, 0)
        self.form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.form.addRow(say("Address"), self.origin)
        self.form.addRow(say("Token of the tunnel"), self.token)
        self.use = QPushButton(say("&Use this"))
        role(self.use, "primary")
        self.use.clicked.connect(self._use)
        line = QHBoxLayout()
        line.addWidget(self.use)
        line.addStretch(1)
        self.rows.addWidget(self._fields)
        self.rows.addLayout(line)

    @property
    def kind(self) -> EndpointKind:
        """What is chosen on the page."""
        return next((kind for kind, button in self.choices.items() if button.isChecked()), EndpointKind.NONE)

    def enter(self) -> None:
        view = self.bridge.snapshot.endpoint
        self.choices[view.kind].setChecked(True)
        if view.origin and view.kind in NEEDS_ORIGIN:
            self.origin.setText(view.origin)
        self._tell(view)
        self._chosen()

    @Slot()
    def _chosen(self) -> None:
        kind = self.kind
        self._fields.setVisible(kind in NEEDS_ORIGIN)
        self.form.setRowVisible(self.token, kind is EndpointKind.NAMED)
        origin = self.origin.text().strip()
        named = kind not in NEEDS_ORIGIN or (origin.startswith("https://") and len(origin) > len("https://"))
        view = self.bridge.snapshot.endpoint
        same = kind is view.kind and (kind not in NEEDS_ORIGIN or origin == view.origin) and not self.token.text()
        self.use.setEnabled(named and not same and self._tried is None)

    @Slot()
    def _use(self) -> None:
        self._tried = self.kind
        origin = self.origin.text().strip().rstrip("/") if self._tried in NEEDS_ORIGIN else None
        token = self.token.text().strip() if self._tried is EndpointKind.NAMED else ""
        self.use.setEnabled(False)
        self.check.tell("wait", self.say("Setting it up…"))
        self.bridge.ask(self, ChooseEndpoint(self._tried, origin, token), self._used, self._not_used)

    def _used(self, view: EndpointView) -> None:
        self._tried = None
        self.token.clear()
        self._tell(view)

    def _not_used(self, trouble: Trouble) -> None:
        self._tried = None
        self.failed(trouble)
        self.use.setEnabled(True)

    @Slot(object)
    def _look(self, _: object) -> None:
        if self._tried is None and self.isVisibleTo(self.window()) and self.check.kind != "bad":
            self._tell(self.bridge.snapshot.endpoint)

    def _tell(self, view: EndpointView) -> None:
        say, at = self.say, view.origin or ""
        match view.state:
            case EndpointState.OFF:
                self.check.tell("good", say("Only this machine reaches it"))
            case EndpointState.STARTING:
                self.check.tell("wait", say("Setting it up…"), at)
            case EndpointState.READY | EndpointState.DEGRADED:
                self.check.tell("good", say("Browsers elsewhere reach it"), at)
            case _:
                why = view.reason or say("Browsers elsewhere cannot reach this gateway; this machine can.")
                self.check.tell("warning", say("It is not reached from elsewhere"), why)

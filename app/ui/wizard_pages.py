"""Steps of the first run: where keys are kept, pairing, and the question at the end."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QRadioButton, QVBoxLayout, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.running import Start, Unlock
from app.bridge.acts.setup import AutostartView, ChooseSecrets, LookAtAutostart, LookAtSecrets, SecretsPlace, SetAutostart
from app.bridge.qt import Bridge
from app.rules.condition import Service
from app.ui.parts import label
from app.ui.style import GAP, role
from app.ui.wizard_page import Page
from app.words import Words

PASSPHRASE_MIN = 12


class SecretsPage(Page):
    """Names the place of the keys, and lets the person choose one where none was."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self.title = say("Where keys are kept")
        self.lead = say("Flowork signs with keys of its own. They should lie where only you can open them.")
        self.ready = False
        self.unlock = QPushButton(say("&Unlock…"))
        self.unlock.clicked.connect(self._unlock)
        self.again = QPushButton(say("Look &again"))
        self.again.clicked.connect(self.enter)
        buttons = QHBoxLayout()
        buttons.addWidget(self.unlock)
        buttons.addWidget(self.again)
        buttons.addStretch(1)
        self.rows.addLayout(buttons)
        self.choice = QWidget()
        self._build_choice()
        self.rows.addWidget(self.choice)
        self.rows.addStretch(1)

    def _build_choice(self) -> None:
        say = self.say
        self.keyring = QRadioButton(say("In the &keyring of this desktop (recommended)"))
        self.file = QRadioButton(say("In a file under a &passphrase, which is asked for at every start"))
        self.clear = QRadioButton(say("In files in the &clear"))
        self._group = QButtonGroup(self)
        for each in (self.keyring, self.file, self.clear):
            self._group.addButton(each)
            each.toggled.connect(self._chosen)
        self.passphrase, self.repeated = QLineEdit(), QLineEdit()
        for field in (self.passphrase, self.repeated):
            field.setEchoMode(QLineEdit.EchoMode.Password)
            field.textChanged.connect(self._chosen)
        self._form = QWidget()
        form = QFormLayout(self._form)
        form.setContentsMargins(28, 0, 0, 0)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(say("Passphrase (at least {number} characters)", number=PASSPHRASE_MIN), self.passphrase)
        form.addRow(say("The same again"), self.repeated)
        self._hint = label(name="warning")
        form.addRow(self._hint)
        self.understood = QCheckBox(say("I know that whoever reads this disk reads the keys"))
        self.understood.setStyleSheet("margin-left: 28px")
        self.understood.toggled.connect(self._chosen)
        self.keep = QPushButton(say("&Keep keys there"))
        role(self.keep, "primary")
        self.keep.clicked.connect(self._keep)
        rows = QVBoxLayout(self.choice)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(GAP)
        below: list[QWidget] = [self.keyring, self.file, self._form, self.clear, self.understood]
        for one in below:
            rows.addWidget(one)
        line = QHBoxLayout()
        line.addWidget(self.keep)
        line.addStretch(1)
        rows.addSpacing(GAP)
        rows.addLayout(line)

    @Slot()
    def enter(self) -> None:
        self.check.tell("wait", self.say("Looking at the keyring…"))
        for each in (self.unlock, self.again, self.choice):
            each.hide()
        self.bridge.ask(self, LookAtSecrets(), self._found, self._not_found)

    def _found(self, place: SecretsPlace) -> None:
        say = self.say
        open_now = place.state == "open"
        match place.state:
            case "open" if place.place == "clear":
                told = say("Keys are kept unencrypted"), say("Whoever reads this disk reads them. Settings can move them.")
                self.check.tell("warning", *told)
            case "open":
                self.check.tell("good", say("Keys are kept in: {place}", place=place.kind))
            case "locked":
                self.check.tell("warning", say("The keyring is locked"), say("Unlock it, and this step goes on by itself."))
            case "not chosen yet":
                self.check.tell("good", say("This desktop has a keyring: {place}", place=place.kind), say("It opens when you sign in."))
            case _:
                self.check.tell("warning", say("This desktop has no keyring that can be used"), place.reason)
        unchosen = not place.place
        self.unlock.setVisible(place.state == "locked")
        self.again.setVisible(not open_now)
        self.choice.setVisible(unchosen and place.state != "locked")
        self.keyring.setEnabled(place.state == "not chosen yet")
        (self.keyring if self.keyring.isEnabled() else self.file).setChecked(True)
        self._chosen()
        self.become_ready(open_now)

    def _not_found(self, trouble: Trouble) -> None:
        self.failed(trouble)
        self.again.show()

    @Slot()
    def _chosen(self) -> None:
        self._form.setVisible(self.file.isChecked())
        self.understood.setVisible(self.clear.isChecked())
        typed, again = self.passphrase.text(), self.repeated.text()
        hint = ""
        if typed and len(typed) < PASSPHRASE_MIN:
            hint = self.say("This passphrase is too short.")
        elif again and typed != again:
            hint = self.say("The two passphrases differ.")
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        good = len(typed) >= PASSPHRASE_MIN and typed == again
        self.keep.setEnabled(
            (self.keyring.isChecked() and self.keyring.isEnabled())
            or (self.file.isChecked() and good)
            or (self.clear.isChecked() and self.understood.isChecked())
        )

    @Slot()
    def _keep(self) -> None:
        place = "keyring" if self.keyring.isChecked() else "file" if self.file.isChecked() else "clear"
        passphrase = self.passphrase.text() if place == "file" else ""
        self.keep.setEnabled(False)
        self.check.tell("wait", self.say("Making the place for the keys…"))
        self.bridge.ask(self, ChooseSecrets(place, passphrase), self._kept, self._not_kept)

    def _kept(self, place: SecretsPlace) -> None:
        self.passphrase.clear()
        self.repeated.clear()
        self._found(place)

    def _not_kept(self, trouble: Trouble) -> None:
        self.failed(trouble)
        self._chosen()

    @Slot()
    def _unlock(self) -> None:
        self.unlock.setEnabled(False)
        self.check.tell("wait", self.say("Your desktop asks for the keyring's password…"))
        self.bridge.ask(self, Unlock(), self._unlocked, self._stays_locked)

    def _unlocked(self, _: str) -> None:
        self.unlock.setEnabled(True)
        self.enter()

    def _stays_locked(self, trouble: Trouble) -> None:
        self.unlock.setEnabled(True)
        self.failed(trouble)


class PairPage(Page):
    """The panel that pairs a browser, once there is a gateway to pair with."""

    def __init__(self, bridge: Bridge, say: Words, make: Callable[[], QWidget]) -> None:
        super().__init__(bridge, say)
        self.title = say("Pair a browser")
        self.lead = say("Scan the code with a phone, or open the link in a browser. Nobody gets in whom you have not let in.")
        self._make = make
        self.panel: QWidget | None = None
        self.start = QPushButton(say("&Start"))
        self.start.clicked.connect(self._start)
        role(self.start, "primary")
        line = QHBoxLayout()
        line.addWidget(self.start)
        line.addStretch(1)
        self.rows.addLayout(line)
        self._place = QVBoxLayout()
        self.rows.addLayout(self._place, 1)
        self.rows.addStretch(0)
        bridge.changed.connect(self._look)

    def enter(self) -> None:
        self._look()

    @Slot()
    def _look(self) -> None:
        if not self.isVisibleTo(self.window()):
            return
        service = self.bridge.snapshot.facts.service
        running = service is Service.RUNNING
        self.check.setVisible(not running)
        self.start.setVisible(service in {Service.STOPPED, Service.FAILED})
        if service is Service.FAILED:
            self.check.tell("bad", self.say("The gateway could not start"), self.bridge.snapshot.facts.failure)
        elif not running:
            waits = service is Service.STARTING
            self.check.tell(*(("wait", self.say("Starting…")) if waits else ("warning", self.say("The gateway does not run yet"))))
        if running and self.panel is None:
            self.panel = self._make()
            self._place.addWidget(self.panel)
        if self.panel is not None:
            self.panel.setVisible(running)

    @Slot()
    def _start(self) -> None:
        self.start.hide()
        self.check.tell("wait", self.say("Starting…"))
        self.bridge.ask(self, Start(), lambda _: self._look(), self.failed)


class DonePage(Page):
    """Says what comes next, and asks the one question."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self.title = say("Flowork is set up")
        self.lead = say("You find it in the tray, or by starting it again. This setup can be opened again from the menu.")
        self.start_at_login = QCheckBox(say("&Start Flowork when I sign in"))
        self.rows.addWidget(self.start_at_login)
        self.rows.addWidget(label(say("It is off unless you want it, and you can change it in the menu at any time."), "quiet"))
        self.rows.addStretch(1)
        self._was = ""

    def enter(self) -> None:
        self.check.hide()
        self.start_at_login.setEnabled(False)
        self.bridge.ask(self, LookAtAutostart(), self._found, self.failed)

    def _found(self, view: AutostartView) -> None:
        self._was = view.state
        self.start_at_login.setChecked(view.state == "on")
        self.start_at_login.setEnabled(view.state in {"on", "off"})
        why = {
            "foreign": self.say("Another program has an entry of this name; it was left alone: {where}", where=view.where),
            "disabled_by_system": self.say("Your system's settings switched it off; switch it on there: {where}", where=view.where),
        }.get(view.state)
        self.check.setVisible(why is not None)
        if why is not None:
            self.check.tell("warning", self.say("Starting at sign-in cannot be changed here"), why)

    def finish(self, done: Callable[[], None]) -> None:
        wanted = "on" if self.start_at_login.isChecked() else "off"
        if not self.start_at_login.isEnabled() or wanted == self._was:
            done()
            return
        self.bridge.ask(self, SetAutostart(self.start_at_login.isChecked()), lambda _: done(), self._not_changed)

    def _not_changed(self, trouble: Trouble) -> None:
        self.check.show()
        self.failed(trouble)
        self.become_ready(True)

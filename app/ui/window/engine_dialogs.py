"""What is asked about engines: a name, a machine, a user, a version."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.bridge.acts.engines import (
    AddEngine,
    Enrolment,
    NewCode,
    PromoteRollout,
    RevokeInstallation,
    ShareEngine,
    StartRollout,
)
from app.bridge.qt import Bridge
from app.ui.style import MARGIN, SPACE
from app.ui.window.forms import Form
from app.ui.window.parts import button, column, copy, label, local_time, row
from app.words import Words
from contract.admin_engines import RevokeAnswer
from contract.people import User
from contract.words import Role

Then = Callable[[], object]


class CodeDialog(QDialog):
    """An enrolment code, shown this once."""

    def __init__(self, parent: QWidget, say: Words, made: Enrolment) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(say("Add a machine"))
        self.setMinimumWidth(520)
        command = label(made.command, "mono", wrap=True, select=True)
        self.code = label(made.code, "mono", wrap=True, select=True)
        self.code.setAccessibleName(say("Enrolment code"))
        here_only = label(
            say(
                "No other machine reaches this gateway yet: set up a public endpoint and switch on accept_remote_engines under Settings, "
                "or bring its port there with SSH."
            ),
            "warning",
            wrap=True,
        )
        here_only.setVisible(made.address is None)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.NoButton)
        buttons.addButton(say("&Done"), QDialogButtonBox.ButtonRole.RejectRole).setDefault(True)
        buttons.rejected.connect(self.reject)
        self.setLayout(
            column(
                label(say("Add a machine to {engine}", engine=made.engine), "heading"),
                here_only,
                label(say("On the machine that will serve it, run:")),
                _wide(command, button(say("C&opy command"), lambda: copy(made.command))),
                label(say("and type this code when it asks:")),
                _wide(self.code, button(say("Copy co&de"), lambda: copy(made.code))),
                label(
                    say("It serves once, until {time}, and is not shown again.", time=local_time(made.expires_at)),
                    "quiet",
                    wrap=True,
                ),
                1,
                buttons,
                gap=SPACE,
                margin=MARGIN,
            )
        )


class AddDialog(Form):
    """A new engine, or one more machine for one that is there (`engine`)."""

    def __init__(self, parent: QWidget, bridge: Bridge, say: Words, engine: str | None, then: Then) -> None:
        title = say("Add an engine") if engine is None else say("Add a machine to {engine}", engine=engine)
        text = (
            say("An engine has a queue of its own. You get a code for the first machine that serves it.")
            if engine is None
            else say("You get a code that makes one machine serve this engine.")
        )
        super().__init__(parent, say, title, text, say("&Get a code"), self._ask)
        self._bridge, self._engine, self._then = bridge, engine, then
        self.name = QLineEdit()
        self.name.setPlaceholderText(say("Such as lab: lower-case letters, digits and hyphens"))
        self.name.setMaxLength(63)
        self.here = QRadioButton(say("On &this machine"))
        self.elsewhere = QRadioButton(say("On &another machine"))
        self.elsewhere.setChecked(True)
        if engine is None:
            self.fields.addLayout(_named(say("&Name"), self.name))
        self.fields.addWidget(self.elsewhere)
        self.fields.addWidget(self.here)

    def _ask(self) -> None:
        elsewhere = self.elsewhere.isChecked()
        name = self.name.text().strip()
        if self._engine is not None:
            self._bridge.ask(self, NewCode(self._engine, elsewhere), self._made, self.failed)
        elif not name:
            self.complain(self._say("Give it a name first."))
        else:
            self._bridge.ask(self, AddEngine(name, elsewhere), self._made, self.failed)

    def _made(self, made: Enrolment) -> None:
        CodeDialog(self._home, self._say, made).open()
        self._then()
        self.accept()


class ShareDialog(Form):
    """A user who may use an engine."""

    def __init__(self, parent: QWidget, bridge: Bridge, say: Words, engine: str, users: list[User], then: Then) -> None:
        title = say("Share {engine}", engine=engine)
        text = say("The user sees this engine and may do with it what the role says; jobs stay their own.")
        super().__init__(parent, say, title, text, say("&Share"), self._ask)
        self._bridge, self._engine, self._then = bridge, engine, then
        self.users = QComboBox()
        for user in users:
            self.users.addItem(user.name, user.id)
        self.roles = QComboBox()
        self.roles.addItem(say("Runner: submits jobs, sees their own"), Role.RUNNER)
        self.roles.addItem(say("Viewer: sees health and load"), Role.VIEWER)
        self.roles.addItem(say("Admin: manages the engine"), Role.ADMIN)
        self.ceiling = QSpinBox()
        self.ceiling.setRange(0, 5)
        self.ceiling.setSpecialValueText(say("Not limited"))
        self.fields.addLayout(_named(say("&User"), self.users))
        self.fields.addLayout(_named(say("&Role"), self.roles))
        self.fields.addLayout(_named(say("Most urgent &priority (1 is the most urgent)"), self.ceiling))
        if not users:
            self.complain(say("There is nobody to share it with yet: pair a browser for another user first."))
            self.yes.setEnabled(False)

    def _ask(self) -> None:
        act = ShareEngine(self._engine, self.users.currentData(), Role(self.roles.currentData()), self.ceiling.value() or None)
        self._bridge.ask(self, act, self._shared, self.failed)

    def _shared(self, _: object) -> None:
        self._then()
        self.accept()


class RevokeDialog(Form):
    """End the tokens of one machine, or of all of an engine."""

    def __init__(self, parent: QWidget, bridge: Bridge, say: Words, engine: str, installation: str | None, then: Then) -> None:
        title = (
            say("Revoke every machine of {engine}", engine=engine)
            if installation is None
            else say("Revoke {machine} of {engine}", machine=installation, engine=engine)
        )
        text = say("Its token is void at once, and its running jobs go back to the queue. To serve again it needs a new code.")
        super().__init__(parent, say, title, text, say("&Revoke"), self._ask)
        self._bridge, self._engine, self._installation, self._then = bridge, engine, installation, then
        self.compromised = QCheckBox(say("Somebody else &may have had the token"))
        self.fields.addWidget(self.compromised)
        self.fields.addWidget(
            label(say("Then it is written down as such, and what the audit log knows of it is shown."), "quiet", wrap=True)
        )

    def _ask(self) -> None:
        act = RevokeInstallation(self._engine, self._installation, self.compromised.isChecked())
        self._bridge.ask(self, act, self._revoked, self.failed)

    def _revoked(self, told: RevokeAnswer) -> None:
        self._then()
        self.accept()
        RevokedDialog(self._home, self._say, told).open()


class RevokedDialog(QDialog):
    """What was revoked."""

    def __init__(self, parent: QWidget, say: Words, told: RevokeAnswer) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(say("Revoked"))
        lines: list[QLabel] = []
        for each in told.revoked:
            used = say("never used") if each.last_used_at is None else say("last used {time}", time=local_time(each.last_used_at))
            returned = say.count("{number} job went back to the queue", "{number} jobs went back to the queue", each.jobs_returned)
            lines.append(
                label(say("{machine}: its token is void; {used}; {jobs}.", machine=each.installation, used=used, jobs=returned), wrap=True)
            )
        if not lines:
            lines.append(label(say("No machine served it; there was nothing to revoke.")))
        lines += [label(f"{local_time(record.at)}  {record.event}  {record.actor}", "mono", select=True) for record in told.records]
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.NoButton)
        buttons.addButton(say("&Close"), QDialogButtonBox.ButtonRole.RejectRole).setDefault(True)
        buttons.rejected.connect(self.reject)
        self.setMinimumWidth(480)
        self.setLayout(column(label(say("Revoked"), "heading"), *lines, 1, buttons, gap=SPACE, margin=MARGIN))


class RolloutDialog(Form):
    """A version to be tried."""

    def __init__(self, parent: QWidget, bridge: Bridge, say: Words, engine: str, versions: list[str], then: Then) -> None:
        title = say("Try a version on {engine}", engine=engine)
        text = say(
            "Machines that announce this version get a share of the jobs. If it fails more than the others, it is rolled back by itself."
        )
        super().__init__(parent, say, title, text, say("&Start"), self._ask)
        self._bridge, self._engine, self._then = bridge, engine, then
        self.version = QComboBox()
        self.version.setEditable(True)
        self.version.addItems(versions)
        self.percent = QSpinBox()
        self.percent.setRange(0, 100)
        self.percent.setValue(10)
        self.percent.setSuffix(" %")
        self.fields.addLayout(_named(say("&Version"), self.version))
        self.fields.addLayout(_named(say("Share of the &jobs"), self.percent))

    def _ask(self) -> None:
        version = self.version.currentText().strip()
        if not version:
            self.complain(self._say("Name the version first."))
            return
        self._bridge.ask(self, StartRollout(self._engine, version, self.percent.value()), self._started, self.failed)

    def _started(self, _: object) -> None:
        self._then()
        self.accept()


class PromoteDialog(Form):
    """The version that is tried becomes everybody's."""

    def __init__(self, parent: QWidget, bridge: Bridge, say: Words, engine: str, version: str, then: Then) -> None:
        title = say("Promote version {version}", version=version)
        text = say("It gets jobs like every other machine of {engine} from now on.", engine=engine)
        super().__init__(parent, say, title, text, say("&Promote"), self._ask)
        self._bridge, self._engine, self._then = bridge, engine, then
        self.stop_old = QCheckBox(say("Let machines with &other versions finish and stop"))
        self.fields.addWidget(self.stop_old)

    def _ask(self) -> None:
        self._bridge.ask(self, PromoteRollout(self._engine, self.stop_old.isChecked()), self._promoted, self.failed)

    def _promoted(self, _: object) -> None:
        self._then()
        self.accept()


def _wide(field: QWidget, press: QWidget) -> QHBoxLayout:
    made = row(field, press)
    made.setStretch(0, 1)
    return made


def _named(text: str, field: QWidget) -> QVBoxLayout:
    name = QLabel(text)
    name.setBuddy(field)
    return column(name, field, gap=2)

"""Pairing a browser: a QR code with its countdown, then the six digits that the device shows."""

from datetime import UTC, datetime
from enum import Enum, auto

from PySide6.QtCore import QRegularExpression, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent, QRegularExpressionValidator, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.bridge.acts import Trouble
from app.bridge.acts.people import Approve, ListPeople, LookAtOffer, OfferPairing, People, Withdraw
from app.bridge.qt import Bridge
from app.ui.qr import QrCode
from app.ui.style import GAP, MARGIN, SPACE, role
from app.words import Words
from contract.pairing import key_words
from contract.people import Device, OfferMade, PairingOffer
from contract.signin import decoded
from contract.words import PairingState, UserRole

LOOK_EVERY_MS = 1000


class _Who(Enum):
    OWNER = auto()
    USER = auto()
    NEW = auto()


class PairPanel(QWidget):
    """The whole pairing, in whatever window holds it. Hiding it ends the offer: a code that nobody sees serves nobody."""

    paired = Signal(object)
    """A `Device`."""

    def __init__(self, bridge: Bridge, say: Words, look_every_ms: int = LOOK_EVERY_MS) -> None:
        super().__init__()
        self._bridge = bridge
        self._say = say
        self._offer: OfferMade | None = None
        self._asking = 0
        """Which offer was asked for last; answers to earlier ones are too late."""
        self._state = PairingState.OPEN
        self._timer = QTimer(self)
        self._timer.setInterval(look_every_ms)
        self._timer.timeout.connect(self._look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addLayout(self._who_row())
        self._pages = QStackedWidget()
        layout.addWidget(self._pages)
        self._offered, self._claimed, self._ended = self._offered_page(), self._claimed_page(), self._ended_page()
        for page in (self._offered, self._claimed, self._ended):
            self._pages.addWidget(page)

    # -- building -------------------------------------------------------------------------------------------------

    def _who_row(self) -> QHBoxLayout:
        say = self._say
        self._who = QComboBox()
        self._who.setAccessibleName(say("Whose device it is"))
        self._who.addItem(say("A device of mine (owner)"), (_Who.OWNER, ""))
        self._who.addItem(say("A new person…"), (_Who.NEW, ""))
        self._who.currentIndexChanged.connect(self._who_chosen)
        self._name = QLineEdit()
        self._name.setPlaceholderText(say("Name of the person"))
        self._name.setAccessibleName(say("Name of the person"))
        self._name.setValidator(QRegularExpressionValidator(QRegularExpression("[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}"), self._name))
        self._name.hide()
        self._name.returnPressed.connect(self.begin)
        self._make = QPushButton(say("Make a &code"))
        self._make.hide()
        self._make.clicked.connect(self.begin)
        row = QHBoxLayout()
        label = QLabel(say("&For:"))
        label.setBuddy(self._who)
        row.addWidget(label)
        row.addWidget(self._who, 1)
        row.addWidget(self._name, 1)
        row.addWidget(self._make)
        return row

    def _offered_page(self) -> QWidget:
        say = self._say
        self._qr = QrCode()
        self._qr.setAccessibleName(say("QR code of the pairing link"))
        self._how = QLabel(say("Scan this with the telephone, or open the link on the other computer."))
        self._how.setWordWrap(True)
        self._left = role_label("", "quiet")
        self._copy = QPushButton(say("Copy &link"))
        self._copy.clicked.connect(self._copy_link)
        self._code = QLabel()
        role(self._code, "mono")
        self._code.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self._code.setWordWrap(True)
        self._address, self._key = QLabel(), QLabel()
        for label in (self._address, self._key):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        role(self._key, "mono")
        details = QFormLayout()
        details.setSpacing(GAP)
        details.addRow(role_label(say("Address"), "quiet"), self._address)
        details.addRow(role_label(say("Code"), "quiet"), self._code)
        details.addRow(role_label(say("Gateway's key"), "quiet"), self._key)
        side = QVBoxLayout()
        side.setSpacing(SPACE)
        side.addWidget(self._how)
        side.addLayout(details)
        side.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignLeft)
        side.addStretch(1)
        side.addWidget(self._left)
        page = QWidget()
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addWidget(self._qr, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(side, 1)
        return page

    def _claimed_page(self) -> QWidget:
        say = self._say
        self._device, self._place = role_label("", "heading"), role_label("", "quiet")
        self._device.setWordWrap(True)
        self._place.setWordWrap(True)
        self._waits = QLabel()
        self._waits.setWordWrap(True)
        self._digits = QLineEdit()
        self._digits.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{3} ?[0-9]{3}"), self._digits))
        self._digits.setAccessibleName(say("The six digits that the device shows"))
        self._digits.setPlaceholderText("000 000")
        self._digits.setMaximumWidth(180)
        self._digits.returnPressed.connect(self._approve)
        self._digits.textChanged.connect(self._typed)
        self._let_in = QPushButton(say("&Let it in"))
        role(self._let_in, "primary")
        self._let_in.clicked.connect(self._approve)
        self._refuse = QPushButton(say("&Refuse"))
        self._refuse.clicked.connect(self.begin)
        card = QFrame()
        role(card, "card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        inside.addWidget(self._device)
        inside.addWidget(self._place)
        row = QHBoxLayout()
        row.addWidget(self._digits)
        row.addWidget(self._let_in)
        row.addWidget(self._refuse)
        row.addStretch(1)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(card)
        layout.addWidget(self._waits)
        layout.addLayout(row)
        layout.addStretch(1)
        return page

    def _ended_page(self) -> QWidget:
        self._end_title, self._end_text = role_label("", "heading"), QLabel()
        self._end_title.setWordWrap(True)
        self._end_text.setWordWrap(True)
        self._again = QPushButton(self._say("Make a new &code"))
        role(self._again, "primary")
        self._again.clicked.connect(self.begin)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(self._end_title)
        layout.addWidget(self._end_text)
        layout.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)
        return page

    # -- the offer ------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Begin when somebody sees it."""
        super().showEvent(event)
        if not event.spontaneous():
            self._bridge.ask(self, ListPeople(), self._people, lambda _: None)
            self.begin()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """End it when nobody does; a minimised window still counts as seen."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._withdraw()

    def begin(self) -> None:
        """Make a new code, in place of the one there was."""
        self._withdraw()
        who, user = self._who.currentData()
        new = self._name.text().strip()
        if who is _Who.NEW and not new:
            self._qr.show_text(None)
            self._pages.setCurrentWidget(self._offered)
            self._left.setText(self._say("Type a name first: it is how you will know this person."))
            return
        self._asking += 1
        asked = self._asking
        self._left.setText(self._say("Making a code…"))
        self._qr.show_text(None)
        self._copy.setEnabled(False)
        for label in (self._address, self._code, self._key):
            label.setText("")
        self._pages.setCurrentWidget(self._offered)
        act = OfferPairing(user=user if who is _Who.USER else None, new=new if who is _Who.NEW else None)
        self._bridge.ask(self, act, lambda made: self._made(asked, made), self._failed)

    def _made(self, asked: int, made: OfferMade) -> None:
        if asked != self._asking or not self.isVisible():
            self._bridge.ask(self, Withdraw(made.offer), lambda _: None, lambda _: None)
            return
        self._offer, self._state = made, PairingState.OPEN
        self._qr.show_text(made.link)
        self._copy.setEnabled(True)
        self._address.setText(made.gateway)
        self._code.setText("-".join(made.code[at : at + 5] for at in range(0, len(made.code), 5)))
        self._key.setText(key_words(decoded(made.gateway_key)))
        self._count_down()
        self._timer.start()

    def _withdraw(self) -> None:
        self._timer.stop()
        self._asking += 1
        if self._offer is not None and self._state not in {PairingState.APPROVED, PairingState.COLLECTED, PairingState.DEAD}:
            self._bridge.ask(self, Withdraw(self._offer.offer), lambda _: None, lambda _: None)
        self._offer = None

    def _look(self) -> None:
        if self._offer is None:
            return
        self._count_down()
        offer = self._offer.offer
        self._bridge.ask(self, LookAtOffer(offer), lambda found: self._found(offer, found), lambda _: None)

    def _found(self, offer: str, found: PairingOffer | None) -> None:
        if self._offer is None or self._offer.offer != offer or self._state is PairingState.APPROVED:
            return
        if found is None or found.state is PairingState.DEAD:
            self._over(
                self._say("The code has ended"),
                self._say("It serves once, for five minutes. Nothing was let in."),
            )
        elif found.state is not self._state:
            self._state = found.state
            self._show_claim(found)

    def _show_claim(self, found: PairingOffer) -> None:
        say = self._say
        self._device.setText(found.device_name or "")
        self._place.setText(say("{address} · from {client} ({ingress})", address=found.address, client=found.client, ingress=found.ingress))
        signed = found.state is PairingState.SIGNED
        self._waits.setText(
            say("Type the six digits that it shows. You have one try.")
            if signed
            else say("A device has taken the code. Waiting for it to sign…")
        )
        self._digits.setEnabled(signed)
        self._typed()
        self._pages.setCurrentWidget(self._claimed)
        if signed:
            self._digits.clear()
            self._digits.setFocus()

    def _typed(self) -> None:
        self._let_in.setEnabled(self._digits.isEnabled() and self._digits.hasAcceptableInput())

    def _approve(self) -> None:
        if self._offer is None or not self._let_in.isEnabled():
            return
        digits = self._digits.text().replace(" ", "")
        self._digits.setEnabled(False)
        self._let_in.setEnabled(False)
        self._bridge.ask(self, Approve(self._offer.offer, digits), self._approved, self._failed)

    def _approved(self, device: Device) -> None:
        self._state = PairingState.APPROVED
        self._over(self._say("{name} is paired", name=device.name), self._say("It can be revoked at any time under Devices and users."))
        self.paired.emit(device)

    def _failed(self, trouble: Trouble) -> None:
        self._over(trouble.title, trouble.detail)

    def _over(self, title: str, text: str) -> None:
        self._withdraw()
        self._end_title.setText(title)
        self._end_text.setText(text)
        self._pages.setCurrentWidget(self._ended)
        self._again.setFocus()

    def _count_down(self) -> None:
        assert self._offer is not None
        left = (datetime.fromisoformat(self._offer.expires_at) - datetime.now(UTC)).total_seconds()
        minutes, seconds = divmod(max(0, round(left)), 60)
        self._left.setText(self._say("Serves once, for another {minutes}:{seconds}.", minutes=minutes, seconds=f"{seconds:02d}"))

    def _copy_link(self) -> None:
        if self._offer is not None:
            QGuiApplication.clipboard().setText(self._offer.link)
            self._copy.setText(self._say("Copied"))
            QTimer.singleShot(1500, self, lambda: self._copy.setText(self._say("Copy &link")))

    def _people(self, people: People) -> None:
        for user in people.users:
            if user.role is not UserRole.OWNER:
                self._who.insertItem(self._who.count() - 1, self._say("Another device of {name}", name=user.name), (_Who.USER, user.id))

    def _who_chosen(self) -> None:
        new = self._who.currentData()[0] is _Who.NEW
        self._name.setVisible(new)
        self._make.setVisible(new)
        if new:
            self._name.setFocus()
        self.begin()


class PairDialog(QDialog):
    """Pairing in a window of its own."""

    def __init__(self, bridge: Bridge, say: Words, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(say("Pair a browser"))
        self.panel = PairPanel(bridge, say)
        close = QPushButton(say("Close"))
        close.clicked.connect(self.close)
        close.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(SPACE)
        layout.addWidget(self.panel)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self.resize(720, 460)


def role_label(text: str, name: str) -> QLabel:
    """A label that says what it is."""
    label = QLabel(text)
    role(label, name)
    return label

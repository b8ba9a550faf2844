"""The tab of devices and users: who there is, with what; revoke and remove."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.people import ListPeople, People, RemoveUser, RevokeDevice
from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.ui.style import MARGIN, SPACE
from app.ui.window.parts import Notice, Page, button, card, column, confirm, label, row, scrolled, short_time
from app.ui.window.rows import Rows
from app.words import Words
from contract.people import Budget, Spent, User
from contract.words import UserRole


class PeopleTab(Page):
    """Asks when it is looked at, and after everything it did."""

    pair_wanted = Signal()

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self._people: People | None = None
        self.devices = Rows(
            say("Devices"), [say("Device"), say("User"), say("Signed in"), say("Paired"), say("Address")], [190, 140, 110, 130]
        )
        self.users = Rows(
            say("Users"), [say("User"), say("Role"), say("Devices"), say("Taken today"), say("Limit a day")], [190, 110, 80, 180]
        )
        self._revoke = button(say("&Revoke…"), self._ask_revoke, "danger")
        self._remove = button(say("Re&move user…"), self._ask_remove, "danger")
        for rows in (self.devices, self.users):
            rows.itemSelectionChanged.connect(self._enable)
        self._no_device = label(say("No device is paired yet. Pair a browser to use Flowork from it."), "quiet", wrap=True)
        inside = QWidget()
        inside.setLayout(
            column(
                card(label(say("Devices"), "name"), self._no_device, self.devices, row(self._revoke, 1)),
                card(label(say("Users"), "name"), self.users, row(self._remove, 1)),
                1,
                gap=SPACE,
            )
        )
        self._notice = Notice()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._notice)
        self._stack.addWidget(scrolled(inside))
        self._pair = button(say("&Pair a browser…"), self.pair_wanted.emit, "primary")
        made = column(row(label(say("Devices and users"), "title"), 1, self._pair), self._stack, gap=SPACE, margin=MARGIN)
        made.setStretch(1, 1)
        self.setLayout(made)
        self._enable()

    def look(self) -> None:
        """Ask who there is."""
        if self.serves:
            if self._people is None:
                self._notice.loading(self.say)
            self.bridge.ask(self, ListPeople(), self._take, self._refused)

    def told(self, snapshot: Snapshot) -> None:
        """Know whether there is anybody to ask."""
        came = self.came(snapshot)
        self._pair.setEnabled(self.serves)
        if not self.serves and self._people is None:
            self._notice.offline(self.say, snapshot)
        elif came:
            self.look()

    def _take(self, people: People) -> None:
        say, self._people = self.say, people
        names = {user.id: user.name for user in people.users}
        self.devices.fill(
            [
                (
                    device.id,
                    (
                        device.name,
                        names.get(device.user, device.user),
                        say("✓ Yes") if device.in_use else say("– No"),
                        short_time(device.added_at),
                        device.address,
                    ),
                )
                for device in people.devices
            ]
        )
        self.users.fill([(user.id, self._user(user)) for user in people.users])
        for rows in (self.devices, self.users):
            rows.fit(10)
        self._no_device.setVisible(not people.devices)
        self.devices.setVisible(bool(people.devices))
        self._revoke.setVisible(bool(people.devices))
        self._stack.setCurrentIndex(1)
        self._enable()

    def _user(self, user: User) -> tuple[str, ...]:
        say = self.say
        role = say("Owner") if user.role is UserRole.OWNER else say("Member")
        return user.name, role, say.number(user.devices), _spent(user.spent, say), _budget(user.budget, say)

    def _refused(self, trouble: Trouble) -> None:
        if self._people is None:
            self._notice.trouble(self.say, trouble, self.look)
            self._stack.setCurrentIndex(0)

    def _enable(self) -> None:
        self._revoke.setEnabled(self.devices.chosen is not None)
        people = () if self._people is None else self._people.users
        user = next((each for each in people if each.id == self.users.chosen), None)
        self._remove.setEnabled(user is not None and user.role is not UserRole.OWNER)

    def _ask_revoke(self) -> None:
        say, device = self.say, self.devices.chosen
        if device is None or self._people is None:
            return
        name = next((each.name for each in self._people.devices if each.id == device), device)
        text = say("It is signed out at once and must be paired again to come back. Jobs it submitted go on.")
        question = say("Revoke {device}?", device=name)
        act = RevokeDevice(device)
        confirm(self, say, question, text, say("&Revoke"), lambda: self.bridge.ask(self, act, lambda _: self.look(), self.failed))

    def _ask_remove(self) -> None:
        say, user = self.say, self.users.chosen
        if user is None or self._people is None:
            return
        name = next((each.name for each in self._people.users if each.id == user), user)
        text = say(
            "All devices of this user are signed out at once and can come back only as a new user. Jobs stay until they are forgotten."
        )
        question = say("Remove {user}?", user=name)
        act = RemoveUser(user)
        confirm(self, say, question, text, say("&Remove"), lambda: self.bridge.ask(self, act, lambda _: self.look(), self.failed))


def _spent(spent: Spent | None, say: Words) -> str:
    if spent is None:
        return "–"
    tokens = say.count("{number} token", "{number} tokens", spent.input_tokens + spent.output_tokens)
    return tokens if not spent.cost_micros else f"{tokens} · {say.number(spent.cost_micros / 1_000_000, 2)}"


def _budget(budget: Budget | None, say: Words) -> str:
    if budget is None or (budget.tokens is None and budget.cost_micros is None):
        return say("Not limited")
    parts = [] if budget.tokens is None else [say.count("{number} token", "{number} tokens", budget.tokens)]
    parts += [] if budget.cost_micros is None else [say.number(budget.cost_micros / 1_000_000, 2)]
    return " · ".join(parts)

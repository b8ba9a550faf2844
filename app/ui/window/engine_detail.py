"""One engine: its machines, its members, and the version that is tried."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.ui.style import GAP, SPACE
from app.ui.window.engine_words import engine_state, workers
from app.ui.window.parts import button, card, column, label, put, recast, row, short_time, span
from app.ui.window.rows import Rows
from app.words import Words
from contract.admin import EngineStatus
from contract.admin_engines import EngineView, InstallationView
from contract.drain import RolloutView, SideView
from contract.words import DrainState, Role


class EngineDetail(QWidget):
    """Says what is wanted; the tab does it."""

    machine_wanted = Signal()
    drain_wanted = Signal(bool)
    public_wanted = Signal(bool)
    rotate_wanted = Signal(str)
    """An installation; empty for all."""
    revoke_wanted = Signal(str)
    """An installation; empty for all."""
    share_wanted = Signal()
    unshare_wanted = Signal(str)
    """A user's id."""
    rollout_wanted = Signal()
    promote_wanted = Signal(str)
    """The version."""
    roll_back_wanted = Signal(str)
    """The version."""

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self._draining = self._public = False
        self._version = ""
        self._name = label("", "heading", select=True)
        self._state = label("")
        self._work = label("", "quiet")
        self._id = label("", "mono", select=True)
        self._shown = label("", "quiet", wrap=True)
        self._drain = button("", lambda: self.drain_wanted.emit(not self._draining))
        self._publish = button("", lambda: self.public_wanted.emit(not self._public))
        top = card(row(self._name, self._state, 1, self._work), row(self._id, 1), self._shown, row(self._drain, self._publish, 1), gap=GAP)
        self.setLayout(column(top, self._make_machines(), self._make_members(), self._make_rollout(), 1, gap=SPACE))

    def _make_machines(self) -> QWidget:
        say = self._say
        self.machines = Rows(say("Machines"), [say("Machine"), say("Token"), say("Age"), say("Last used")], [160, 190, 90])
        self.machines.itemSelectionChanged.connect(self._enable)
        self._no_machine = label(say("No machine serves it. Add one, and it gets jobs as soon as it is up."), "quiet", wrap=True)
        self._codes = label("", "quiet")
        self._rotate = button(say("Ro&tate its token"), lambda: self.rotate_wanted.emit(self.machines.chosen or ""))
        self._rotate_all = button(say("Rotate a&ll"), lambda: self.rotate_wanted.emit(""))
        self._revoke = button(say("Re&voke…"), lambda: self.revoke_wanted.emit(self.machines.chosen or ""), "danger")
        add = button(say("Add a &machine…"), self.machine_wanted.emit)
        head = row(label(say("Machines"), "name"), self._codes, 1, add)
        return card(head, self._no_machine, self.machines, row(self._rotate, self._rotate_all, self._revoke, 1))

    def _make_members(self) -> QWidget:
        say = self._say
        self.members = Rows(say("Shared with"), [say("User"), say("Role"), say("Most urgent priority")], [180, 160])
        self.members.itemSelectionChanged.connect(self._enable)
        self._no_member = label(say("Only the owner uses it."), "quiet")
        self._unshare = button(say("Stop sharin&g…"), lambda: self.unshare_wanted.emit(self.members.chosen or ""), "danger")
        head = row(label(say("Shared with"), "name"), 1, button(say("&Share…"), self.share_wanted.emit))
        return card(head, self._no_member, self.members, row(self._unshare, 1))

    def _make_rollout(self) -> QWidget:
        say = self._say
        self._rollout = label("", wrap=True)
        self._sides = Rows(
            say("The two sides of the rollout"),
            [say("Side"), say("Machines"), say("Attempts"), say("Failed"), say("p95")],
            [110, 90, 90, 80],
        )
        self._start = button(say("T&ry a version…"), self.rollout_wanted.emit)
        self._promote = button(say("&Promote…"), lambda: self.promote_wanted.emit(self._version))
        self._back = button(say("Roll &back…"), lambda: self.roll_back_wanted.emit(self._version), "danger")
        head = row(label(say("Versions"), "name"), 1, self._start)
        return card(head, self._rollout, self._sides, row(self._promote, self._back, 1))

    def tell(self, view: EngineView, status: EngineStatus | None, rollout: RolloutView | None) -> None:
        """Show it."""
        say = self._say
        put(self._name, view.name)
        put(self._id, view.id)
        if status is not None:
            words, kind = engine_state(status, say)
            put(self._state, words)
            recast(self._state, kind)
            slots = sum(each.slots for each in status.instances if each.state != "silent")
            put(self._work, workers(status.running, slots, say))
        self._draining = status is not None and status.drain is not DrainState.RUN
        self._public = view.public
        self._drain.setText(say("Take &jobs again") if self._draining else say("&Drain"))
        self._publish.setText(say("&Hide from the public status") if view.public else say("S&how in the public status"))
        put(self._shown, say("Anyone can see its name, health and load.") if view.public else say("Its name is shown to nobody outside."))
        self._tell_machines(view)
        self.members.fill([(each.user, (each.name, _role(each.role, say), str(each.priority_ceiling or "–"))) for each in view.members])
        self.members.fit()
        self.members.setVisible(bool(view.members))
        self._no_member.setVisible(not view.members)
        self._unshare.setVisible(bool(view.members))
        self._tell_rollout(rollout)
        self._enable()

    def _tell_machines(self, view: EngineView) -> None:
        say = self._say
        self.machines.fill([(each.name, _machine(each, say)) for each in view.installations])
        self.machines.fit()
        there = bool(view.installations)
        self.machines.setVisible(there)
        self._no_machine.setVisible(not there)
        for each in (self._rotate, self._rotate_all, self._revoke):
            each.setVisible(there)
        put(self._codes, say.count("{number} code is out", "{number} codes are out", view.codes) if view.codes else "")

    def _tell_rollout(self, rollout: RolloutView | None) -> None:
        say = self._say
        running = rollout is not None and rollout.state == "running"
        self._version = "" if rollout is None else rollout.version
        put(self._rollout, say("No version is being tried.") if rollout is None else _rollout(rollout, say))
        sides = (
            []
            if rollout is None or rollout.canary is None or rollout.rest is None
            else [
                ("canary", _side(say("Canaries"), rollout.canary, say)),
                ("rest", _side(say("Others"), rollout.rest, say)),
            ]
        )
        self._sides.fill(sides)
        self._sides.fit()
        self._sides.setVisible(bool(sides))
        self._start.setVisible(not running)
        self._promote.setVisible(running)
        self._back.setVisible(running)

    def _enable(self) -> None:
        chosen = self.machines.chosen is not None
        self._rotate.setEnabled(chosen)
        self._revoke.setEnabled(chosen)
        self._unshare.setEnabled(self.members.chosen is not None)


def _machine(each: InstallationView, say: Words) -> tuple[str, ...]:
    words = {
        "live": say("✓ In use"),
        "rotating": say("↻ A new one is out"),
        "overdue": say("! Does not take a new one"),
        "revoked": say("✕ Revoked"),
    }
    age = "–" if each.token_age_s is None else span(each.token_age_s, say)
    return each.name, words.get(each.state, each.state), age, say("never") if each.last_used_at is None else short_time(each.last_used_at)


def _role(role: Role, say: Words) -> str:
    return {Role.VIEWER: say("Viewer"), Role.RUNNER: say("Runner"), Role.ADMIN: say("Admin")}[role]


def _rollout(told: RolloutView, say: Words) -> str:
    version, percent = told.version, told.percent
    match told.state:
        case "running":
            return say(
                "Version {version} is being tried with {percent} % of the jobs since {time}.",
                version=version,
                percent=percent,
                time=short_time(told.started_at),
            )
        case "promoted":
            return say("Version {version} was promoted on {time}.", version=version, time=short_time(told.ended_at))
        case "rolled_back":
            return say("Version {version} was rolled back: {reason}", version=version, reason=told.reason or "–")
        case _:
            return say("Version {version} was replaced by another one.", version=version)


def _side(name: str, side: SideView, say: Words) -> tuple[str, ...]:
    return name, str(len(side.instances)), say.number(side.attempts), say.number(side.failed), say.milliseconds(side.p95_ms)

"""The Engines tab: each engine with the machines that serve it, the users it is shared with, and the version that is tried."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QSplitter, QStackedWidget

from app.bridge.acts import Act, Trouble
from app.bridge.acts.engines import ListEngines, PublishEngine, RollBack, RotateInstallation, UnshareEngine
from app.bridge.acts.people import ListPeople, People
from app.bridge.acts.running import Drain, Resume
from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.ui.style import MARGIN, SPACE
from app.ui.window.engine_detail import EngineDetail
from app.ui.window.engine_dialogs import AddDialog, PromoteDialog, RevokeDialog, RolloutDialog, ShareDialog
from app.ui.window.parts import Notice, Page, button, column, confirm, label, row, scrolled
from app.words import Words
from contract.admin import EngineStatus
from contract.admin_engines import EngineList, EngineView
from contract.words import UserRole

ID = Qt.ItemDataRole.UserRole


class EnginesTab(Page):
    """Asks when it is looked at, and after everything it did."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self._views: dict[str, EngineView] = {}
        self.list = QListWidget()
        self.list.setObjectName("plain")
        self.list.setAccessibleName(say("Engines"))
        self.list.currentRowChanged.connect(lambda _: self._show())
        self.detail = EngineDetail(say)
        for signal, act in (
            (self.detail.machine_wanted, self._add_machine),
            (self.detail.drain_wanted, self._drain),
            (self.detail.public_wanted, self._publish),
            (self.detail.rotate_wanted, self._rotate),
            (self.detail.revoke_wanted, self._revoke),
            (self.detail.share_wanted, self._share),
            (self.detail.unshare_wanted, self._unshare),
            (self.detail.rollout_wanted, self._rollout),
            (self.detail.promote_wanted, self._promote),
            (self.detail.roll_back_wanted, self._roll_back),
        ):
            signal.connect(act)
        self._notice = Notice()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(SPACE)
        self._split.addWidget(self.list)
        self._split.addWidget(scrolled(self.detail))
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([190, 700])
        self._stack = QStackedWidget()
        self._stack.addWidget(self._notice)
        self._stack.addWidget(self._split)
        self._add = button(say("&Add an engine…"), lambda: AddDialog(self, bridge, say, None, self.look).open(), "primary")
        made = column(row(label(say("Engines"), "title"), 1, self._add), self._stack, gap=SPACE, margin=MARGIN)
        made.setStretch(1, 1)
        self.setLayout(made)

    def look(self) -> None:
        """Ask for engines, machines and members."""
        if self.serves:
            if not self._views:
                self._notice.loading(self.say)
            self.bridge.ask(self, ListEngines(), self._take, self._refused)

    def told(self, snapshot: Snapshot) -> None:
        """Show how each is."""
        came = self.came(snapshot)
        self._add.setEnabled(self.serves)
        if not self.serves and not self._views:
            self._notice.offline(self.say, snapshot)
            self._stack.setCurrentWidget(self._notice)
        elif came:
            self.look()
        self._show()

    def _take(self, told: EngineList) -> None:
        self._views = {engine.id: engine for engine in told.engines}
        known = [self.list.item(place).data(ID) for place in range(self.list.count())]
        if known != list(self._views):
            chosen = known[self.list.currentRow()] if 0 <= self.list.currentRow() < len(known) else None
            self.list.clear()
            for engine in told.engines:
                item = QListWidgetItem(engine.name)
                item.setData(ID, engine.id)
                self.list.addItem(item)
            ids = list(self._views)
            self.list.setCurrentRow(ids.index(chosen) if chosen in ids else 0)
        if told.engines:
            self._stack.setCurrentWidget(self._split)
        else:
            self._notice.tell("○", self.say("No engine yet"), self.say("The gateway makes one for this machine when it starts."))
            self._stack.setCurrentWidget(self._notice)
        self._show()

    def _refused(self, trouble: Trouble) -> None:
        if not self._views:
            self._notice.trouble(self.say, trouble, self.look)
            self._stack.setCurrentWidget(self._notice)

    @property
    def chosen(self) -> EngineView | None:
        """The engine that is shown."""
        at = self.list.currentRow()
        return self._views.get(self.list.item(at).data(ID)) if at >= 0 else None

    def _status(self, engine: str) -> EngineStatus | None:
        status = self.bridge.snapshot.status
        return None if status is None else next((each for each in status.engines if each.id == engine), None)

    def _show(self) -> None:
        view = self.chosen
        if view is None:
            return
        status = self.bridge.snapshot.status
        rollout = None if status is None else next((each for each in status.rollouts if each.engine_id == view.id), None)
        self.detail.tell(view, self._status(view.id), rollout)

    # -- acts -----------------------------------------------------------------------------------------------------

    def _do(self, act: Act[object]) -> None:
        self.bridge.ask(self, act, lambda _: self.look(), self.failed)

    def _add_machine(self) -> None:
        if self.chosen is not None:
            AddDialog(self, self.bridge, self.say, self.chosen.name, self.look).open()

    def _drain(self, drain: bool) -> None:
        if self.chosen is not None:
            self._do(Drain(self.chosen.name) if drain else Resume(self.chosen.name))

    def _publish(self, public: bool) -> None:
        if self.chosen is not None:
            self._do(PublishEngine(self.chosen.name, public))

    def _rotate(self, installation: str) -> None:
        if self.chosen is not None:
            self._do(RotateInstallation(self.chosen.name, installation or None))

    def _revoke(self, installation: str) -> None:
        if self.chosen is not None:
            RevokeDialog(self, self.bridge, self.say, self.chosen.name, installation or None, self.look).open()

    def _share(self) -> None:
        view = self.chosen
        if view is not None:
            self.bridge.ask(self, ListPeople(), partial(self._share_with, view), self.failed)

    def _share_with(self, view: EngineView, people: People) -> None:
        users = [user for user in people.users if user.role is not UserRole.OWNER]
        ShareDialog(self, self.bridge, self.say, view.name, users, self.look).open()

    def _unshare(self, user: str) -> None:
        view, say = self.chosen, self.say
        if view is None:
            return
        name = next((member.name for member in view.members if member.user == user), user)
        question = say("Stop sharing {engine} with {user}?", engine=view.name, user=name)
        text = say("They can submit nothing to it any more; their jobs there stay theirs to read.")
        confirm(self, say, question, text, say("&Stop sharing"), lambda: self._do(UnshareEngine(view.name, user)))

    def _rollout(self) -> None:
        view = self.chosen
        if view is not None:
            status = self._status(view.id)
            versions = sorted({each.version for each in status.instances}, reverse=True) if status is not None else []
            RolloutDialog(self, self.bridge, self.say, view.name, versions, self.look).open()

    def _promote(self, version: str) -> None:
        if self.chosen is not None:
            PromoteDialog(self, self.bridge, self.say, self.chosen.name, version, self.look).open()

    def _roll_back(self, version: str) -> None:
        view, say = self.chosen, self.say
        if view is not None:
            question = say("Roll version {version} back?", version=version)
            text = say("Its machines finish what they hold and stop; the version gets no more jobs.")
            confirm(self, say, question, text, say("&Roll back"), lambda: self._do(RollBack(view.name)))

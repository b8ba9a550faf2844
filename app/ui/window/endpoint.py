"""The Endpoint tab: how browsers elsewhere reach this gateway, how that is just now, and what the owner's proxy must know."""

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QRadioButton, QWidget

from app.bridge.acts import Trouble
from app.bridge.acts.endpoint import ChangeEndpoint, LookAtEndpoint, RestartEndpoint
from app.bridge.news import Snapshot
from app.bridge.qt import Bridge
from app.rules.condition import Service
from app.ui.style import GAP, MARGIN, SPACE
from app.ui.window.parts import Page, button, card, column, label, local_time, put, recast, row, scrolled
from app.words import Words
from contract.endpoint import EndpointKind, EndpointState, EndpointView

NEEDS_ORIGIN = frozenset({EndpointKind.URL, EndpointKind.NAMED})
MARKS = {
    EndpointState.OFF: ("○", "quiet"),
    EndpointState.STARTING: ("…", "quiet"),
    EndpointState.READY: ("✓", "good"),
    EndpointState.DEGRADED: ("!", "warning"),
    EndpointState.UNREACHABLE: ("!", "warning"),
    EndpointState.DOWN: ("!", "warning"),
    EndpointState.FAILED: ("✕", "bad"),
}


class EndpointTab(Page):
    """Shows what the snapshots say; asks for changes."""

    def __init__(self, bridge: Bridge, say: Words) -> None:
        super().__init__(bridge, say)
        self._view = EndpointView()
        self._chosen: EndpointKind | None = None
        """What the person picked and has not applied yet."""
        self._state, self._reason = label("", "heading"), label("", wrap=True, select=True)
        self._origin = label("", "mono", wrap=True, select=True)
        self._facts = label("", "quiet", wrap=True, select=True)
        self.copy = button(say("&Copy URL"), self._copy)
        self.restart = button(say("&Restart"), lambda: self._ask(RestartEndpoint()))
        self.look_outside = button(say("&Look from outside"), lambda: self._ask(LookAtEndpoint()))
        self._said = label("", "quiet", wrap=True)
        self._said.hide()
        now = card(
            row(self._state), self._reason, self._origin, self._facts, row(self.copy, self.look_outside, self.restart, 1), self._said
        )
        self._proxy = self._proxy_card()
        made = column(
            label(say("Endpoint"), "title"),
            label(
                say("Where browsers elsewhere reach this gateway. Nothing leaves this machine unless you choose so here."),
                "quiet",
                wrap=True,
            ),
            now,
            self._choice_card(),
            self._proxy,
            1,
            gap=SPACE,
            margin=MARGIN,
        )
        content = QWidget()
        content.setLayout(made)
        self.setLayout(column(scrolled(content), gap=0))
        self._show()

    # -- building -------------------------------------------------------------------------------------------------

    def _choice_card(self) -> QWidget:
        say = self.say
        self.choices: dict[EndpointKind, QRadioButton] = {}
        group = QButtonGroup(self)
        rows: list[QWidget] = [label(say("How it is reached"), "heading")]
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
            chosen = QRadioButton(text)
            chosen.setAccessibleDescription(meaning)
            chosen.toggled.connect(self._picked)
            said = label(meaning, "quiet", wrap=True)
            said.setContentsMargins(28, 0, 0, GAP)
            self.choices[kind] = chosen
            group.addButton(chosen)
            rows += [chosen, said]
        self.origin, self.token = QLineEdit(), QLineEdit()
        self.origin.setPlaceholderText("https://flowork.example.org")
        self.origin.setAccessibleName(say("The https address under which it is published"))
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText(say("Token of the tunnel, as Cloudflare shows it; empty keeps the one there is"))
        self.token.setAccessibleName(say("Token of the tunnel"))
        for field in (self.origin, self.token):
            field.textChanged.connect(lambda _: self._fit())
            field.returnPressed.connect(self._apply)
        self.apply = button(say("&Use this"), self._apply, "primary")
        self._problem = label("", "bad", wrap=True)
        self._problem.hide()
        return card(*rows, self.origin, self.token, self._problem, row(self.apply, 1))

    def _proxy_card(self) -> QWidget:
        say = self.say
        self._service, self._host = label("", "mono", select=True), label("", "mono", wrap=True, select=True)
        self._explained = label("", "quiet", wrap=True)
        return card(
            label(say("What your tunnel or proxy must know"), "heading"),
            self._explained,
            row(label(say("Calls"), "quiet"), self._service, 1),
            row(label(say("with the Host"), "quiet"), self._host, 1),
        )

    # -- what is shown --------------------------------------------------------------------------------------------

    def told(self, snapshot: Snapshot) -> None:
        """See `Page`."""
        changed = snapshot.endpoint != self._view
        self._running = snapshot.facts.service is Service.RUNNING
        self._view = snapshot.endpoint
        if changed or not self._running:
            self._show()
        self.apply.setEnabled(self._running and self._fits())

    _running = False

    def look(self) -> None:
        """See `Page`."""
        self.told(self.bridge.snapshot)

    def _show(self) -> None:
        view, say = self._view, self.say
        mark, kind = MARKS[view.state]
        put(self._state, f"{mark}  {state_words(view, say)}")
        recast(self._state, kind if kind != "quiet" else "heading")
        put(self._reason, say(view.reason) if view.reason else "")
        self._reason.setVisible(bool(view.reason))
        put(self._origin, view.origin or "")
        self._origin.setVisible(view.origin is not None)
        put(self._facts, _facts(view, say))
        self._facts.setVisible(bool(self._facts.text()))
        wanted = view.state is not EndpointState.OFF
        self.copy.setEnabled(view.origin is not None)
        self.restart.setEnabled(wanted)
        self.look_outside.setEnabled(wanted and view.origin is not None)
        self._proxy.setVisible(view.service is not None)
        put(self._service, view.service or "")
        put(self._host, view.secret_host or "")
        put(
            self._explained,
            say("Let it pass the name that was asked for as X-Forwarded-Host and the visitor's address as CF-Connecting-IP.")
            if view.kind is EndpointKind.URL
            else say("Enter these at Cloudflare: Service, and under Additional settings the HTTP Host Header."),
        )
        if self._chosen is None:
            self.choices[view.kind].setChecked(True)
            if view.origin is not None and not self.origin.hasFocus():
                self.origin.setText(view.origin if view.kind in NEEDS_ORIGIN else "")
            self._chosen = None
        self._fit()

    @Slot()
    def _picked(self) -> None:
        picked = self.picked
        self._chosen = None if picked is self._view.kind else picked
        self._fit()

    @property
    def picked(self) -> EndpointKind:
        """Which way is marked."""
        return next((kind for kind, choice in self.choices.items() if choice.isChecked()), EndpointKind.NONE)

    def _fit(self) -> None:
        if not hasattr(self, "apply"):
            return
        picked = self.picked
        self.origin.setVisible(picked in NEEDS_ORIGIN)
        self.token.setVisible(picked is EndpointKind.NAMED)
        self.apply.setEnabled(self._running and self._fits())

    def _fits(self) -> bool:
        picked, origin = self.picked, self.origin.text().strip()
        if picked in NEEDS_ORIGIN and not origin.startswith("https://"):
            return False
        same = picked is self._view.kind and (picked not in NEEDS_ORIGIN or origin == self._view.origin)
        return not same or bool(self.token.text())

    # -- what is asked for ----------------------------------------------------------------------------------------

    def _apply(self) -> None:
        if not self.apply.isEnabled():
            return
        self._problem.hide()
        picked = self.picked
        act = ChangeEndpoint(
            picked,
            self.origin.text().strip().rstrip("/") if picked in NEEDS_ORIGIN else None,
            self.token.text().strip() if picked is EndpointKind.NAMED else "",
        )
        self.apply.setEnabled(False)
        self.bridge.ask(self, act, self._applied, self._refused)

    def _applied(self, view: EndpointView) -> None:
        self.token.clear()
        self._chosen = None
        del view  # what it was before: the next snapshots show what comes of it

    def _refused(self, trouble: Trouble) -> None:
        put(self._problem, f"{trouble.title}. {trouble.detail}")
        self._problem.show()
        self._fit()

    def _ask(self, act: RestartEndpoint | LookAtEndpoint) -> None:
        self._say_below(self.say("Asked."))
        self.bridge.ask(self, act, lambda _: self._say_below(""), lambda trouble: self._say_below(f"{trouble.title}. {trouble.detail}"))

    def _copy(self) -> None:
        if self._view.origin is not None:
            QGuiApplication.clipboard().setText(self._view.origin)
            self._say_below(self.say("Copied"))

    def _say_below(self, text: str) -> None:
        put(self._said, text)
        self._said.setVisible(bool(text))


def state_words(view: EndpointView, say: Words) -> str:
    """How it is, in one line."""
    match view.state:
        case EndpointState.OFF:
            return say("Only this machine")
        case EndpointState.STARTING:
            return say("Connecting…")
        case EndpointState.READY:
            return say("Reached from outside")
        case EndpointState.DEGRADED:
            return say("Reached, by fewer connections than usual")
        case EndpointState.UNREACHABLE:
            return say("Connected, but not reached from outside")
        case EndpointState.DOWN if view.next_try_s is not None:
            return say("Down · next try in {seconds} s", seconds=round(view.next_try_s))
        case EndpointState.DOWN:
            return say("Down")
        case EndpointState.FAILED:
            return say("It needs you")


def _facts(view: EndpointView, say: Words) -> str:
    """What was measured, in one line."""
    parts = []
    if view.probed_at is not None:
        took = say("not reached") if view.probe_ms is None else say.milliseconds(view.probe_ms)
        parts.append(say("seen from outside at {at}: {took}", at=local_time(view.probed_at), took=took))
    if view.connections is not None:
        parts.append(say.count("{number} connection", "{number} connections", view.connections))
    if view.restarts:
        parts.append(say.count("{number} restart", "{number} restarts", view.restarts))
    if view.program is not None:
        parts.append(view.program)
    return " · ".join(parts)

"""The window: what is looked at works, what is not looked at rests."""

import pytest
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QLabel, QWidget

from app.bridge.acts.jobs import ListJobs
from app.bridge.news import Attention
from app.rules.condition import Fix
from app.ui.window.dashboard import Dashboard
from app.ui.window.licences import LicencesDialog
from app.words import Words
from tests.support import samples
from tests.support.fake_agent import FakeAgent, agent

TABS = ("overview", "jobs", "engines", "people", "audit", "logs", "settings")


@pytest.fixture
def full(qapp) -> FakeAgent:
    made = agent(samples.answers())
    made.tell(samples.busy())
    return made


@pytest.fixture
def window(qtbot, full: FakeAgent, english: Words) -> Dashboard:
    made = Dashboard(full.bridge, english)
    qtbot.addWidget(made)
    made.show()
    return made


def running_timers(window: Dashboard) -> list[QTimer]:
    return [timer for timer in window.findChildren(QTimer) if timer.isActive() and not timer.isSingleShot()]


@pytest.mark.parametrize("number", range(1, 8))
def test_ctrl_and_a_number_turns_to_a_tab(qtbot, window: Dashboard, number: int):
    window.activateWindow()
    qtbot.keyClick(window, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier)
    assert window.current is window.page(TABS[number - 1])
    assert window.current.isVisible()


def test_f5_asks_anew_for_the_tab_that_is_shown(qtbot, window: Dashboard, full: FakeAgent):
    window.show_tab("jobs")
    before = len(full.of(ListJobs))
    qtbot.keyClick(window, Qt.Key.Key_F5)
    assert len(full.of(ListJobs)) == before + 1


def test_ctrl_w_closes_and_whoever_hears_of_it_may_keep_it_open(qtbot, window: Dashboard):
    window.closing.connect(QCloseEvent.ignore)
    qtbot.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert window.isVisible()
    window.closing.disconnect()
    qtbot.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert not window.isVisible()


@pytest.mark.parametrize("tab", TABS)
def test_a_closed_window_has_no_timer_and_looks_at_nothing(qtbot, window: Dashboard, full: FakeAgent, tab: str):
    window.show_tab(tab)
    assert full.attended[-1].window
    window.close()
    assert running_timers(window) == []
    assert full.attended[-1] == Attention(window=False)
    asked = len(full.asked)
    full.tell(samples.busy())
    qtbot.wait(1)
    assert len(full.asked) == asked


def test_a_minimised_window_rests_and_goes_on_when_it_is_back(qtbot, window: Dashboard, full: FakeAgent):
    window.show_tab("jobs")
    window.setWindowState(Qt.WindowState.WindowMinimized)
    window.changeEvent(QEvent(QEvent.Type.WindowStateChange))
    assert running_timers(window) == []
    assert full.attended[-1] == Attention(window=False)
    window.setWindowState(Qt.WindowState.WindowNoState)
    window.changeEvent(QEvent(QEvent.Type.WindowStateChange))
    assert full.attended[-1] == Attention(window=True)
    assert running_timers(window) != []


def test_only_the_tab_that_is_shown_has_a_timer(window: Dashboard):
    window.show_tab("jobs")
    window.show_tab("overview")
    assert running_timers(window) == []


def test_of_many_snapshots_at_once_the_last_is_shown_once(qtbot, window: Dashboard, full: FakeAgent, monkeypatch):
    shown = []
    monkeypatch.setattr(window.page("overview"), "told", shown.append)
    for _ in range(2000):
        full.tell(samples.STARTING)
    full.tell(last := samples.stale())
    qtbot.waitUntil(lambda: bool(shown))
    assert shown == [last]


def test_the_banners_button_asks_for_what_mends_it(qtbot, window: Dashboard, full: FakeAgent):
    full.tell(samples.STOPPED)
    banner = window.page("overview").banner
    qtbot.waitUntil(banner._button.isVisible)
    with qtbot.waitSignal(window.fix_wanted) as told:
        qtbot.keyClick(banner._button, Qt.Key.Key_Space)
    assert told.args == [Fix.START]


def test_pairing_is_asked_for_from_its_tab(qtbot, window: Dashboard):
    window.show_tab("people")
    with qtbot.waitSignal(window.pair_wanted):
        window.page("people")._pair.click()


def test_the_page_of_the_endpoint_has_a_place_and_is_absent_without_one(qtbot, full: FakeAgent, english: Words):
    class Endpoint(QWidget):
        def __init__(self, bridge, say) -> None:
            super().__init__()
            self.awake = False

        def wake(self) -> None:
            self.awake = True

        def rest(self) -> None:
            self.awake = False

    made: list[Endpoint] = []

    def make(bridge, say) -> Endpoint:
        made.append(Endpoint(bridge, say))
        return made[-1]

    window = Dashboard(full.bridge, english, make)
    qtbot.addWidget(window)
    window.show()
    window.show_tab("endpoint")
    assert made[0].awake
    assert made[0].isVisible()
    window.close()
    assert not made[0].awake
    assert "endpoint" not in [tab.name for tab in Dashboard(full.bridge, english)._tabs]


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("state", ["busy", "loading", "offline", "error"])
def test_every_tab_has_something_to_say_in_every_state_and_language(qtbot, say: Words, tab: str, state: str):
    fake = agent(samples.answers() if state == "busy" else {})
    if state == "error":
        for kind in samples.answers():
            fake.refuse(kind, "Broken", "It is broken.")
    fake.tell({"offline": samples.STOPPED}.get(state, samples.busy()))
    window = Dashboard(fake.bridge, say)
    qtbot.addWidget(window)
    window.show()
    window.show_tab(tab)
    words = [label.text() for label in window.current.findChildren(QLabel) if label.isVisible() and label.text()]
    assert len(words) >= (1 if state == "busy" else 2)
    if state == "error" and tab != "overview":
        assert "Broken" in words
    if state == "loading" and tab != "overview":
        assert say("Loading…") in words
    if state == "offline" and tab in {"jobs", "engines", "people", "audit"}:
        assert say("The gateway is stopped") in words


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_fits_a_small_screen_at_200_percent(qtbot, full: FakeAgent, say: Words, tab: str):
    window = Dashboard(full.bridge, say)
    qtbot.addWidget(window)
    window.show()
    window.show_tab(tab)
    qtbot.waitUntil(window.current.isVisible)
    least = window.minimumSizeHint()
    assert least.width() <= 960, least
    assert least.height() <= 540, least


@pytest.mark.parametrize("tab", TABS)
def test_whatever_takes_the_keyboard_has_a_name(qtbot, window: Dashboard, tab: str):
    window.show_tab(tab)
    nameless = [
        widget
        for widget in window.current.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible()
        and not (widget.accessibleName() or getattr(widget, "text", str)())
        and not isinstance(widget, QLabel)
        and widget.objectName() not in {"qt_tabwidget_tabbar", "qt_scrollarea_viewport"}
    ]
    assert nameless == []


def test_about_names_version_and_licence(qtbot, window: Dashboard):
    from contract.version import VERSION

    dialog = window.about()
    words = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert VERSION in words
    assert "Apache" in words
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_about_opens_the_licences_as_they_are_written(qtbot, window: Dashboard, full: FakeAgent):
    from app.bridge.acts.licences import ReadLicences

    dialog = window.about()
    qtbot.mouseClick(dialog.licences, Qt.MouseButton.LeftButton)
    (opened,) = dialog.findChildren(LicencesDialog)
    assert opened.isVisible()
    full.answer(ReadLicences, "Copyright  a\n    <b> & c")
    assert opened.text.toPlainText() == "Copyright  a\n    <b> & c"
    assert opened.text.isReadOnly()
    assert opened.text.property("role") == "mono"
    qtbot.keyClick(opened, Qt.Key.Key_Escape)
    assert not opened.isVisible()
    assert dialog.isVisible()


def test_licences_that_cannot_be_read_are_said_to_be_so(window: Dashboard, full: FakeAgent):
    from app.bridge.acts.licences import ReadLicences

    full.refuse(ReadLicences, "It could not be read", "No such file.")
    assert window.about().read().text.toPlainText() == "It could not be read. No such file."

"""Pictures of the window: every tab, in its states, both themes and both languages. Part of `make screens`."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtWidgets import QApplication, QWidget  # noqa: E402

from app.bridge.acts import Trouble  # noqa: E402
from app.ui import style  # noqa: E402
from app.ui.window.dashboard import Dashboard  # noqa: E402
from app.ui.window.endpoint import EndpointTab  # noqa: E402
from app.words import Language, Words, speak  # noqa: E402
from tests.support import samples  # noqa: E402
from tests.support.fake_agent import FakeAgent, agent  # noqa: E402

THEMES = {"light": style.LIGHT, "dark": style.DARK}
TABS = ("overview", "jobs", "engines", "people", "endpoint", "audit", "logs", "settings")


def wear(application: QApplication, theme: str) -> None:
    """Show everything in a theme, whatever the system says."""
    for name, module in list(sys.modules.items()):
        if name.startswith("app.ui") and hasattr(module, "colours"):
            module.colours = lambda: THEMES[theme]  # type: ignore[attr-defined]
    style._paint(application)  # noqa: SLF001 - what `dress` does when the system changes


def settle(application: QApplication) -> None:
    """Until everything that was asked is answered and laid out."""
    for _ in range(6):
        application.processEvents()


def shown(fake: FakeAgent, say: Words, snapshot: Any, tab: str, size: tuple[int, int] = (1180, 780)) -> Dashboard:
    """The window on a tab."""
    fake.tell(snapshot)
    window = Dashboard(fake.bridge, say, EndpointTab)
    window.resize(*size)
    window.show()
    window.show_tab(tab)
    return window


def _with_job(window: Dashboard) -> None:
    window.page("jobs").table.selectRow(14)  # type: ignore[attr-defined]


def _with_failed_job(window: Dashboard) -> None:
    page = window.page("jobs")
    page.table.selectRow(next(row for row in range(200) if page.model.job(row).error is not None))  # type: ignore[attr-defined]


def _with_lab(window: Dashboard) -> None:
    window.page("engines").list.setCurrentRow(1)  # type: ignore[attr-defined]


def _verified(window: Dashboard) -> None:
    window.page("audit").verify.click()  # type: ignore[attr-defined]


def _table_twin(window: Dashboard) -> None:
    for card in ("depth", "workers"):
        window.page("overview").charts[card]._switch.click()  # type: ignore[attr-defined]  # noqa: SLF001


def _chosen_setting(window: Dashboard) -> None:
    page = window.page("settings")
    page.search.setText("port")  # type: ignore[attr-defined]


NOTHING: Callable[[Dashboard], None] = lambda _window: None  # noqa: E731
Scene = tuple[str, str, Any, dict[Any, Any] | None, Callable[[Dashboard], None]]


def scenes() -> Iterator[Scene]:
    """Name, tab, what is known, what is answered (None: nothing comes), what is done."""
    full = samples.answers()
    trouble = Trouble("The gateway does not answer", "It may be busy or starting anew. What runs goes on; try again in a moment.")
    refused = dict.fromkeys(full, trouble)
    empty = samples.answers([])
    after: dict[str, Callable[[Dashboard], None]] = {
        "jobs": _with_job,
        "engines": _with_lab,
        "audit": _verified,
        "settings": _chosen_setting,
    }
    for tab in TABS:
        yield f"{tab}-busy", tab, samples.busy(), full, after.get(tab, NOTHING)
        yield f"{tab}-loading", tab, samples.STARTING if tab == "overview" else samples.busy(), {}, NOTHING
        yield f"{tab}-offline", tab, samples.STOPPED, {}, NOTHING
        yield f"{tab}-error", tab, samples.FAILED if tab == "overview" else samples.busy(), refused, NOTHING
    yield "overview-empty", "overview", samples.fresh(), full, NOTHING
    yield "overview-tables", "overview", samples.busy(), full, _table_twin
    yield "overview-warning", "overview", samples.warning(), full, NOTHING
    yield "overview-stale", "overview", samples.stale(), full, NOTHING
    yield "jobs-empty", "jobs", samples.fresh(), empty, NOTHING
    yield "jobs-failed", "jobs", samples.busy(), full, _with_failed_job


def draw(application: QApplication, out: Path, themes: tuple[str, ...] = ("light", "dark")) -> None:
    """Every scene, and the dialogs."""
    for theme in themes:
        wear(application, theme)
        for language in Language:
            say = speak(language)
            for name, tab, snapshot, answers, act in scenes():
                window = shown(agent(answers), say, snapshot, tab, (1180, 1240) if tab == "overview" else (1180, 780))
                settle(application)
                act(window)
                settle(application)
                _save(window, out / f"window-{name}-{theme}-{language}.png")
                _end(application, window)
            _dialogs(application, out, say, theme)


def _dialogs(application: QApplication, out: Path, say: Words, theme: str) -> None:
    from app.bridge.acts.engines import Enrolment
    from app.bridge.acts.licences import ReadLicences
    from app.bridge.acts.update import Updating
    from app.ui import update
    from app.ui.window.about import AboutDialog
    from app.ui.window.engine_dialogs import AddDialog, CodeDialog, RevokeDialog, RolloutDialog, ShareDialog
    from app.ui.window.licences import LicencesDialog

    fake = agent(samples.answers() | {ReadLicences: (Path(__file__).parents[1] / "LICENSE").read_text()})
    window = shown(fake, say, samples.busy(), "engines")
    settle(application)
    bridge, nothing = fake.bridge, lambda: None
    code = Enrolment("lab", "7KQ2-M9PD-4TXF-A1ZC", samples.at(-900), None)
    dialogs: dict[str, QWidget] = {
        "about": AboutDialog(bridge, say, window),
        "licences": LicencesDialog(bridge, say, window),
        "update": update.question(window, say, samples.newer(), nothing),
        "update-by-hand": update.by_hand(window, say, Updating("1.5.0", started=False, command=samples.newer().command), print),
        "add": AddDialog(window, bridge, say, None, nothing),
        "code": CodeDialog(window, say, code),
        "share": ShareDialog(window, bridge, say, "lab", list(samples.people().users), nothing),
        "revoke": RevokeDialog(window, bridge, say, "lab", "attic", nothing),
        "rollout": RolloutDialog(window, bridge, say, "lab", ["1.5.0"], nothing),
    }
    for name, dialog in dialogs.items():
        dialog.show()
        settle(application)
        _save(dialog, out / f"dialog-{name}-{theme}-{say.language}.png")
        dialog.close()
    _end(application, window)


def _save(widget: QWidget, file: Path) -> None:
    widget.grab().save(str(file))
    print(file)


def _end(application: QApplication, window: Dashboard) -> None:
    window.close()
    window.deleteLater()
    settle(application)


def application() -> QApplication:
    """The one that everything is drawn with."""
    made = QApplication.instance() or QApplication([])
    assert isinstance(made, QApplication)
    return made


def main(out: Path = ROOT / "build" / "screens") -> None:
    """Draw them all."""
    out.mkdir(parents=True, exist_ok=True)
    style.dress(application())
    draw(application(), out)


if __name__ == "__main__":
    main()

"""Pictures of the first run and of diagnostics, in both languages and both themes: build/screens/."""

import os
from pathlib import Path
from typing import Any

from app.bridge.acts import Act, Trouble
from app.bridge.acts.diagnostics import Diagnostics, GatherDiagnostics
from app.bridge.acts.setup import (
    AddKey,
    AutostartView,
    FindSources,
    LookAtAutostart,
    LookAtSecrets,
    ModelServer,
    SecretsPlace,
    Sources,
)
from app.bridge.news import Attention
from app.words import Language, Words, speak
from app.words.indonesian_setup import CATALOGUE

OLLAMA = ModelServer("ollama", "http://127.0.0.1:11434/v1", ("llama3.2", "qwen3"), configured=False)
STUDIO = ModelServer("lm-studio", "http://127.0.0.1:1234/v1", ("gemma",), configured=True)
ANSWERS: dict[type, object] = {
    LookAtSecrets: SecretsPlace("keyring", "keyring (Secret Service)", "open"),
    FindSources: Sources((OLLAMA, STUDIO), ("lm-studio",), ("files", "search")),
    AddKey: Trouble("The provider did not take the key", "The provider refused the key. Nothing was kept."),
    LookAtAutostart: AutostartView("off", ""),
    GatherDiagnostics: Diagnostics("Flowork diagnostics, 2026-11-27 15:30 UTC\n\n## Versions\nflowork 0.1.0\n" * 12, "/"),
}
NO_KEYRING = SecretsPlace("", "", "unavailable", "There is no session bus here (a server, a container, or a sign-in over SSH).")


class _Agent:
    def __init__(self, answers: dict[type, object]) -> None:
        self._answers = answers

    def ask(self, act: Act[Any], answered: Any) -> None:
        if type(act) in self._answers:
            answered(self._answers[type(act)])

    def attend(self, attention: Attention) -> None:
        pass


def draw(folder: Path) -> None:
    """Write them all."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from app.ui import style

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    shown = style.colours
    for theme, colours in (("light", style.LIGHT), ("dark", style.DARK)):
        style.colours = lambda told=colours: told  # a platform without a screen has no theme to switch
        style.dress(application)
        for say in (speak(Language.ENGLISH), Words(Language.INDONESIAN, CATALOGUE)):
            _wizard(folder, f"{theme}-{say.language}", say)
    style.colours = shown


def _wizard(folder: Path, name: str, say: Words) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication, QLabel, QWidget

    from app.bridge.qt import Bridge
    from app.ui.diagnostics import DiagnosticsDialog
    from app.ui.wizard import Wizard
    from app.ui.wizard_endpoint import EndpointPage
    from app.ui.wizard_pages import SecretsPage
    from app.ui.wizard_sources import SourcesPage
    from contract.endpoint import EndpointKind

    def taken(widget: QWidget, what: str) -> None:
        QApplication.processEvents()
        widget.grab().save(str(folder / f"setup-{what}-{name}.png"))

    def panel() -> QWidget:
        made = QLabel("…")
        made.setAlignment(Qt.AlignmentFlag.AlignCenter)
        return made

    bridge = Bridge(_Agent(ANSWERS))
    wizard = Wizard(bridge, say, panel)
    wizard.show()
    for number, page in enumerate(wizard.pages, 1):
        wizard.go(number - 1)
        if isinstance(page, EndpointPage):
            page.choices[EndpointKind.NAMED].setChecked(True)
        if isinstance(page, SourcesPage):
            page.key.setText("wrong")
            page.add.click()
        taken(wizard, str(number))
    wizard.close()
    without = Bridge(_Agent({**ANSWERS, LookAtSecrets: NO_KEYRING}))
    asked = Wizard(without, say, panel)
    asked.show()
    if isinstance(asked.page, SecretsPage):
        asked.page.passphrase.setText("short")
    taken(asked, "no-keyring")
    asked.close()
    dialog = DiagnosticsDialog(bridge, say)
    dialog.show()
    taken(dialog, "diagnostics")
    dialog.close()

"""`flowork`: the tray application."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata

from app import settings as all_settings
from app.commands import serve
from app.commands.common import CONFIG, DONE, FAILED, complain
from app.desktop.single_instance import NobodyThere, NotAnswering, ask_first, first_of
from app.services.secrets import Insecure, SecretsRefused
from app.services.settings_file import SettingsFile
from app.words import preferred, speak
from kit.config import ConfigRefused
from kit.logs import Log
from kit.logs.setup import logging_to
from kit.ownership import NotOurs, make_ours

log = Log("desk")
NO_DISPLAY = "There is no display here, so Flowork runs without its tray icon and windows, as `flowork serve`."
NO_QT = "The desktop's parts are not installed (pip install 'flowork[desktop]'), so Flowork runs as `flowork serve`."
NOT_ANSWERING = "Try again in a moment; if it stays so, end that process and start Flowork again."
BUG = "PySide6 {version} ends Python {python} after a few hundred signals. Install PySide6-Essentials below 6.12, or use Python 3.12."


def main(argv: Sequence[str]) -> int:
    """Exit code: as `flowork serve`; 0 when another one took over what was asked for."""
    made = serve.make_parser("desktop", "Run Flowork in the tray: gateway, engine, and a window to look at them.")
    made.add_argument("--open", dest="verb", action="store_const", const="open", default="", help="open the window")
    made.add_argument("--pair", dest="verb", action="store_const", const="pair", help="open the window that pairs a browser")
    arguments = made.parse_args(argv)
    if not has_display(os.environ):
        return _headless(NO_DISPLAY, arguments)
    try:
        qt = metadata.version("PySide6-Essentials")
    except metadata.PackageNotFoundError:
        return _headless(NO_QT, arguments)
    if aborts(qt, sys.version_info[:2]):
        return complain(BUG.format(version=qt, python=sys.version.split()[0]))
    return _desktop(arguments)


def aborts(qt: str, python: tuple[int, int]) -> bool:
    """Whether this pair ends the process: PySide6 6.12 takes a reference from True with each emit, which is mortal before Python 3.12."""
    return python < (3, 12) and tuple(map(int, qt.split(".")[:2])) >= (6, 12)


def has_display(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether windows can be shown here."""
    if platform in {"win32", "darwin"}:
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY") or environment.get("QT_QPA_PLATFORM"))


def _headless(why: str, arguments: argparse.Namespace) -> int:
    print(why, file=sys.stderr)
    arguments.offer = True
    return serve.serve(arguments)


def _desktop(arguments: argparse.Namespace) -> int:
    try:
        tightened = make_ours(arguments.data)
    except NotOurs as error:
        print(f"flowork: {error}", file=sys.stderr)
        return CONFIG
    with first_of(arguments.data) as first:
        if not first:
            try:
                found = ask_first(arguments.data, arguments.verb or "open")
            except (NotAnswering, NobodyThere) as error:
                print(f"flowork: Flowork runs already, but does not answer ({error}).\n  {NOT_ANSWERING}", file=sys.stderr)
                return FAILED
            print(f"Flowork runs already (process {found.pid}).")
            return DONE
        return _first(arguments, [str(path) for path in tightened])


def _first(arguments: argparse.Namespace, tightened: Sequence[str]) -> int:
    def load() -> all_settings.Settings:
        return serve.settings_of(arguments)

    try:
        settings = load()
    except ConfigRefused as error:
        return complain("the settings are not right.", error.mistakes)
    say = speak(settings.desktop.language or preferred())
    with logging_to(arguments.data, "flowork", settings.logs, at_terminal=logging.WARNING):
        if tightened:
            log.warning("host.closed_to_others", paths=tightened)
        from app.wiring import Start, run

        file = SettingsFile(arguments.data, *serve.given(arguments), os.environ)
        start = Start(arguments.data, arguments.verb, Insecure(arguments.insecure_storage), load, file)
        try:
            return run(start, settings, say)
        except SecretsRefused as error:
            print(f"flowork: {error}", file=sys.stderr)
            return CONFIG

"""`flowork update`: new versions, looked for and fetched only when you ask, or when you switched that on."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict

from app import settings as all_settings
from app.commands.common import CONFIG, DONE, FAILED, REFUSED, add_common, complain
from app.desktop.installed import installed, this_machine
from app.desktop.setup import start_setup
from app.desktop.single_instance import NotAnswering
from app.rules.update import REASONS, View
from app.services.update.failure import UpdateFailed
from app.services.update.updater import Updater
from app.settings import UpdateSettings
from contract.errors import FloworkError
from kit.clock import SystemClock, rfc3339
from kit.config import ConfigRefused
from kit.logs.setup import logging_to
from kit.ownership import NotOurs, make_ours

SOURCE = "This Flowork is a package of Python or a working copy: update it where you got it."
ASK = "Finish running jobs, end Flowork, and replace it by {version}? [y/N] "
NOBODY = "say --yes to install it without being asked."


def main(argv: Sequence[str]) -> int:
    """Exit code: 1 when it did not work, or when somebody must do the rest by hand; 4 when something that was sent is refused."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.data.exists() or arguments.verb != "status":
            make_ours(arguments.data)  # before what is remembered there is believed
        settings = all_settings.load(arguments.data, {}, {})
    except NotOurs as error:
        print(f"flowork update: {error}", file=sys.stderr)
        return CONFIG
    except ConfigRefused as error:
        return complain("the settings are not right.", error.mistakes)
    if arguments.verb == "status":
        return asyncio.run(_act(arguments, settings.update))
    with logging_to(arguments.data, "update", settings.logs, at_terminal=logging.CRITICAL):
        return asyncio.run(_act(arguments, settings.update))


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork update", description="New versions of Flowork. Off at first.", allow_abbrev=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("status", help="what is known; asks nobody"))
    add_common(verbs.add_parser("check", help="look for a newer version, now"))
    add_common(verbs.add_parser("download", help="fetch and verify it; installs nothing"))
    install = verbs.add_parser("install", help="fetch and verify it, finish running jobs, then let its setup replace this one (Windows)")
    install.add_argument("--yes", action="store_true", help="do not ask first")
    add_common(install)
    return made


async def _act(arguments: argparse.Namespace, settings: UpdateSettings) -> int:
    updater = Updater(arguments.data, settings.url, installed(this_machine()), SystemClock())
    try:
        match arguments.verb:
            case "check":
                await updater.check()
            case "download":
                await updater.download()
            case "install":
                return await _install(arguments, updater, settings)
    except UpdateFailed as error:
        return _tell(error, as_json=arguments.json)
    except (FloworkError, NotAnswering) as error:
        complain(f"the Flowork that runs does not end ({error}). Nothing was installed.")
        return FAILED
    return _show(arguments, updater.view(settings.mode))


async def _install(arguments: argparse.Namespace, updater: Updater, settings: UpdateSettings) -> int:
    view = await asyncio.to_thread(updater.view, str(settings.mode))
    if not view.offered:
        await updater.check()
        view = await asyncio.to_thread(updater.view, str(settings.mode))
    if not view.offered:
        return _show(arguments, view)
    if not view.itself:
        await updater.download()
        _show(arguments, await asyncio.to_thread(updater.view, str(settings.mode)))
        return FAILED
    if not arguments.yes and not _agrees(view.offered):
        return FAILED
    from app.commands import quit as quitting

    tray = False

    async def drain() -> None:
        nonlocal tray
        tray = await quitting.ended(arguments.data)

    version = await updater.install(drain, lambda path: start_setup(path, restart=tray))
    again = "It starts again by itself." if tray else "Start it again when that is done."
    print(json.dumps({"started": version, "restarts": tray}) if arguments.json else f"Flowork {version} replaces this one now. {again}")
    return DONE


def _agrees(version: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        complain(NOBODY)
        return False
    return input(ASK.format(version=version)).strip().lower() in {"y", "yes", "ya"}


def _show(arguments: argparse.Namespace, view: View) -> int:
    print(json.dumps(asdict(view)) if arguments.json else render(view))
    return DONE


def _tell(error: UpdateFailed, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": {"code": f"update.{error.reason}", "title": error.title, "detail": error.detail}}))
    else:
        print(f"flowork: {error.title}.\n  {error.detail}", file=sys.stderr)
    return REFUSED if error.refused else FAILED


def render(view: View) -> str:
    """The page for a terminal."""
    looked = "never" if view.tried is None else f"{rfc3339(view.tried)[:16].replace('T', ' ')} UTC"
    rows = [
        ("Version", f"{view.version} ({view.platform}, {view.kind})"),
        ("Updates", view.mode if view.checkable else f"{view.mode}: this build cannot check for updates, as it holds no release keys"),
        ("Looked last", looked if view.failed is None else f"{looked}. {REASONS[view.failed]}"),
        ("Newer version", view.offered or "none known"),
        ("What is new", view.notes_url if view.offered else None),
        ("File", view.fetched or None),
        ("Then run", _next(view) if view.offered else None),
    ]
    return "\n".join(f"{name:<14} {value}" for name, value in rows if value is not None)


def _next(view: View) -> str:
    if view.itself:
        return "flowork update install"
    if view.kind == "source":
        return SOURCE
    return view.command if view.fetched else "flowork update download"

"""`flowork tools list|call|key`: the tools of this machine's engine, tried without a gateway."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

from app import settings as all_settings
from app.commands.common import CONFIG, DONE, FAILED, JOB_FAILED, add_common, complain, terminal
from app.services.secrets import Around, SecretsRefused
from kit.config import ConfigRefused
from kit.files import Locked
from kit.vault import VaultLocked, VaultUnavailable, check_value

VERBS = ("set", "list", "remove")


def main(argv: Sequence[str]) -> int:
    """Exit code: 5 when the tool failed, 1 when a server or command has a fault."""
    arguments = _parser().parse_args(argv)
    logging.getLogger().addHandler(logging.NullHandler())  # what is wrong with a server is told on the page
    try:
        return {"list": _list, "call": _call, "key": _key}[arguments.verb](arguments)
    except ConfigRefused as error:
        return complain("the settings are not right.", error.mistakes)
    except SecretsRefused as error:
        complain(str(error))
        return CONFIG
    except VaultLocked:
        return complain("the secrets are locked. Unlock your keyring, then try again.")
    except VaultUnavailable as error:
        return complain(str(error))


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork tools", description="The tools of this machine's engine.", allow_abbrev=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("list", help="servers and commands, their tools, and what is wrong with them"))
    calling = verbs.add_parser("call", help="call one here and now, without a gateway")
    calling.add_argument("name", help="as list shows it")
    calling.add_argument("--arguments", default="{}", metavar="JSON", help="(default: %(default)s)")
    add_common(calling)
    key = verbs.add_parser("key", help="secrets that servers need: set reads one from the terminal, or one line of standard input")
    key.add_argument("act", choices=VERBS)
    key.add_argument("name", nargs="?", help="as [mcp.NAME] of config.toml calls it")
    add_common(key)
    return made


def _list(arguments: argparse.Namespace) -> int:
    return asyncio.run(_listed(arguments))


async def _listed(arguments: argparse.Namespace) -> int:
    from app.services.tools import tools_of

    async with tools_of(_settings(arguments), Around(ask=terminal())) as found:
        sources, tools = found.sources(), found.offered()
    if arguments.json:
        for source in sources:
            print(json.dumps({"source": source.name, "kind": source.kind, "tools": source.tools, "fault": source.fault}))
    else:
        print(render(sources, {tool.name: tool.description for tool in tools}))
    return FAILED if any(source.fault for source in sources) else DONE


def render(sources: Sequence[Any], descriptions: dict[str, str]) -> str:
    """The page for a terminal."""
    lines = []
    for source in sources:
        lines.append(f"{source.name} ({source.kind})" + (f": {source.fault}" if source.fault else ""))
        lines += [f"  {name:<32} {' '.join(descriptions.get(name, '').split())[:80]}".rstrip() for name in source.tools]
    return "\n".join(lines) or "There are no tools. Add [mcp.NAME] or [commands.NAME] to config.toml."


def _call(arguments: argparse.Namespace) -> int:
    try:
        given = json.loads(arguments.arguments)
    except ValueError:
        return complain("--arguments: this is no JSON.")
    return asyncio.run(_called(arguments, given))


async def _called(arguments: argparse.Namespace, given: Any) -> int:
    from app.services.tools import JobFailed, call_once, tools_of

    async with tools_of(_settings(arguments), Around(ask=terminal())) as found:
        try:
            answer = await call_once(found, arguments.name, given)
        except JobFailed as error:
            print(json.dumps({"error": {"code": error.code, "message": error.message}})) if arguments.json else complain(error.message)
            return JOB_FAILED
    print(json.dumps(answer) if arguments.json else _shown(answer))
    return DONE


def _shown(answer: dict[str, Any]) -> str:
    content = answer["content"]
    text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)
    return text + ("\n(cut: it was longer than output_max_bytes)" if answer["truncated"] else "")


def _key(arguments: argparse.Namespace) -> int:
    from app.services.tools import PREFIX, keys_of

    if arguments.act != "list" and not arguments.name:
        return complain("say which secret: its name in config.toml.")
    try:
        with keys_of(arguments.data, Around(ask=terminal())) as store:
            match arguments.act:
                case "set":
                    store.set(PREFIX + arguments.name, _secret())
                case "remove":
                    store.delete(PREFIX + arguments.name)
            names = sorted(name.removeprefix(PREFIX) for name in store.names() if name.startswith(PREFIX))
    except Locked:
        return complain("Flowork runs, and only one program at a time may write its sealed secrets. Stop it first.")
    except ValueError as error:
        return complain(str(error))
    if arguments.json:
        print(json.dumps({"keys": names}))
    elif arguments.act == "list":
        print("\n".join(names) or "There are none.")
    return DONE


def _secret() -> str:
    ask = terminal()
    text = (ask("The secret (it is not shown): ") if ask else sys.stdin.readline()).strip()
    if not text:
        raise ValueError("no secret came.")
    check_value(text)
    return text


def _settings(arguments: argparse.Namespace) -> all_settings.Settings:
    return all_settings.load(arguments.data, {}, {})

"""`flowork providers list|find|key`: where models come from, and the keys for it."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from app.commands.common import CONFIG, DONE, FAILED, add_common, complain, terminal
from app.services import providers
from app.services.secrets import Around, SecretsRefused
from kit.config import ConfigRefused
from kit.text import printable
from kit.vault import VaultLocked, VaultUnavailable

NOTHING_FOUND = "No server of models answers on the usual ports of this machine (Ollama, LM Studio, llama.cpp, vLLM)."
ADD = "Add to config.toml what jobs may use, then start Flowork again:"
SHOWN_MAX = 20


def main(argv: Sequence[str]) -> int:
    """Exit code: 1 when something is missing or does not answer, 78 when the secrets cannot be used as they are."""
    arguments = _parser().parse_args(argv)
    try:
        return {"list": _list, "find": _find, "key": _key}[arguments.verb](arguments)
    except providers.KeyRefused as error:
        return complain(str(error))
    except ConfigRefused as error:
        return complain("the settings are not right.", error.mistakes)
    except VaultLocked:
        complain("the secrets are locked. Unlock your keyring, then try again.")
        return CONFIG
    except (SecretsRefused, VaultUnavailable) as error:
        complain(str(error))
        return CONFIG


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork providers", description="Where this machine's models come from.", allow_abbrev=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("list", help="those of config.toml, asked now whether they answer"))
    add_common(verbs.add_parser("find", help="servers of models on this machine, and the settings for them"))
    key = verbs.add_parser("key", help="the keys of providers, in the secret store")
    acts = key.add_subparsers(dest="act", required=True)
    for act, says in (
        ("set", "keep a key: typed unseen, or one line of standard input"),
        ("remove", "forget a key"),
        ("list", "the names of keys"),
    ):
        one = acts.add_parser(act, help=says)
        if act != "list":  # there is no argument for a key itself: arguments are visible to every user of a machine
            one.add_argument("name", help="as config.toml calls it: key = NAME")
        add_common(one)
    return made


def _list(arguments: argparse.Namespace) -> int:
    found = providers.standings(arguments.data, Around(ask=terminal()), os.environ)
    for one in found:
        if arguments.json:
            print(json.dumps({**asdict(one), "reachable": one.code is None, "breaker": "unknown"}))
            continue
        state = f"answers, lists {one.lists} model(s)" if one.code is None else f"does not answer ({one.code})"
        print(f"{one.name:<16} {one.api:<10} key {one.key:<8} {state}")
        for model in one.offered:
            print(f"  {one.name}/{printable(model)}")
    if not found and not arguments.json:
        print("No providers are configured. flowork providers find looks for servers of models on this machine.")
    return DONE if all(one.code is None for one in found) else FAILED


def _find(arguments: argparse.Namespace) -> int:
    found = asyncio.run(providers.find())
    for one in found:
        if arguments.json:
            print(json.dumps({**asdict(one), "config": config_lines(one)}))
    if arguments.json:
        return DONE
    if not found:
        print(NOTHING_FOUND)
        return DONE
    print(ADD)
    for one in found:
        print("\n" + config_lines(one))
    return DONE


def config_lines(found: providers.Found) -> str:
    """The table for a server, every model ticked."""
    models = ", ".join(json.dumps(model) for model in found.models[:SHOWN_MAX])
    more = f"  # and {len(found.models) - SHOWN_MAX} more" if len(found.models) > SHOWN_MAX else ""
    return f'[providers.{found.name}]\nbase_url = "{found.base_url}"\nmodels = [{models}]{more}'


def _key(arguments: argparse.Namespace) -> int:
    around = Around(ask=terminal())
    match arguments.act:
        case "set":
            providers.set_key(arguments.data, arguments.name, _typed(arguments.name), around)
            said, fields = f"The key {arguments.name!r} is kept.", {"kept": arguments.name}
        case "remove":
            if not providers.remove_key(arguments.data, arguments.name, around):
                complain(f"there is no key {arguments.name!r}.")
                return FAILED
            said, fields = f"The key {arguments.name!r} is forgotten.", {"removed": arguments.name}
        case _:
            for name in providers.key_names(arguments.data, around):
                print(json.dumps({"key": name}) if arguments.json else name)
            return DONE
    print(json.dumps(fields) if arguments.json else said)
    return DONE


def _typed(name: str) -> str:
    """The key, from the person or from standard input."""
    ask = terminal()
    return (ask(f"Key {name} (not shown): ") if ask else sys.stdin.readline()).strip()

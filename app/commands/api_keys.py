"""`flowork api-keys make|list|revoke`: one's own keys for programs that speak OpenAI's wire."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from app.commands.common import DONE, add_common, paired_api, run
from contract.api_keys import ApiKey, ApiKeyMake
from contract.errors import RequestInvalid

if TYPE_CHECKING:
    from app.client.api import ApiClient


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    arguments = _parser().parse_args(argv)
    return run(_verb(arguments), arguments.json)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="flowork api-keys", description="Your keys for programs that speak OpenAI's wire, on the gateway that you are paired with."
    )
    verbs = made.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("make", help="make a key; it is printed this once")
    make.add_argument("name", help="what will use it, such as editor")
    make.add_argument("--engine", required=True, metavar="NAME", help="the engine that its requests go to")
    make.add_argument("--kind", action="append", dest="kinds", metavar="KIND", help="what it may do (default: chat and embed)")
    revoke = verbs.add_parser("revoke", help="end a key at once")
    revoke.add_argument("key", help="its name or id, as list shows it")
    for verb in (make, revoke, verbs.add_parser("list", help="your keys; the owner sees all")):
        add_common(verb)
    return made


async def _verb(arguments: argparse.Namespace) -> int:
    acts = {"make": _make, "list": _list, "revoke": _revoke}
    async with paired_api(arguments.data) as api:
        await api.sign_in()
        try:
            await acts[arguments.verb](arguments, api)
        finally:
            await api.sign_out()
    return DONE


async def _make(arguments: argparse.Namespace, api: "ApiClient") -> None:
    kinds = {} if arguments.kinds is None else {"kinds": arguments.kinds}
    try:
        asked = ApiKeyMake(name=arguments.name, engine=arguments.engine, **kinds)
    except ValidationError as error:
        raise RequestInvalid("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())) from error
    made = await api.make_api_key(asked)
    if arguments.json:
        print(made.model_dump_json())
        return
    print(made.key)
    print(f"\nIt is shown this once. A program that speaks OpenAI's wire takes it with the base URL {api.gateway}/v1")


async def _list(arguments: argparse.Namespace, api: "ApiClient") -> None:
    found = await api.api_keys()
    if arguments.json:
        print(found.model_dump_json())
        return
    print("\n".join(render(key) for key in found.keys) or "No key yet. Make one with: flowork api-keys make NAME --engine ENGINE")


async def _revoke(arguments: argparse.Namespace, api: "ApiClient") -> None:
    await api.revoke_api_key(arguments.key)
    if not arguments.json:
        print(f"{arguments.key} is revoked.")


def render(key: ApiKey) -> str:
    """One line for a terminal."""
    used = "never used" if key.used_at is None else f"last used {key.used_at[:16].replace('T', ' ')} UTC"
    return f"{key.id}  {key.name:<24} {','.join(key.kinds):<16} engine {key.engine}  user {key.user}  {used}"

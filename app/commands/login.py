"""`flowork login|logout`: make this command line a device of a gateway, and end that."""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from app.client.admin import open_admin
from app.client.api import open_api
from app.client.paired import forget_paired, read_paired, write_paired
from app.client.pairing import pair_here
from app.commands.common import DONE, complain, paired_api, parser, run
from app.crypto.device_keys import DeviceKeys, forget_device_keys, open_device_keys
from app.services.secrets import cli_secrets
from contract.errors import DeviceNotFound, DeviceUnknown, FloworkError, NotPaired
from contract.pairing import Link, read_link
from contract.people import OfferMake
from contract.signin import Tokens
from contract.words import Role

NAME_MAX = 64


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = parser("login", "Pair this command line with a gateway: the one of this machine, or one that made a pairing link.")
    made.add_argument("--link", action="store_true", help="read a pairing link from standard input (it is a secret, so never an argument)")
    made.add_argument("--user", default=None, metavar="NAME", help="of this machine's gateway: as which user (default: the owner)")
    made.add_argument("--name", default=None, metavar="NAME", help="what the owner reads (default: this machine's name)")
    arguments = made.parse_args(argv)
    name = (arguments.name or f"Command line of {socket.gethostname()}")[:NAME_MAX]
    if not arguments.link:
        return run(_here(arguments, name), arguments.json)
    if sys.stdin.isatty():
        print("The pairing link (flowork pair shows it at the gateway):", flush=True)
    try:
        link = read_link(sys.stdin.readline())
    except ValueError as error:
        return complain(f"{error}.")
    return run(_there(arguments, link, name), arguments.json)


async def _here(arguments: argparse.Namespace, name: str) -> int:
    """With the gateway of this machine: its owner sits at both ends."""
    async with open_admin(arguments.data) as admin:
        address = (await admin.status()).address
        keys = await _keys(arguments.data)
        role = Role.OWNER if arguments.user is None else Role.MEMBER
        asked = OfferMake(role=role, user=arguments.user, name="owner")
        key = await admin.gateway_key()
        async with open_api(address, keys, key) as api:
            tokens = await pair_here(admin, api, name, asked)
            await api.sign_out()
    return _done(arguments, address, key, tokens)


async def _there(arguments: argparse.Namespace, link: Link, name: str) -> int:
    async with open_api(link.gateway, await _keys(arguments.data), link.gateway_key) as api:
        claimed = await api.claim(link, name)
        if arguments.json:
            print(json.dumps({"digits": claimed.digits}), flush=True)
        else:
            print(f"Type these digits at the gateway within two minutes:  {claimed.digits[:3]} {claimed.digits[3:]}", flush=True)
        tokens = await api.collect(claimed)
        await api.sign_out()
    return _done(arguments, link.gateway, link.gateway_key, tokens)


def _done(arguments: argparse.Namespace, gateway: str, key: bytes, tokens: Tokens) -> int:
    write_paired(arguments.data, gateway, key, tokens.user, tokens.device)
    if arguments.json:
        print(json.dumps({"gateway": gateway, "user": tokens.user, "device": tokens.device}))
    else:
        print(f"Paired with {gateway}. Try: flowork submit --help")
    return DONE


async def _keys(data: Path) -> DeviceKeys:
    keys = await asyncio.to_thread(lambda: open_device_keys(cli_secrets(data), make=True))
    assert keys is not None
    return keys


def logout(argv: Sequence[str]) -> int:
    """Exit code."""
    arguments = parser("logout", "Revoke this command line at its gateway, and forget its keys.").parse_args(argv)
    return run(_logout(arguments), arguments.json)


async def _logout(arguments: argparse.Namespace) -> int:
    told = "Nothing was paired."
    with contextlib.suppress(NotPaired):
        paired = read_paired(arguments.data)
        async with paired_api(arguments.data, None) as api:
            told = f"Revoked at {paired.gateway}, and forgotten here."
            try:
                await api.sign_in()
                await api.revoke(paired.device)
            except (DeviceUnknown, DeviceNotFound):
                told = "The gateway had revoked it already; forgotten here."
            except FloworkError as error:
                told = f"Forgotten here, but not at the gateway ({error.title}): revoke it there with flowork devices."
    await asyncio.to_thread(lambda: forget_device_keys(cli_secrets(arguments.data)))
    forget_paired(arguments.data)
    print(json.dumps({"done": told}) if arguments.json else told)
    return DONE

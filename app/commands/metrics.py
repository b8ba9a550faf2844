"""`flowork metrics token|list|revoke`: who may read `/metrics`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from app.client.admin import AdminClient, open_admin
from app.commands.common import DONE, add_common, complain, run
from contract.errors import RequestInvalid
from contract.metrics import MetricsTokenList, MetricsTokenMade
from kit.files import write_private


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.verb == "token" and arguments.file is not None and arguments.file.exists():
        return complain(f"{arguments.file} exists; choose a file that does not.")
    return run(_verb(arguments), arguments.json)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork metrics", description="Who may read the metrics of this machine's gateway, at /metrics.")
    verbs = made.add_subparsers(dest="verb", required=True)
    token = verbs.add_parser("token", help="make a token for Prometheus or its like")
    token.add_argument("name", nargs="?", default="prometheus", help="what will read with it (default: %(default)s)")
    where = token.add_mutually_exclusive_group(required=True)
    where.add_argument("--file", type=Path, metavar="FILE", help="write it to this new file (0600), for Prometheus' credentials_file")
    where.add_argument("--print", action="store_true", help="print it to standard output, this once")
    revoke = verbs.add_parser("revoke", help="end a token at once")
    revoke.add_argument("name", help="as list shows it")
    for verb in (token, revoke, verbs.add_parser("list", help="the tokens")):
        add_common(verb)
    return made


async def _verb(arguments: argparse.Namespace) -> int:
    acts = {"token": _token, "list": _list, "revoke": _revoke}
    async with open_admin(arguments.data) as admin:
        await acts[arguments.verb](arguments, admin)
    return DONE


async def _token(arguments: argparse.Namespace, admin: AdminClient) -> None:
    try:
        made = await admin.add_metrics_token(arguments.name)
    except ValidationError as error:
        raise RequestInvalid("name: letters, digits, dots, hyphens and underscores, 63 at most.") from error
    address = (await admin.status()).address
    if arguments.file is not None:
        await _write(arguments.file, made, admin)
    if arguments.json:
        print(made.model_dump_json(exclude=None if arguments.print else {"token"}))
    elif arguments.print:
        print(made.token)
    else:
        print(f"{arguments.file} holds the token {made.name}. In prometheus.yml:\n")
        print(f"  - job_name: flowork\n    static_configs: [{{targets: ['{address.partition('//')[2]}']}}]")
        print(f"    authorization: {{credentials_file: {arguments.file.resolve()}}}")


async def _write(file: Path, made: MetricsTokenMade, admin: AdminClient) -> None:
    try:
        write_private(file, made.token.encode() + b"\n")
    except OSError as error:
        await admin.revoke_metrics_token(made.name)  # nobody has it: let it not stand there for nothing
        raise RequestInvalid(f"{file} cannot be written: {error.strerror}. No token was made.") from error


async def _list(arguments: argparse.Namespace, admin: AdminClient) -> None:
    found = await admin.metrics_tokens()
    print(found.model_dump_json() if arguments.json else render(found))


async def _revoke(arguments: argparse.Namespace, admin: AdminClient) -> None:
    await admin.revoke_metrics_token(arguments.name)
    if not arguments.json:
        print(f"{arguments.name} reads the metrics no more.")


def render(found: MetricsTokenList) -> str:
    """The page for a terminal."""
    lines = [f"{token.name:<24} {token.id}  since {token.added_at[:19]}Z" for token in found.tokens]
    return "\n".join(lines) or "Nobody may read the metrics. Make a token with: flowork metrics token --file FILE"

"""`flowork engines`: engines with queues of their own, the machines that serve them, and who may use them."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from app.client.admin import AdminClient, open_admin
from app.commands.common import DONE, add_common, complain, run
from contract.admin import EngineAdded
from contract.admin_engines import EngineList, EngineView, EnrolmentCode, InstallationView, RevokeAnswer
from contract.errors import RequestInvalid
from contract.words import Role
from kit.files import write_private

DAY_S, HOUR_S, MINUTE_S = 86400, 3600, 60


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.verb == "add" and arguments.token_file is not None and arguments.token_file.exists():
        return complain(f"{arguments.token_file} exists; choose a file that does not.")
    return run(_verb(arguments), arguments.json)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork engines", description="Engines of this machine's gateway.")
    verbs = made.add_subparsers(dest="verb", required=True)

    def verb(name: str, words: str, *, named: bool = True) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=words, description=words)
        if named:
            made.add_argument("name", help="the engine's name or id")
        add_common(made)
        return made

    add = verb("add", "make an engine", named=False)
    add.add_argument("name", help="lower-case letters, digits and hyphens")
    where = add.add_mutually_exclusive_group(required=True)
    where.add_argument("--remote", action="store_true", help="print a one-time code for the machine that will serve it")
    where.add_argument("--token-file", type=Path, metavar="FILE", help="write a token to this new file (0600)")
    where.add_argument("--print-token", action="store_true", help="print a token to standard output, this once")
    verb("list", "engines, the machines that serve them, and who may use them", named=False)
    verb("code", "print a one-time code for one more machine")
    rotate = verb("rotate", "ask machines to take new tokens at their next call", named=False)
    whose = rotate.add_mutually_exclusive_group(required=True)
    whose.add_argument("name", nargs="?", help="the engine's name or id")
    whose.add_argument("--all", action="store_true", help="every engine")
    revoke = verb("revoke", "end tokens at once; running jobs go back to the queue")
    revoke.add_argument("--compromised", action="store_true", help="somebody else may have the token: write that down, tell what it did")
    for chosen in (rotate, revoke):
        chosen.add_argument("--installation", metavar="NAME", help="one machine only (default: all of the engine)")
    share = verb("share", "let a user use an engine")
    share.add_argument("--role", type=Role, choices=list(Role), default=Role.RUNNER, help="(default: runner)")
    share.add_argument("--priority-ceiling", type=int, metavar="N", help="the most urgent priority their jobs get (1..5)")
    verb("publish", "show its name, health and load to anyone who asks (/api/v2/status)")
    verb("unpublish", "end that")
    verb("grants", "which role may submit which kind of job")
    allow = verb("allow", "let a role submit a kind of job")
    allow.add_argument("kind", help="such as http, or tool for the engine's tools")
    allow.add_argument("--role", type=Role, choices=[Role.RUNNER, Role.ADMIN], default=Role.RUNNER, help="(default: runner)")
    verb("disallow", "let nobody submit a kind of job").add_argument("kind", help="such as echo")
    unshare = verb("unshare", "end a share")
    for one in (share, unshare):
        one.add_argument("user", help="a user's id, address or name")
    return made


async def _verb(arguments: argparse.Namespace) -> int:
    acts: dict[str, Callable[[argparse.Namespace, AdminClient], Awaitable[None]]] = {
        "add": _add,
        "list": _list,
        "code": _code,
        "rotate": _rotate,
        "revoke": _revoke,
        "share": _share,
        "unshare": _unshare,
        "publish": _publish,
        "unpublish": _publish,
        "grants": _grants,
        "allow": _allow,
        "disallow": _disallow,
    }
    async with open_admin(arguments.data) as admin:
        try:
            await acts[arguments.verb](arguments, admin)
        except ValidationError as error:
            raise RequestInvalid("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())) from error
    return DONE


async def _add(arguments: argparse.Namespace, admin: AdminClient) -> None:
    if arguments.remote:
        await _tell_code(arguments, admin, await admin.add_remote_engine(arguments.name))
        return
    engine = await admin.add_engine(arguments.name)
    address = (await admin.status()).address
    if arguments.token_file is not None:
        _write(arguments.token_file, engine)
    _tell(arguments, engine, address)


async def _list(arguments: argparse.Namespace, admin: AdminClient) -> None:
    found = await admin.engines()
    _print(arguments, found, render(found))


async def _code(arguments: argparse.Namespace, admin: AdminClient) -> None:
    await _tell_code(arguments, admin, await admin.new_code(arguments.name))


async def _rotate(arguments: argparse.Namespace, admin: AdminClient) -> None:
    if arguments.all:
        for engine in (await admin.engines()).engines:
            await _rotate(argparse.Namespace(**{**vars(arguments), "all": False, "name": engine.name}), admin)
        return
    asked = await admin.rotate(arguments.name, arguments.installation)
    names = ", ".join(asked.installations)
    said = f"asked for new tokens: {names}. flowork engines list shows their age." if names else "no machine serves it; nothing to rotate."
    words = f"{arguments.name}: {said}"
    _print(arguments, asked, words)


async def _revoke(arguments: argparse.Namespace, admin: AdminClient) -> None:
    told = await admin.revoke(arguments.name, arguments.installation, compromised=arguments.compromised)
    _print(arguments, told, render_revoked(told))


async def _share(arguments: argparse.Namespace, admin: AdminClient) -> None:
    member = await admin.share(arguments.name, arguments.user, arguments.role, arguments.priority_ceiling)
    _print(arguments, member, f"{member.name} is {member.role} of {arguments.name}.")


async def _unshare(arguments: argparse.Namespace, admin: AdminClient) -> None:
    await admin.unshare(arguments.name, arguments.user)
    if not arguments.json:
        print(f"{arguments.name} is not shared with {arguments.user} any more. Their jobs stay theirs to read.")


async def _publish(arguments: argparse.Namespace, admin: AdminClient) -> None:
    public = arguments.verb == "publish"
    await admin.publish(arguments.name, public=public)
    if not arguments.json:
        print(f"{arguments.name} is {'shown' if public else 'not shown any more'} in the public status (/api/v2/status).")


async def _grants(arguments: argparse.Namespace, admin: AdminClient) -> None:
    found = await admin.grants(arguments.name)
    _print(arguments, found, "\n".join(f"{grant.kind:<24} {grant.role or 'nobody'}" for grant in found.grants) or "It serves nothing yet.")


async def _allow(arguments: argparse.Namespace, admin: AdminClient) -> None:
    grant = await admin.allow_kind(arguments.name, arguments.kind, arguments.role)
    who = "admins" if grant.role is Role.ADMIN else "runners and admins"
    _print(arguments, grant, f"{grant.kind} is allowed on {arguments.name} for {who}.")


async def _disallow(arguments: argparse.Namespace, admin: AdminClient) -> None:
    grant = await admin.allow_kind(arguments.name, arguments.kind, None)
    _print(arguments, grant, f"Nobody may submit {grant.kind} to {arguments.name} any more. Jobs that wait there still run.")


def _print(arguments: argparse.Namespace, answer: BaseModel, words: str) -> None:
    print(answer.model_dump_json() if arguments.json else words)


async def _tell_code(arguments: argparse.Namespace, admin: AdminClient, made: EnrolmentCode) -> None:
    status = await admin.status()
    address = status.remote_address or status.address
    if arguments.json:
        print(json.dumps({**made.model_dump(), "gateway": address}))
        return
    print(f"Engine {made.engine_name} is {made.engine_id}. On the machine that will serve it run:\n")
    print(f"  flowork engine --gateway {address} --enrol\n")
    print(f"and type this code, which serves once, until {made.expires_at}:\n\n  {made.code}")
    if status.remote_address is None:
        print("\nThis gateway takes engines on its own machine only. For other machines switch on tunnel and accept_remote_engines,")
        print("or bring its port there, as with: ssh -L 7717:127.0.0.1:7717")


def _write(file: Path, engine: EngineAdded) -> None:
    try:
        write_private(file, engine.token.encode() + b"\n")
    except OSError as error:
        raise RequestInvalid(f"The engine {engine.name} ({engine.id}) was made, but {file} cannot be written: {error.strerror}.") from error


def _tell(arguments: argparse.Namespace, engine: EngineAdded, address: str) -> None:
    if arguments.json:
        answer = {"id": engine.id, "name": engine.name, "gateway": address}
        if arguments.print_token:
            answer["token"] = engine.token
        print(json.dumps(answer))
        return
    if arguments.print_token:
        print(engine.token)
    out = sys.stderr if arguments.print_token else sys.stdout
    print(f"Engine {engine.name} is {engine.id}. Run it with:", file=out)
    source = f" --token-file {arguments.token_file}" if arguments.token_file else "   (the token on standard input)"
    print(f"  flowork engine --gateway {address} --engine-id {engine.id}{source}", file=out)


def render(found: EngineList) -> str:
    """The page for a terminal."""
    return "\n\n".join(_engine(engine) for engine in found.engines) or "No engine yet. Make one with: flowork engines add NAME --remote"


def _engine(engine: EngineView) -> str:
    lines = [f"{engine.name}  {engine.id}{'  public' if engine.public else ''}"]
    lines += [_installation(each) for each in engine.installations] or ["  no machine serves it"]
    if engine.codes:
        lines.append(f"  {engine.codes} enrolment code{'s are' if engine.codes > 1 else ' is'} out")
    for member in engine.members:
        ceiling = "" if member.priority_ceiling is None else f", priority {member.priority_ceiling} at most"
        lines.append(f"  shared with {member.name} as {member.role}{ceiling}")
    return "\n".join(lines)


def _installation(each: InstallationView) -> str:
    age = "" if each.token_age_s is None else f"token {_span(each.token_age_s)} old, "
    used = "never used" if each.last_used_at is None else f"last used {_minute(each.last_used_at)}"
    return f"  {each.name:<24} {each.state:<9} {age}{used}"


def render_revoked(told: RevokeAnswer) -> str:
    """What was revoked, for a terminal."""
    lines = [
        f"{each.installation}: its token is void"
        + (f", last used {_minute(each.last_used_at)}" if each.last_used_at else ", never used")
        + (f"; {each.jobs_returned} job(s) went back to the queue" if each.jobs_returned else "")
        for each in told.revoked
    ]
    if told.records:
        lines.append("What the audit log tells of it:")
        lines += [f"  {_minute(record.at)}  {record.event}  by {record.actor}" for record in told.records]
    return "\n".join(lines) or "No machine served it; nothing to revoke."


def _span(seconds: int) -> str:
    for size, word in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= size:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def _minute(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")

"""`flowork endpoint`: how browsers elsewhere reach this gateway."""

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from app.client.admin import AdminClient, open_admin
from app.commands.common import DONE, add_common, complain, run, terminal
from contract.endpoint import EndpointChange, EndpointKind, EndpointState, EndpointView

WORDS = {
    EndpointState.OFF: "Only this machine reaches the gateway.",
    EndpointState.STARTING: "Connecting.",
    EndpointState.READY: "Reached from outside.",
    EndpointState.DEGRADED: "Reached from outside, by fewer connections than usual.",
    EndpointState.UNREACHABLE: "Connected, but not reached from outside.",
    EndpointState.DOWN: "Down.",
    EndpointState.FAILED: "It needs you.",
}


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = argparse.ArgumentParser(prog="flowork endpoint", description="How browsers elsewhere reach this gateway.")
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("status", help="how it is"))
    choose = verbs.add_parser("set", help="choose how; holds for later starts too")
    choose.add_argument("kind", choices=[str(kind) for kind in EndpointKind], help="none, url (a proxy of yours), quick (to try) or named")
    choose.add_argument("--origin", metavar="URL", help="for url and named: the https address under which it is published")
    choose.add_argument("--token", action="store_true", help="for named: ask for the tunnel's token, or read one line of standard input")
    add_common(choose)
    add_common(verbs.add_parser("restart", help="begin anew"))
    add_common(verbs.add_parser("look", help="look from outside, now"))
    arguments = made.parse_args(argv)
    asked = None
    if arguments.verb == "set":
        try:
            token = _token() if arguments.token else None
            asked = EndpointChange(kind=EndpointKind(arguments.kind), origin=arguments.origin, token=token)
        except ValidationError as error:
            return complain("that does not fit.", [each["msg"].removeprefix("Value error, ") for each in error.errors()])
    return run(_verb(arguments, asked), arguments.json)


def _token() -> str:
    ask = terminal()
    return (ask("Token of the tunnel, as Cloudflare shows it: ") if ask else sys.stdin.readline()).strip()


async def _verb(arguments: argparse.Namespace, asked: EndpointChange | None) -> int:
    async with open_admin(arguments.data) as admin:
        view = await _done(arguments.verb, asked, admin)
    print(view.model_dump_json() if arguments.json else render(view))
    return DONE


async def _done(verb: str, asked: EndpointChange | None, admin: AdminClient) -> EndpointView:
    if asked is not None:
        return await admin.change_endpoint(asked)
    if verb == "restart":
        return await admin.restart_endpoint()
    return await (admin.look_at_endpoint() if verb == "look" else admin.endpoint())


def render(view: EndpointView) -> str:
    """The page for a terminal."""
    rows = [
        ("Way", str(view.kind)),
        ("Address", view.origin),
        ("State", WORDS[view.state]),
        ("", view.reason or None),
        ("Next try", None if view.next_try_s is None else f"in {view.next_try_s:.0f} s"),
        ("Seen from outside", None if view.probed_at is None else f"{view.probed_at[11:19]} UTC" + _took(view.probe_ms)),
        ("Connections", None if view.connections is None else str(view.connections)),
        ("Restarts", str(view.restarts) if view.restarts else None),
        ("Program", view.program),
        ("Your proxy calls", view.service),
        ("with the Host", view.secret_host),
    ]
    return "\n".join(f"{name:<18} {value}" for name, value in rows if value is not None)


def _took(probe_ms: float | None) -> str:
    return ", not reached" if probe_ms is None else f", {probe_ms:.0f} ms"

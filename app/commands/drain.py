"""`flowork drain` and `flowork resume`: who takes new jobs, and which processes stop."""

import argparse
import asyncio
from collections.abc import Sequence

from pydantic import ValidationError

from app.client.admin import AdminClient, open_admin
from app.commands.common import DONE, parser, run
from contract.drain import Drains, DrainTarget, EngineDrain
from contract.errors import RequestInvalid
from contract.words import DrainState

LOOK_EVERY_S = 0.5
WORDS = {DrainState.RUN: "takes jobs", DrainState.DRAIN: "takes no new jobs", DrainState.STOP: "takes no new jobs; instances stop"}


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = parser("drain", "Take no new jobs: at the gateway, or at one engine or instance. What runs is finished.")
    _add_target(made)
    made.add_argument("--stop", action="store_true", help="let instances end when they are done (exit code 0)")
    made.add_argument("--wait", action="store_true", help="wait until nothing runs there")
    arguments = made.parse_args(argv)
    return run(_change(arguments, DrainState.STOP if arguments.stop else DrainState.DRAIN, wait=arguments.wait), arguments.json)


def resume(argv: Sequence[str]) -> int:
    """Exit code."""
    made = parser("resume", "Take jobs again.")
    _add_target(made)
    arguments = made.parse_args(argv)
    return run(_change(arguments, DrainState.RUN, wait=False), arguments.json)


def _add_target(made: argparse.ArgumentParser) -> None:
    which = made.add_mutually_exclusive_group()
    which.add_argument("--engine", metavar="NAME", help="one engine (default: the whole gateway); kept when the gateway starts anew")
    which.add_argument("--instance", metavar="ID", help="one process, by its id or the beginning of it")


async def _change(arguments: argparse.Namespace, state: DrainState, *, wait: bool) -> int:
    try:
        target = DrainTarget(engine=arguments.engine, instance=arguments.instance)
    except ValidationError as error:
        raise RequestInvalid("--instance takes 4 to 32 of the digits 0-9a-f, as flowork status --json shows them.") from error
    async with open_admin(arguments.data) as admin:
        drains = await admin.change_drain(target, state)
        if wait:
            drains = await _quiet(admin, drains, target)
    print(drains.model_dump_json() if arguments.json else render(drains))
    return DONE


async def _quiet(admin: AdminClient, drains: Drains, target: DrainTarget) -> Drains:
    while running(drains, target):
        await asyncio.sleep(LOOK_EVERY_S)
        drains = await admin.drains()
    return drains


def running(drains: Drains, target: DrainTarget) -> int:
    """Jobs that run at a target. An instance that is not there any more runs none."""
    if target.instance is not None:
        known = [each for engine in drains.engines for each in engine.instances]
        return sum(each.running for each in known if each.instance.startswith(target.instance))
    if target.engine is not None:
        return sum(engine.running for engine in drains.engines if target.engine in {engine.id, engine.name})
    return drains.running


def render(drains: Drains) -> str:
    """The page for a terminal."""
    return "\n".join([f"The gateway {WORDS[drains.gateway]}.", *(line for engine in drains.engines for line in _engine(engine))])


def _engine(engine: EngineDrain) -> list[str]:
    lines = [f"{engine.name:<20} {WORDS[engine.state]}, {engine.running} running"]
    return lines + [
        f"  {each.instance[:12]:<18} {WORDS[each.state]}, {each.running} running"
        for each in engine.instances
        if each.state is not DrainState.RUN
    ]

"""`flowork rollout`: try a new version of an engine on a share of its jobs, then promote it or roll it back."""

import argparse
from collections.abc import Awaitable, Callable, Sequence

from pydantic import BaseModel, ValidationError

from app.client.admin import AdminClient, open_admin
from app.commands.common import DONE, add_common, run
from contract.drain import RolloutList, RolloutView, SideView
from contract.errors import RequestInvalid


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    arguments = _parser().parse_args(argv)
    return run(_verb(arguments), arguments.json)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork rollout", description="Try a new version of an engine on a share of its jobs.")
    verbs = made.add_subparsers(dest="verb", required=True)

    def verb(name: str, words: str, *, named: bool = True) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=words, description=words)
        if named:
            made.add_argument("engine", help="the engine's name or id")
        add_common(made)
        return made

    start = verb("start", "give instances of a version a share of the jobs")
    start.add_argument("--version", required=True, metavar="V", help="as the new instances announce it")
    start.add_argument("--percent", type=int, default=None, metavar="N", help="of the jobs (default: the gateway's canary_percent, 10)")
    verb("status", "where each rollout stands", named=False)
    promote = verb("promote", "the version is everybody's now")
    promote.add_argument("--stop-old", action="store_true", help="let the instances of other versions finish what they hold, and stop")
    verb("rollback", "its instances stop, and its version gets no jobs")
    return made


async def _verb(arguments: argparse.Namespace) -> int:
    acts: dict[str, Callable[[argparse.Namespace, AdminClient], Awaitable[BaseModel]]] = {
        "start": lambda asked, admin: admin.start_rollout(asked.engine, asked.version, asked.percent),
        "status": lambda _, admin: admin.rollouts(),
        "promote": lambda asked, admin: admin.promote_rollout(asked.engine, stop_old=asked.stop_old),
        "rollback": lambda asked, admin: admin.roll_back(asked.engine),
    }
    async with open_admin(arguments.data) as admin:
        try:
            told = await acts[arguments.verb](arguments, admin)
        except ValidationError as error:
            raise RequestInvalid("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())) from error
    if arguments.json:
        print(told.model_dump_json())
    else:
        print(render(told.rollouts if isinstance(told, RolloutList) else [told] if isinstance(told, RolloutView) else []))
    return DONE


def render(rollouts: Sequence[RolloutView]) -> str:
    """The page for a terminal."""
    return "\n\n".join(_rollout(each) for each in rollouts) or "No version was rolled out yet. Begin with: flowork rollout start ENGINE"


def _rollout(each: RolloutView) -> str:
    state = each.state.replace("_", " ") + (f": {each.reason}" if each.reason else "")
    lines = [f"{each.engine_name}  {each.version}  {state}"]
    if each.canary is not None and each.rest is not None:
        lines.append(f"  {each.percent} % to canaries; {each.counted_canary} of {each.counted} shared grants so far")
        lines += [f"  {'canaries':<9} {_side(each.canary)}", f"  {'others':<9} {_side(each.rest)}"]
    elif each.state == "promoted" and each.other_versions:
        lines += ["  still run another version (rollout promote --stop-old lets them stop):"]
        lines += [f"    {instance[:12]}  {version}" for instance, version in sorted(each.other_versions.items())]
    return "\n".join(lines)


def _side(side: SideView) -> str:
    p95 = "" if side.p95_ms is None else f", p95 {side.p95_ms:.0f} ms"
    return f"{len(side.instances)} instance(s), {side.attempts} attempts, {side.failed} failed{p95}"

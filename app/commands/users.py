"""`flowork users list|remove|budget`: the people of this machine's gateway. `flowork pair --new NAME` adds one."""

import argparse
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from app.client.admin import open_admin
from app.commands.common import DONE, add_common, run
from contract.people import User

MICROS = 1_000_000


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.verb == "budget" and arguments.none is (arguments.per_day is not None or arguments.tokens_per_day is not None):
        parser.error("say --per-day, --tokens-per-day or both; or --none")
    acts = {"list": _list, "remove": _remove, "budget": _budget}
    return run(acts[arguments.verb](arguments), arguments.json)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork users", description="Who may use this machine's gateway.")
    verbs = made.add_subparsers(dest="verb", required=True)
    add_common(verbs.add_parser("list", help="everyone"))
    remove = verbs.add_parser("remove", help="let a user in no more, with all their devices, at once")
    budget = verbs.add_parser("budget", help="what a user may take of model providers in a UTC day; the new limits replace the old ones")
    for verb in (remove, budget):
        verb.add_argument("user", help="name or id")
        add_common(verb)
    budget.add_argument("--per-day", type=_micros, metavar="N", help="in the currency of your prices")
    budget.add_argument("--tokens-per-day", type=_tokens, metavar="N", help="of input and output together")
    budget.add_argument("--none", action="store_true", help="no limit")
    return made


def _micros(text: str) -> int:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise argparse.ArgumentTypeError("an amount, such as 2.50")
    return round(amount * MICROS)


def _tokens(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError("a number of tokens")
    return int(text)


async def _list(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        found = await admin.users()
    if arguments.json:
        print(found.model_dump_json())
        return DONE
    for user in found.users:
        print(f"{user.id}  {user.name:<24} {user.role:<7} {user.devices} device(s){render_spent(user)}")
    if not found.users:
        print("Nobody yet. The first to be paired becomes the owner: flowork pair")
    return DONE


async def _remove(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        gone = await admin.remove_user(arguments.user)
    print(gone.model_dump_json() if arguments.json else f"{gone.name} is removed, with {gone.devices} device(s).")
    return DONE


async def _budget(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        user = await admin.put_budget(arguments.user, arguments.per_day, arguments.tokens_per_day)
    print(user.model_dump_json() if arguments.json else f"{user.name}{render_spent(user) or '  no limit'}")
    return DONE


def render_spent(user: User) -> str:
    """What a user took of providers today, and of how much, for a terminal; nothing where there is nothing to say."""
    spent, budget = user.spent, user.budget
    if spent is None or (budget is None and not (spent.input_tokens or spent.output_tokens or spent.cost_micros)):
        return ""
    tokens, cost = str(spent.input_tokens + spent.output_tokens), _amount(spent.cost_micros)
    if budget is not None:
        tokens += "" if budget.tokens is None else f" of {budget.tokens}"
        cost += "" if budget.cost_micros is None else f" of {_amount(budget.cost_micros)}"
    return f"  today {tokens} tokens, cost {cost}"


def _amount(micros: int) -> str:
    return f"{micros / MICROS:.2f}"

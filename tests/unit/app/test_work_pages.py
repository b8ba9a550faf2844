"""`flowork users` and `api-keys`: what people read, and what they may type."""

import pytest

from app.commands import users
from app.commands.api_keys import render
from app.commands.users import render_spent
from contract.api_keys import ApiKey
from contract.people import Budget, Spent, User
from contract.words import UserRole

KEY = ApiKey(id="abc", name="editor", user="u", engine="home", kinds=["chat", "embed"], added_at="2026-11-24T03:04:00.000000Z")


def user(**changes) -> User:
    return User(**{"id": "u", "name": "Ann", "role": UserRole.MEMBER, "devices": 1, **changes})


@pytest.mark.parametrize(
    ("changes", "page"),
    [
        ({}, ""),
        ({"spent": Spent()}, ""),
        ({"spent": Spent(input_tokens=5, output_tokens=6, cost_micros=1_234_567)}, "  today 11 tokens, cost 1.23"),
        ({"spent": Spent(), "budget": Budget(tokens=9)}, "  today 0 of 9 tokens, cost 0.00"),
        ({"spent": Spent(cost_micros=5000), "budget": Budget(cost_micros=2_500_000)}, "  today 0 tokens, cost 0.01 of 2.50"),
    ],
    ids=["unknown", "nothing", "taken", "tokens", "cost"],
)
def test_what_was_taken_stands_beside_what_may_be(changes, page):
    assert render_spent(user(**changes)) == page


def test_a_key_is_shown_without_its_secret_and_with_its_last_use():
    assert "never used" in render(KEY)
    assert "last used 2026-11-25 08:09 UTC" in render(KEY.model_copy(update={"used_at": "2026-11-25T08:09:00.000000Z"}))


@pytest.mark.parametrize(
    "typed",
    [[], ["--none", "--per-day", "1"], ["--per-day", "-1"], ["--per-day", "nan"], ["--per-day", "x"], ["--tokens-per-day", "1.5"]],
    ids=["nothing", "both", "negative", "nan", "word", "half"],
)
def test_a_budget_that_says_nothing_clear_is_a_wrong_command_line(typed, capsys):
    with pytest.raises(SystemExit) as told:
        users.main(["budget", "ann", *typed])
    assert told.value.code == 2
    assert capsys.readouterr().err

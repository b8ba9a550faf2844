"""`engine.rules.tool_names`: names that models can spell and that mean one tool."""

import re

from hypothesis import given
from hypothesis import strategies as st

from engine.rules.tool_names import tool_name

SERVERS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
TOOLS = st.text(min_size=1, max_size=100)


def test_a_plain_name_stays_readable():
    assert tool_name("files", "read_file") == "files__read_file"


@given(SERVERS, TOOLS)
def test_every_name_can_be_spelled_and_is_always_the_same(server: str, tool: str):
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool_name(server, tool))
    assert tool_name(server, tool) == tool_name(server, tool)


@given(st.lists(st.tuples(SERVERS, TOOLS), unique=True, max_size=20))
def test_two_tools_never_have_one_name(tools: list[tuple[str, str]]):
    assert len({tool_name(*tool) for tool in tools}) == len(tools)


def test_names_that_differ_only_where_they_are_cut_or_respelled_stay_apart():
    assert len({tool_name("s", "x" * 70 + end) for end in "abc"}) == 3
    assert len({tool_name("s", name) for name in ("a.b", "a b", "a_b", "a/b")}) == 4

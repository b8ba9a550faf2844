"""Who may use a folder on Windows, from the text of its security descriptor."""

from pathlib import Path

import pytest

from kit.windows_acl import advice, judge

ME = "S-1-5-21-1111111111-2222222222-3333333333-1001"
SOMEBODY = "S-1-5-21-1111111111-2222222222-3333333333-1002"
MINE = f"(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{ME})"


@pytest.mark.parametrize(
    "sddl",
    [
        f"O:{ME}G:DUD:P{MINE}",
        f"O:{ME}D:PAI{MINE}",
        f"O:BAG:SYD:AI{MINE}",
        f"O:S-1-5-32-544G:S-1-5-18D:AI{MINE}S:(AU;SA;FA;;;WD)",
        f"O:{ME}G:DUD:{MINE}(A;OICIIO;GA;;;CO)(A;;FA;;;OW)",
        f"O:{ME}G:DUD:(D;;FA;;;WD){MINE}",  # a denial gives nobody anything
        f"O:{ME}G:DUD:",  # nobody at all
        f"  O:{ME}D:{MINE}\n",
    ],
)
def test_a_folder_of_ours_the_systems_and_its_administrators_is_fine(sddl: str):
    assert judge(sddl, ME) is None


@pytest.mark.parametrize(
    ("sddl", "reason"),
    [
        (f"O:{ME}G:DUD:AI{MINE}(A;OICIID;0x1301bf;;;AU)", "others may use it: S-1-5-11"),  # what C:\\ hands down
        (f"O:{ME}G:DUD:AI{MINE}(A;OICIID;0x1200a9;;;BU)", "others may use it: S-1-5-32-545"),
        (f"O:{ME}D:{MINE}(A;;FA;;;WD)(A;;FA;;;{SOMEBODY})", f"others may use it: S-1-1-0, {SOMEBODY}"),
        (f"O:{ME}D:{MINE}(OA;;FA;;;AN)", "others may use it: S-1-5-7"),
        (f"O:{ME}D:{MINE}(XA;;FA;;;{SOMEBODY};(@User.clearance>=1))", f"others may use it: {SOMEBODY}"),
        (f"O:{ME}D:{MINE}(A;;FA;;;ZZ)", "others may use it: ZZ"),
        (f"O:{ME}D:{MINE}(A;;FA)", "others may use it: an unreadable entry"),
        (f"O:{SOMEBODY}G:DUD:P{MINE}", f"it belongs to {SOMEBODY}"),
        (f"O:G:DUD:P{MINE}", "it belongs to nobody"),
        (f"O:{ME}G:DU", "it has no access list"),
        (f"O:{ME}D:NO_ACCESS_CONTROL", "it has no access list"),
        ("", "cannot be read"),
        ("D:(A;;FA;;;WD)", "cannot be read"),
    ],
)
def test_anybody_else_is_named(sddl: str, reason: str):
    assert reason in (judge(sddl, ME) or "")


@pytest.mark.parametrize("condition", ['(Title=="S:")', '(Title==")(A;;FA;;;SY")', "(Member_of {SID(BA)})", '(a && (b == "D:"))'])
def test_nothing_inside_an_entry_can_hide_the_next_one(condition: str):
    assert judge(f"O:{ME}D:(XA;;FX;;;{ME};{condition}){MINE}", ME) is None
    assert judge(f"O:{ME}D:(XA;;FX;;;{ME};{condition})(A;;FA;;;WD)", ME) == "others may use it: S-1-1-0"


@pytest.mark.parametrize("text", ["(", "(A;;FA;;;SY", "A;;FA;;;SY)", '(XA;;FX;;;SY;("))'])
def test_brackets_that_do_not_match_cannot_be_read(text: str):
    assert "cannot be read" in (judge(f"O:{ME}D:{text}", ME) or "")


def test_the_advice_takes_inheritance_away_and_names_users_by_number():
    told = advice(Path("C:/FLOWORK"), "others may use it: S-1-5-11")
    assert '/inheritance:r /grant:r "%USERNAME%:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F"' in told
    assert "S-1-5-11" in told

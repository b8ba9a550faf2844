"""`flowork engines list` and `revoke`: what people read."""

from app.commands.engines import render, render_revoked
from contract.admin import AuditRecord
from contract.admin_engines import EngineList, EngineView, InstallationView, MemberView, RevokeAnswer, Revoked
from contract.words import Role

AT = "2026-11-24T03:04:00.000000Z"


def engine(**changes) -> EngineView:
    return EngineView(**{"id": "aaaa", "name": "lab", "installations": [], "members": [], "codes": 0, **changes})


def installation(**changes) -> InstallationView:
    return InstallationView(**{"name": "attic", "state": "live", "token_age_s": 0, "last_used_at": None, **changes})


def test_without_engines_it_says_how_to_make_one():
    assert "flowork engines add" in render(EngineList(engines=[]))


def test_an_engine_without_machines_says_so_and_counts_its_codes():
    page = render(EngineList(engines=[engine(codes=1), engine(name="den", codes=2)]))
    assert "no machine serves it" in page
    assert "1 enrolment code is out" in page
    assert "2 enrolment codes are out" in page


def test_machines_are_shown_with_state_age_and_last_use():
    ages = {5: "5 s", 59: "59 s", 60: "1 min", 3599: "59 min", 3600: "1 h", 86399: "23 h", 86400: "1 d", 40 * 86400: "40 d"}
    for seconds, words in ages.items():
        page = render(EngineList(engines=[engine(installations=[installation(token_age_s=seconds)])]))
        assert f"attic                    live      token {words} old, never used" in page
    used = render(EngineList(engines=[engine(installations=[installation(state="revoked", token_age_s=None, last_used_at=AT)])]))
    assert "revoked   last used 20" in used


def test_members_are_shown_with_role_and_ceiling():
    members = [MemberView(user="u", name="Bob", role=Role.RUNNER, priority_ceiling=3)]
    assert "shared with Bob as runner, priority 3 at most" in render(EngineList(engines=[engine(members=members)]))


def test_a_revocation_tells_what_it_did_and_what_is_known():
    revoked = [
        Revoked(installation="attic", last_used_at=AT, instances=["a"], jobs_returned=2),
        Revoked(installation="cellar", last_used_at=None, instances=[], jobs_returned=0),
    ]
    record = AuditRecord(seq=1, at=AT, event="engine.enrol", actor="anyone", target="aaaa", detail={})
    page = render_revoked(RevokeAnswer(revoked=revoked, records=[record]))
    assert "2 job(s) went back" in page
    assert "cellar: its token is void, never used" in page
    assert "engine.enrol  by anyone" in page
    assert "nothing to revoke" in render_revoked(RevokeAnswer(revoked=[]))

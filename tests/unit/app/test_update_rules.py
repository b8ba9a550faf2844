"""What is thought of a manifest, when to look again, and the command for a person."""

import shlex
from typing import Any

import pytest

from app.rules.update import (
    AGAIN_S,
    CLOCKS_DIFFER_S,
    DAY_S,
    REASONS,
    SETTLES_S,
    SPREAD_S,
    TAMPERED,
    Current,
    Offer,
    Place,
    Reason,
    Refused,
    Seen,
    address_of,
    by_hand,
    decide,
    installs_itself,
    next_look,
)
from contract.update import Kind, Manifest
from kit.clock import SECOND, from_rfc3339

NOW = from_rfc3339("2026-02-01T00:00:00Z")
HERE = Place("1.2.3", "linux-x64", Kind.DEB)
FILE = {"platform": "linux-x64", "kind": "deb", "name": "a.deb", "size": 3, "sha256": "a" * 64}
OTHER = {**FILE, "platform": "windows-x64", "kind": "setup", "name": "a.exe"}


def manifest(**other: Any) -> Manifest:
    told = {
        "product": "flowork",
        "version": "1.3.0",
        "released_at": "2026-01-31T00:00:00Z",
        "expires_at": "2026-03-01T00:00:00Z",
        "files": [OTHER, FILE],
    }
    return Manifest.model_validate({**told, **other})


def judged(place: Place = HERE, seen: Seen | None = None, now: int = NOW, **other: Any) -> object:
    found = decide(manifest(**other), place, seen or Seen(), now)
    return found.reason if isinstance(found, Refused) else found


def test_a_newer_version_is_offered_with_the_file_for_here():
    found = judged(notes_url="https://x.example/n")
    assert isinstance(found, Offer)
    assert (found.version, found.file and found.file.name, found.notes_url) == ("1.3.0", "a.deb", "https://x.example/n")


def test_the_installed_version_is_the_newest():
    assert judged(version="1.2.3") == Current("1.2.3")


def test_versions_are_no_texts():
    assert isinstance(judged(version="1.10.0"), Offer)
    assert judged(Place("1.10.0", "linux-x64", Kind.DEB), version="1.9.0") is Reason.OLDER


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"product": "flowerpot"}, Reason.OTHER_PRODUCT),
        ({"product": "Flowork"}, Reason.OTHER_PRODUCT),
        ({"version": "1.2.2"}, Reason.OLDER),
        ({"version": "0.9.9"}, Reason.OLDER),
        ({"expires_at": "2026-02-01T00:00:00Z"}, Reason.EXPIRED),
        ({"released_at": "2026-02-02T00:00:01Z"}, Reason.NOT_YET),
        ({"files": [OTHER]}, Reason.NOT_FOR_HERE),
        ({"files": [{**FILE, "kind": "run"}]}, Reason.NOT_FOR_HERE),
        ({"files": [{**FILE, "platform": "linux-arm64"}]}, Reason.NOT_FOR_HERE),
    ],
)
def test_it_is_refused(other: dict[str, Any], reason: Reason):
    assert judged(**other) is reason


def test_it_holds_until_the_moment_it_expires():
    last = from_rfc3339("2026-03-01T00:00:00Z")
    assert isinstance(judged(now=last - 1), Offer)
    assert judged(now=last) is Reason.EXPIRED


def test_clocks_may_differ_a_little():
    signed = from_rfc3339("2026-01-31T00:00:00Z")
    assert isinstance(judged(now=signed - CLOCKS_DIFFER_S * SECOND), Offer)
    assert judged(now=signed - CLOCKS_DIFFER_S * SECOND - 1) is Reason.NOT_YET


def test_nothing_goes_back_behind_what_was_accepted():
    signed = from_rfc3339("2026-01-31T00:00:00Z")
    assert isinstance(judged(seen=Seen("1.3.0", signed)), Offer)
    assert judged(seen=Seen("1.3.1", signed)) is Reason.OLDER
    assert judged(seen=Seen("1.3.0", signed + 1)) is Reason.OLDER
    assert judged(seen=Seen("1.3.0", signed + 1), version="1.4.0") is Reason.OLDER


def test_a_program_that_is_no_release_compares_nothing():
    assert judged(Place("1.2.3.dev1", "linux-x64", Kind.DEB)) is Reason.NO_RELEASE


def test_where_there_is_no_file_for_it_a_newer_version_is_told_all_the_same():
    assert judged(Place("1.2.3", "linux-x64", None)) == Offer("1.3.0", None, None)


def test_a_file_lies_beside_its_manifest():
    assert address_of("https://x.example/a/b.json?c", "d.exe") == "https://x.example/a/d.exe"


def test_a_first_look_waits_until_the_program_has_settled():
    assert next_look(NOW, None, failed=False, uniform=0.0) == NOW + round(SETTLES_S * SECOND)
    assert next_look(NOW, NOW - 10**15, failed=False, uniform=1.0) == NOW + round(2 * SETTLES_S * SECOND)


def test_it_looks_once_a_day_and_not_all_programs_at_once():
    looks = [next_look(0, NOW, failed=False, uniform=uniform) for uniform in (0.0, 1.0)]
    assert looks == [NOW + round(DAY_S * SECOND), NOW + round((DAY_S + SPREAD_S) * SECOND)]


def test_after_a_look_that_failed_it_looks_again_sooner():
    assert next_look(0, NOW, failed=True, uniform=0.0) == NOW + round(AGAIN_S * SECOND)


@pytest.mark.parametrize("kind", [Kind.DEB, Kind.RUN, Kind.APPIMAGE, Kind.DMG])
def test_the_command_for_a_person_names_the_file_and_nothing_in_it_is_read_by_the_shell(kind: Kind):
    odd = "/home of/it's $(reboot)/a.file"
    words = shlex.split(by_hand(kind, odd, odd + "2"))
    assert odd in words
    assert all("reboot" not in word or word in {odd, odd + "2"} for word in words)


def test_only_the_setup_replaces_what_is_installed_by_itself():
    assert [kind for kind in (*Kind, None) if installs_itself(kind)] == [Kind.SETUP]
    assert by_hand(Kind.SETUP, "a", "b") == by_hand(None, "a", "b") == ""


def test_every_reason_has_words():
    assert set(REASONS) == set(Reason)
    assert set(REASONS) >= TAMPERED

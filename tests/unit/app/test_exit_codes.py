"""What a script sees of a verb: exit codes, and errors that say what to do."""

import json

import pytest

from app.commands.common import CONFIG, DONE, FAILED, JOB_FAILED, REFUSED, UNREACHABLE, USAGE, complain, parser, run, tell
from contract.errors import (
    REGISTRY,
    AuthenticationMissing,
    DeviceUnknown,
    EngineIdMismatch,
    EngineUnknown,
    FloworkError,
    GatewayUnreachable,
    QueueFull,
    StorageFull,
)


def test_the_codes_are_those_that_the_help_promises():
    assert (DONE, FAILED, USAGE, UNREACHABLE, REFUSED, JOB_FAILED, CONFIG) == (0, 1, 2, 3, 4, 5, 78)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (GatewayUnreachable, UNREACHABLE),
        (AuthenticationMissing, REFUSED),
        (DeviceUnknown, REFUSED),
        (EngineIdMismatch, REFUSED),
        (EngineUnknown, FAILED),
        (QueueFull, FAILED),
        (StorageFull, FAILED),
        (FloworkError, FAILED),
    ],
)
def test_an_error_has_its_exit_code(kind: type[FloworkError], code: int, capsys: pytest.CaptureFixture):
    async def work() -> int:
        raise kind

    assert run(work(), as_json=False) == code


def test_no_error_ends_as_if_all_was_well(capsys: pytest.CaptureFixture):
    assert all(tell(kind(), as_json=True) in {FAILED, UNREACHABLE, REFUSED} for kind in REGISTRY.values())


def test_an_error_says_what_happened_and_what_to_do_beside_the_output(capsys: pytest.CaptureFixture):
    tell(EngineUnknown(), as_json=False)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"flowork: {EngineUnknown.title}.\n  {EngineUnknown.advice}\n"


def test_as_json_an_error_is_one_line_of_output(capsys: pytest.CaptureFixture):
    tell(QueueFull("Wait.", retry_after_s=3), as_json=True)
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    assert json.loads(out)["error"] == QueueFull("Wait.", retry_after_s=3).problem()


def test_a_verbs_own_code_is_passed_on():
    async def work() -> int:
        return JOB_FAILED

    assert run(work(), as_json=False) == JOB_FAILED


def test_an_interrupt_ends_without_a_traceback(capsys: pytest.CaptureFixture):
    async def work() -> int:
        raise KeyboardInterrupt

    assert run(work(), as_json=False) == FAILED
    assert capsys.readouterr() == ("", "")


def test_what_nobody_foresaw_is_not_swallowed():
    async def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(work(), as_json=False)


def test_a_complaint_lists_every_mistake(capsys: pytest.CaptureFixture):
    assert complain("the settings are not right.", ["one", "two"]) == USAGE
    assert capsys.readouterr().err == "flowork: the settings are not right.\n  one\n  two\n"


def test_every_verb_knows_its_folder_and_json_and_abbreviates_nothing(tmp_path, capsys: pytest.CaptureFixture):
    made = parser("verb", "Does something.")
    arguments = made.parse_args(["--data", str(tmp_path), "--json"])
    assert (arguments.data, arguments.json) == (tmp_path, True)
    assert made.parse_args([]).json is False
    with pytest.raises(SystemExit) as ended:
        made.parse_args(["--js"])
    assert ended.value.code == USAGE

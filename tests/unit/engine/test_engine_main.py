"""`engine.__main__`: where the token comes from, and what a wrong command line says."""

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from contract.engine_link import Enrolled, EnrolRequest
from contract.errors import EnrolmentCodeInvalid
from engine import __main__ as program
from engine.__main__ import REFUSED, USAGE_ERROR, TokenRefused, host_name, main, parser, read_line
from engine.providers.keys import SecretGetter
from engine.runtime.seam import TokenKeeper
from engine.settings import EngineSettings
from kit.files import exclusive_lock

TOKEN = "fwe1_0123456789_secret"
COMMAND = ["--gateway", "http://127.0.0.1:9", "--engine-id", "abcd"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


class TestStandardInput:
    def test_the_token_is_one_line_of_standard_input(self, monkeypatch):
        typed(monkeypatch, f"  {TOKEN}  \nnot the token\n")
        assert read_line("token") == TOKEN

    @pytest.mark.parametrize("text", ["", "\n", " \n"])
    def test_no_line_says_what_to_give(self, monkeypatch, text: str):
        typed(monkeypatch, text)
        with pytest.raises(TokenRefused, match="standard input"):
            read_line("token")

    def test_a_code_may_have_spaces_and_a_token_may_not(self, monkeypatch):
        typed(monkeypatch, "abcde fghjk\nabc def\n")
        assert read_line("code") == "abcde fghjk"
        with pytest.raises(TokenRefused):
            read_line("token")

    @pytest.mark.parametrize(
        ("host", "name"),
        [("attic", "attic"), ("my box.local", "my-box.local"), ("-_x", "x"), ("", "machine"), ("h" * 99, "h" * 63)],
    )
    def test_a_machine_is_called_by_its_host_name_as_far_as_that_goes(self, monkeypatch, host: str, name: str):
        monkeypatch.setattr(program.socket, "gethostname", lambda: host)
        assert host_name() == name


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line that depends on nothing of this machine's owner."""
    monkeypatch.setattr(program, "logging_to", lambda *_: contextlib.nullcontext())
    for name in [name for name in os.environ if name.startswith("FLOWORK_")]:
        monkeypatch.delenv(name)
    return [*COMMAND, "--data", os.fspath(tmp_path)]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[EngineSettings, str]]:
    """What would have been run, and with which token."""
    seen: list[tuple[EngineSettings, str]] = []

    async def run(engines: Sequence[tuple[EngineSettings, TokenKeeper]], _secret: SecretGetter) -> int:
        for settings, keeper in engines:
            seen.append((settings, (await keeper.read())[0]))
        return 0

    monkeypatch.setattr(program, "_run", run)
    return seen


class TestCommandLine:
    def test_the_token_itself_cannot_be_an_argument(self):
        options = {option for action in parser()._actions for option in action.option_strings}
        assert {option for option in options if "token" in option or "code" in option} == {"--token-file"}

    def test_a_token_given_as_an_argument_is_not_repeated(self, command: list[str], capsys):
        with suppress(SystemExit):
            main([*command, "--token", TOKEN])
        assert f": {TOKEN}" not in capsys.readouterr().err

    @pytest.mark.parametrize(
        "wrong",
        [
            COMMAND[2:],
            [*COMMAND, "--slots", "many"],
            [*COMMAND, "--unknown"],
            ["--enrol"],
            [*COMMAND, "--enrol"],
            [*COMMAND, "--name", "attic"],
            [*COMMAND[:2], "--token-file", "x"],
        ],
        ids=str,
    )
    def test_a_wrong_argument_ends_with_a_usage_error(self, wrong: list[str], capsys):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == USAGE_ERROR
        assert "usage:" in capsys.readouterr().err

    def test_every_value_that_cannot_work_is_named_at_once(self, command: list[str], file: Path, started, capsys):
        command[command.index("abcd")] = "Not An Id"
        assert main([*command, "--token-file", os.fspath(file), "--slots", "0"]) == USAGE_ERROR
        said = capsys.readouterr().err
        assert "--slots" in said
        assert "--engine-id" in said
        assert started == []

    def test_an_engine_without_a_token_does_not_start(self, monkeypatch, command: list[str], started, capsys):
        typed(monkeypatch, "")
        assert main(command) == USAGE_ERROR
        assert "--token-file" in capsys.readouterr().err
        assert started == []

    def test_arguments_become_settings(self, command: list[str], started, file: Path, tmp_path: Path):
        more = ["--slots", "7", "--allow-echo", "--http-host", "a", "--http-host", "b:1"]
        assert main([*command, "--token-file", os.fspath(file), *more]) == 0
        ((settings, token),) = started
        assert token == TOKEN
        assert (settings.gateway, settings.engine_id, settings.data, settings.slots) == ("http://127.0.0.1:9", "abcd", tmp_path, 7)
        assert (settings.echo, settings.http_hosts) == (True, ("a", "b:1"))

    def test_the_knobs_of_the_roadmap_are_heard(self, command: list[str], started, monkeypatch):
        typed(monkeypatch, TOKEN)
        for name, value in (
            ("CORE_MAX_WORKERS", "8"),
            ("SLO_TARGET_LATENCY", "0.2"),
            ("SCALING_HEADROOM", "2"),
            ("HEADROOM_FACTOR", "1.5"),
        ):
            monkeypatch.setenv(name, value)
        assert main(command) == 0
        ((settings, _),) = started
        assert (settings.slots, settings.slots_max, settings.slo_target_latency_s, settings.headroom_factor) == (None, 8, 0.2, 1.5)

    def test_nothing_is_served_unless_it_is_asked_for(self, command: list[str], started, monkeypatch):
        typed(monkeypatch, TOKEN)
        assert main(command) == 0
        ((settings, _),) = started
        assert (settings.echo, settings.http_hosts, settings.slots) == (False, (), None)

    def test_the_file_is_overruled_by_the_environment_and_that_by_arguments(self, command: list[str], started, monkeypatch, tmp_path: Path):
        (tmp_path / "config.toml").write_text("[engine]\nslots = 5\ncpu_processes = 2\ndrain_deadline_s = 9\n")
        monkeypatch.setenv("FLOWORK_ENGINE_SLOTS", "6")
        monkeypatch.setenv("FLOWORK_ENGINE_CPU_PROCESSES", "3")
        typed(monkeypatch, TOKEN)
        assert main([*command, "--slots", "7"]) == 0
        ((settings, _),) = started
        assert (settings.slots, settings.cpu_processes, settings.drain_deadline_s) == (7, 3, 9)

    def test_a_second_engine_on_the_same_data_folder_ends_with_one_sentence(self, command: list[str], file: Path, tmp_path: Path, capsys):
        folder = tmp_path / "engine" / "abcd"
        folder.mkdir(parents=True)
        with exclusive_lock(folder / "spool.db.lock"):
            assert main([*command, "--token-file", os.fspath(file)]) == 1
        assert "--data" in capsys.readouterr().err

    def test_a_collectors_headers_that_cannot_be_read_end_it_with_one_sentence(
        self, command, file: Path, monkeypatch, tmp_path: Path, capsys
    ):
        monkeypatch.setenv("FLOWORK_OTLP_ENDPOINT", "http://127.0.0.1:1")
        monkeypatch.setenv("FLOWORK_OTLP_HEADERS_FILE", str(tmp_path / "missing"))
        assert main([*command, "--token-file", os.fspath(file)]) == 1
        assert "missing cannot be read" in capsys.readouterr().err


class TestEnrolled:
    @pytest.fixture
    def gateway(self, monkeypatch) -> list[EnrolRequest]:
        """What was asked of a gateway that takes one code."""
        asked: list[EnrolRequest] = []

        async def enrol(_gateway: str, request: EnrolRequest) -> Enrolled:
            asked.append(request)
            if request.code not in {"right", "another"}:
                raise EnrolmentCodeInvalid
            engine_id = "abcd" if request.code == "right" else "efgh"
            return Enrolled(engine_id=engine_id, engine_name="lab", token=TOKEN, installation=request.installation_name)

        monkeypatch.setattr(program, "enrol", enrol)
        return asked

    def test_a_machine_that_is_not_enrolled_is_told_how(self, command: list[str], started, capsys):
        assert main(command[-2:]) == USAGE_ERROR
        assert "--enrol" in capsys.readouterr().err
        assert started == []

    def test_a_code_on_standard_input_enrols_and_the_next_start_needs_nothing(self, command, started, gateway, monkeypatch, tmp_path):
        typed(monkeypatch, "right\n")
        data = command[-2:]
        assert main(["--gateway", "http://127.0.0.1:9", "--enrol", "--name", "attic", *data]) == 0
        assert main(data) == 0
        first, second = started
        assert first == second
        assert (first[0].gateway, first[0].engine_id, first[1]) == ("http://127.0.0.1:9", "abcd", TOKEN)
        assert [request.installation_name for request in gateway] == ["attic"]
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN in path.read_text()]
        assert [path.stat().st_mode & 0o077 for path in kept] == [0]

    def test_another_address_of_the_gateway_may_be_given(self, command, started, gateway, monkeypatch):
        typed(monkeypatch, "right\n")
        data = command[-2:]
        main(["--gateway", "http://127.0.0.1:9", "--enrol", *data])
        assert main(["--gateway", "http://127.0.0.1:10", *data]) == 0
        assert started[1][0].gateway == "http://127.0.0.1:10"

    def test_a_machine_that_enrols_again_serves_both_engines_and_each_with_its_own_gateway(self, command, started, gateway, monkeypatch):
        data = command[-2:]
        typed(monkeypatch, "right\n")
        main(["--gateway", "http://127.0.0.1:9", "--enrol", *data])
        typed(monkeypatch, "another\n")
        main(["--gateway", "http://127.0.0.1:10", "--enrol", *data])
        assert [(settings.engine_id, settings.gateway) for settings, _ in started[1:]] == [
            ("abcd", "http://127.0.0.1:9"),
            ("efgh", "http://127.0.0.1:10"),
        ]

    def test_one_other_address_for_engines_of_several_gateways_is_refused(self, command, started, gateway, monkeypatch, capsys):
        data = command[-2:]
        for code, port in (("right", 9), ("another", 10)):
            typed(monkeypatch, f"{code}\n")
            main(["--gateway", f"http://127.0.0.1:{port}", "--enrol", *data])
        assert main(["--gateway", "http://127.0.0.1:11", *data]) == USAGE_ERROR
        assert "several gateways" in capsys.readouterr().err

    def test_enrolling_an_engine_again_replaces_it(self, command, started, gateway, monkeypatch):
        data = command[-2:]
        for port in (9, 10):
            typed(monkeypatch, "right\n")
            main(["--gateway", f"http://127.0.0.1:{port}", "--enrol", *data])
        assert [settings.gateway for settings, _ in started] == ["http://127.0.0.1:9", "http://127.0.0.1:10"]

    def test_a_wrong_code_says_so_and_leaves_nothing(self, command, started, gateway, monkeypatch, capsys):
        typed(monkeypatch, "wrong\n")
        assert main(["--gateway", "http://127.0.0.1:9", "--enrol", *command[-2:]]) == REFUSED
        assert "flowork engines code" in capsys.readouterr().err
        assert main(command[-2:]) == USAGE_ERROR
        assert started == []

    def test_a_store_that_does_not_open_costs_no_code(self, command, started, gateway, monkeypatch, tmp_path, capsys):
        typed(monkeypatch, "right\n")
        folder = tmp_path / "secrets"
        folder.mkdir()
        (folder / "engines").write_text("nonsense")
        assert main(["--gateway", "http://127.0.0.1:9", "--enrol", *command[-2:]]) == USAGE_ERROR
        assert "damaged" in capsys.readouterr().err
        assert gateway == []

    def test_a_name_that_cannot_be_is_refused_before_the_code_is_used(self, command, gateway, monkeypatch):
        typed(monkeypatch, "right\n")
        assert main(["--gateway", "http://127.0.0.1:9", "--enrol", "--name", "my box", *command[-2:]]) == USAGE_ERROR
        assert gateway == []

"""`engine.__main__`: where the token comes from, and what a wrong command line says."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from engine import __main__ as program
from engine.__main__ import USAGE_ERROR, TokenRefused, main, parser, read_token
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


class TestTokenFile:
    def test_the_token_is_read_without_its_line_end(self, file: Path):
        assert read_token(file) == TOKEN

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
    @pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o602, 0o620, 0o601, 0o777])
    def test_a_file_that_is_open_to_others_is_refused(self, file: Path, mode: int):
        file.chmod(mode)
        with pytest.raises(TokenRefused, match="chmod 600") as refused:
            read_token(file)
        assert TOKEN not in str(refused.value)

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
    @pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
    def test_a_file_of_the_owners_alone_is_taken(self, file: Path, mode: int):
        file.chmod(mode)
        assert read_token(file) == TOKEN

    def test_a_missing_file_is_named(self, tmp_path: Path):
        with pytest.raises(TokenRefused, match="cannot be read") as refused:
            read_token(tmp_path / "missing")
        assert str(tmp_path / "missing") in str(refused.value)

    def test_a_folder_is_no_token(self, tmp_path: Path):
        with pytest.raises(TokenRefused, match="cannot be read"):
            read_token(tmp_path)

    @pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
    def test_an_empty_file_says_what_to_give(self, file: Path, text: str):
        file.write_text(text)
        with pytest.raises(TokenRefused, match="--token-file"):
            read_token(file)

    def test_a_token_that_follows_a_link_is_judged_by_the_file_itself(self, file: Path, tmp_path: Path):
        (tmp_path / "link").symlink_to(file)
        assert read_token(tmp_path / "link") == TOKEN
        file.chmod(0o644)
        with pytest.raises(TokenRefused):
            read_token(tmp_path / "link")

    def test_a_file_of_something_else_is_refused(self, file: Path):
        file.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(TokenRefused):
            read_token(file)

    def test_a_file_of_several_lines_is_refused(self, file: Path):
        file.write_text(f"{TOKEN}\n{TOKEN}\n")
        with pytest.raises(TokenRefused):
            read_token(file)


class TestStandardInput:
    def test_the_token_is_one_line_of_standard_input(self, monkeypatch):
        typed(monkeypatch, f"  {TOKEN}  \nnot the token\n")
        assert read_token(None) == TOKEN

    @pytest.mark.parametrize("text", ["", "\n", " \n"])
    def test_no_line_says_what_to_give(self, monkeypatch, text: str):
        typed(monkeypatch, text)
        with pytest.raises(TokenRefused, match="standard input"):
            read_token(None)

    def test_a_file_goes_before_standard_input(self, monkeypatch, file: Path):
        typed(monkeypatch, "another\n")
        assert read_token(file) == TOKEN


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line that depends on nothing of this machine's owner."""
    monkeypatch.setattr(program, "to_stream", lambda: None)
    for name in [name for name in os.environ if name.startswith("FLOWORK_")]:
        monkeypatch.delenv(name)
    return [*COMMAND, "--data", os.fspath(tmp_path)]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[EngineSettings, str]]:
    """What would have been run."""
    seen: list[tuple[EngineSettings, str]] = []

    async def run(settings: EngineSettings, token: str) -> int:
        seen.append((settings, token))
        return 0

    monkeypatch.setattr(program, "_run", run)
    return seen


class TestCommandLine:
    def test_the_token_itself_cannot_be_an_argument(self):
        options = {option for action in parser()._actions for option in action.option_strings}
        assert {option for option in options if "token" in option} == {"--token-file"}

    def test_a_token_given_as_an_argument_is_not_repeated(self, command: list[str], capsys):
        with suppress(SystemExit):
            main([*command, "--token", TOKEN])
        assert f": {TOKEN}" not in capsys.readouterr().err

    @pytest.mark.parametrize("wrong", [[], COMMAND[:2], COMMAND[2:], [*COMMAND, "--slots", "many"], [*COMMAND, "--unknown"]], ids=str)
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

    def test_nothing_is_served_unless_it_is_asked_for(self, command: list[str], started, monkeypatch):
        typed(monkeypatch, TOKEN)
        assert main(command) == 0
        ((settings, _),) = started
        assert (settings.echo, settings.http_hosts, settings.slots) == (False, (), 4)

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

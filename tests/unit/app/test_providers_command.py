"""`flowork providers`: keys are never arguments, local servers are found, and what does not answer is told."""

import io
import json
from pathlib import Path

import pytest
from aiohttp import web

from app.commands import providers as command
from app.commands.common import CONFIG, DONE, FAILED, USAGE
from app.services import providers
from app.services.secrets import Around, Insecure, open_secrets
from engine.providers.find import find
from tests.support.openai_server import openai_server

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    open_secrets(made, Insecure.ALWAYS, Around(environment={}))
    return made


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_key_is_read_from_standard_input_and_its_name_is_all_that_is_shown(data, monkeypatch, capsys):
    typed(monkeypatch, KEY + "\n")
    assert command.main(["key", "set", "mine", "--data", str(data)]) == DONE
    assert command.main(["key", "list", "--data", str(data), "--json"]) == DONE
    shown = capsys.readouterr()
    assert '{"key": "mine"}' in shown.out
    assert KEY not in shown.out + shown.err
    assert (data / "secrets" / "provider.mine").read_text() == KEY
    assert command.main(["key", "remove", "mine", "--data", str(data)]) == DONE
    assert command.main(["key", "remove", "mine", "--data", str(data)]) == FAILED


@pytest.mark.parametrize("text", ["", "two words", "ümlaut", "x" * 1001], ids=["empty", "two-words", "not-ascii", "too-long"])
def test_what_is_no_key_is_not_kept(data, monkeypatch, text):
    typed(monkeypatch, text + "\n")
    assert command.main(["key", "set", "mine", "--data", str(data)]) == USAGE
    assert not (data / "secrets" / "provider.mine").exists()


def test_a_name_with_a_path_in_it_is_refused(data, monkeypatch):
    typed(monkeypatch, KEY + "\n")
    assert command.main(["key", "set", "../mine", "--data", str(data)]) == USAGE


def test_a_folder_without_secrets_gets_none_by_this(tmp_path, monkeypatch):
    typed(monkeypatch, KEY + "\n")
    assert command.main(["key", "set", "mine", "--data", str(tmp_path / "new")]) == CONFIG
    assert not (tmp_path / "new" / "secrets").exists()


def test_an_enrolled_engines_folder_takes_keys_too(tmp_path):
    (tmp_path / "secrets").mkdir(mode=0o700)
    providers.set_key(tmp_path, "mine", KEY, Around(environment={}))
    assert providers.key_names(tmp_path, Around(environment={})) == ["mine"]


def test_what_does_not_answer_is_told_with_its_reason(data, capsys):
    (data / "config.toml").write_text('[providers.a]\nbase_url = "http://127.0.0.1:1/v1"\nmodels = ["m"]\n')
    assert command.main(["list", "--data", str(data), "--json"]) == FAILED
    told = json.loads(capsys.readouterr().out)
    assert (told["reachable"], told["code"], told["key"], told["offered"]) == (False, "provider.unreachable", "none", ["m"])


async def test_servers_of_models_are_found_and_other_services_are_not(unused_tcp_port):
    async def page(_request: web.Request) -> web.Response:
        return web.json_response({"hello": "world"})

    app = web.Application()
    app.router.add_get("/v1/models", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with openai_server() as server:
        ports = {"ollama": int(server.base_url.rsplit(":", 1)[1][:-3]), "vllm": runner.addresses[0][1], "lm-studio": unused_tcp_port}
        (found,) = await find(ports)
    await runner.cleanup()
    assert (found.name, found.models) == ("ollama", ("large", "small"))
    lines = command.config_lines(found)
    assert lines == f'[providers.ollama]\nbase_url = "{server.base_url}"\nmodels = ["large", "small"]'

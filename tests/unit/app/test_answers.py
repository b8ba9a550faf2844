"""What every answer of a gateway goes through: problems become errors again, silence becomes GatewayUnreachable."""

import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from app.client.admin import open_admin
from app.client.answers import answer, reaching
from app.client.api import open_api
from app.client.paired import write_paired
from app.commands import submit
from app.commands.common import UNREACHABLE, USAGE
from app.crypto.device_keys import open_device_keys
from app.services.secrets import cli_secrets
from contract.errors import REGISTRY, AuthenticationExpired, FloworkError, GatewayUnreachable, ProofInvalid, QueueFull
from contract.people import User
from contract.signin import Tokens
from kit.strict_json import encode
from tests.support.devices import KEYS, device


class Answering:
    """A server that gives what it was told to, and notes what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str | None]] = []
        self.address = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("Authorization")))
        status, body = self.answers.pop(0)
        return web.Response(status=status, body=body)

    def then(self, status: int, body: bytes | dict[str, Any]) -> None:
        self.answers.append((status, body if isinstance(body, bytes) else encode(body)))

    async def get(self) -> User:
        async with aiohttp.ClientSession() as session, reaching(self.address), session.get(self.address) as response:
            return await answer(response, User)


@pytest.fixture
async def server() -> AsyncIterator[Answering]:
    made = Answering()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_a_good_answer_is_its_model_and_what_a_newer_gateway_adds_is_ignored(server: Answering):
    server.then(200, {"id": "u", "name": "Ann", "role": "owner", "devices": 1, "colour": "red"})
    assert await server.get() == User(id="u", name="Ann", role="owner", devices=1)


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=lambda kind: kind.code)
async def test_a_problem_becomes_the_error_it_was(server: Answering, kind: type[FloworkError]):
    said = kind("In these words.")
    server.then(kind.status, said.problem("r-1"))
    with pytest.raises(kind) as raised:
        await server.get()
    assert (type(raised.value), raised.value.detail, raised.value.retry_after_s) == (kind, "In these words.", said.retry_after_s)


async def test_a_problem_of_a_newer_gateway_keeps_its_code_status_and_wait(server: Answering):
    server.then(418, {**QueueFull(retry_after_s=7).problem(), "code": "tea.pot", "title": "A teapot"})
    with pytest.raises(FloworkError) as raised:
        await server.get()
    assert (raised.value.code, raised.value.status, raised.value.title, raised.value.retry_after_s) == ("tea.pot", 418, "A teapot", 7)


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[]", b"null", b'"x"', b"[" * 1000, b"\xff", b'{"code": 5}'])
async def test_a_refusal_that_is_no_problem_still_tells_its_status(server: Answering, body: bytes):
    server.then(502, body)
    with pytest.raises(FloworkError) as raised:
        await server.get()
    assert (raised.value.code, raised.value.status) == ("http.502", 502)


@pytest.mark.parametrize(
    "trouble",
    [aiohttp.ClientConnectionError("x"), aiohttp.ServerDisconnectedError(), TimeoutError(), ConnectionRefusedError(), OSError("x")],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_every_kind_of_silence_is_a_gateway_that_does_not_answer(trouble: Exception):
    with pytest.raises(GatewayUnreachable, match="http://there"):
        async with reaching("http://there"):
            raise trouble


async def test_what_is_no_silence_goes_through():
    for error in (QueueFull(), ZeroDivisionError()):
        with pytest.raises(type(error)):
            async with reaching("http://there"):
                raise error


async def test_a_port_where_nobody_listens_is_unreachable():
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        async with open_api(f"http://127.0.0.1:{free.getsockname()[1]}", KEYS, bytes(32)) as api:
            with pytest.raises(GatewayUnreachable):
                await api.sign_in()


async def test_a_folder_without_a_gateway_is_unreachable_and_says_how_to_start_one(tmp_path):
    with pytest.raises(GatewayUnreachable, match="flowork serve"):
        async with open_admin(tmp_path):
            pass


async def test_the_admin_client_shows_the_secret_of_the_owners_file(tmp_path, server: Answering):
    (tmp_path / "run").mkdir()
    told = {"port": int(server.address.rsplit(":", 1)[1]), "secret": "s"}
    (tmp_path / "run" / "admin.json").write_text(json.dumps(told))
    server.then(201, {"token": "t", "expires_in": 900, "scopes": ["users:read"]})
    server.then(200, {"users": []})
    async with open_admin(tmp_path) as admin:
        assert (await admin.users()).users == []
        assert admin._session.headers["X-Flowork-Admin"] == "s"


@pytest.mark.parametrize("body", [b"<html>Welcome to nginx</html>", b"{}"])
async def test_an_answer_of_some_other_program_is_a_failure_of_ours(server: Answering, body: bytes):
    server.then(200, body)
    with pytest.raises(FloworkError):
        await server.get()


def test_an_address_that_is_none_is_a_wrong_command_line(tmp_path, capsys: pytest.CaptureFixture):
    write_paired(tmp_path, "http://127.0.0.1:1", bytes(32), "u", "d")
    open_device_keys(cli_secrets(tmp_path), make=True)
    assert submit.main(["--kind", "echo", "--data", str(tmp_path), "--gateway", "nonsense"]) in {USAGE, UNREACHABLE}


TOKENS = {
    "access_token": "old",
    "expires_in": 600,
    "refresh_token": "r-old",
    "scope": "api",
    "user": "u",
    "device": "d",
    "session": "s",
    "gateway_id": "g",
}


async def test_an_expired_token_is_renewed_and_the_call_repeated_once(server: Answering):
    expired = AuthenticationExpired().problem()
    server.then(401, expired)
    server.then(200, {**TOKENS, "access_token": "new", "refresh_token": "r-new"})
    server.then(200, {"events": [], "next": "c"})
    async with open_api(server.address, KEYS, bytes(32)) as api:
        api._tokens = Tokens.model_validate(TOKENS)
        assert (await api.events("latest")).next == "c"
        assert api._tokens.refresh_token == "r-new"
    assert server.asked == [("/api/v1/events", "DPoP old"), ("/api/v1/auth/refresh", None), ("/api/v1/events", "DPoP new")]


async def test_a_token_that_is_expired_again_at_once_is_not_renewed_for_ever(server: Answering):
    expired = AuthenticationExpired().problem()
    server.then(401, expired)
    server.then(200, TOKENS)
    server.then(401, expired)
    async with open_api(server.address, KEYS, bytes(32)) as api:
        api._tokens = Tokens.model_validate(TOKENS)
        with pytest.raises(AuthenticationExpired):
            await api.events("latest")
    assert server.answers == []


async def test_a_clock_that_is_off_is_set_by_the_gateways_and_the_call_repeated_once(server: Answering):
    server.then(401, ProofInvalid(server_time=2_000_000_000.0).problem())
    server.then(200, {"events": [], "next": "c"})
    keys = device(5)
    async with open_api(server.address, keys, bytes(32)) as api:
        api._tokens = Tokens.model_validate(TOKENS)
        assert (await api.events("latest")).next == "c"
    assert abs(keys.session._now_s() + keys.session._ahead_s - 2_000_000_000) < 60

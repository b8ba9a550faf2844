"""Tokens rotate between real processes and files; whoever dies or is not heard on the way, nobody is locked out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from app.client.admin import open_admin
from contract.admin_engines import InstallationView
from contract.errors import GatewayUnreachable
from contract.words import JobState
from engine.link.client import open_link
from engine.runtime.credential import Credential
from engine.store.tokens import FileTokens, MemoryTokens
from tests.support.house import House, Program, house, signed_in, start, until
from tests.support.inside import Wire, add_engine, engine_for, gateway_on, wire_to

SHORT = {"FLOWORK_GATEWAY_ENGINE_TOKEN_RETIRES_S": "1.5"}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as owned:
        yield owned


@pytest.fixture
async def lab(tmp_path) -> AsyncIterator[House]:
    """A gateway whose engine `lab` has a token file and no process yet."""
    async with house(tmp_path, apart=False, slots=1, **SHORT) as home:
        async with open_admin(home.data) as admin:
            home.keep(await admin.add_engine("lab"))
        yield home


@asynccontextmanager
async def serving(home: House, address: str, folder: str = "e1") -> AsyncIterator[Program]:
    """An engine process with the token file, its log and its own data folder."""
    program = await start(
        home.data.with_suffix(f".{folder}.log"),
        *("engine", "--gateway", address, "--engine-id", home.engine_id, "--token-file", str(token_file(home))),
        *("--data", str(home.data.with_suffix(f".{folder}")), "--allow-echo", "--slots", "1"),
    )
    try:
        yield program
    finally:
        if program.process.returncode is None:
            program.kill()
            await program.ended()


def token_file(home: House) -> Path:
    return home.data / "remote.token"


async def view(home: House) -> InstallationView:
    async with open_admin(home.data) as admin:
        return next(engine for engine in (await admin.engines()).engines if engine.name == "lab").installations[0]


async def rotated(home: House, before: str) -> str:
    """Wait until the file has one new token; it."""

    async def one_new() -> str | None:
        tokens = await FileTokens(token_file(home)).read()
        return tokens[0] if len(tokens) == 1 and tokens[0] != before else None

    return await until(one_new, "the token file has one new token")


async def works(home: House) -> None:
    """A job gets through."""
    async with signed_in(home, "lab") as user:
        await user.reaches(await user.submit(payload={"reply": 1}), JobState.SUCCEEDED)


async def asked(home: House) -> None:
    async with open_admin(home.data) as admin:
        assert (await admin.rotate("lab", None)).installations == ["first"]


async def test_an_engine_rotates_when_it_is_asked_and_its_file_has_the_new_token(lab: House):
    before = token_file(lab).read_text().strip()
    async with serving(lab, lab.address):
        await works(lab)
        await asked(lab)
        after = await rotated(lab, before)
        assert token_file(lab).stat().st_mode & 0o777 == 0o600
        await works(lab)
    async with serving(lab, lab.address):
        await works(lab)
    await retired(lab, before)
    assert await answer(lab, after) == 200


async def answer(home: House, token: str) -> int:
    """The status of a call with this token."""
    headers = {"X-Engine-Id": home.engine_id, "X-Engine-Token": token}
    async with aiohttp.request("GET", f"{home.address}/internal/v1/whitelist", headers=headers) as response:
        return response.status


async def retired(home: House, token: str) -> None:
    """Wait until a token is no good any more."""

    async def gone() -> bool:
        return await answer(home, token) == 401

    await until(gone, "the old token has retired")


def is_exchange(request: web.Request, _before: str) -> bool:
    return request.path.endswith("/token")


def is_proof(request: web.Request, before: str) -> bool:
    return request.path.endswith("/whitelist") and request.headers["X-Engine-Token"] != before


@pytest.mark.parametrize("step", [is_exchange, is_proof])
@pytest.mark.parametrize("heard", [False, True], ids=["unheard", "heard"])
@pytest.mark.parametrize("victim", ["engine", "gateway"])
async def test_whoever_is_killed_around_a_step_the_rotation_ends_well(stack: AsyncExitStack, lab: House, step, heard: bool, victim: str):
    """The engine dies after the exchange (its token is lost), or between keeping and proving; the gateway before or after each commit."""
    before = token_file(lab).read_text().strip()
    wire = await stack.enter_async_context(wire_to(lab.address))
    engine = await stack.enter_async_context(serving(lab, wire.address))
    await works(lab)
    reached = asyncio.Event()
    dies = {"engine": engine, "gateway": lab.gateway}[victim]
    assert dies is not None

    def at_the_request(request: web.Request) -> bool:
        if reached.is_set() or not step(request, before):
            return False
        if heard:
            wire.lose_answer = lambda path, _: path == request.path and strike()
            return False
        return strike()

    def strike() -> bool:
        if reached.is_set():
            return False
        dies.kill()
        reached.set()
        return True

    wire.lose_request = at_the_request
    await asked(lab)
    async with asyncio.timeout(30):
        await reached.wait()
    await dies.ended()
    if victim == "gateway":
        await lab.start_gateway(**SHORT)
    else:
        await stack.enter_async_context(serving(lab, wire.address))
    after = await rotated(lab, before)
    await works(lab)
    assert after in token_file(lab).read_text()
    await retired(lab, before)
    assert (await view(lab)).state == "live"


async def test_two_processes_of_one_installation_change_over_together(stack: AsyncExitStack, lab: House):
    for folder in ("e1", "e2"):
        await stack.enter_async_context(serving(lab, lab.address, folder))

    async def both() -> bool:
        async with open_admin(lab.data) as admin:
            return len(next(engine for engine in (await admin.status()).engines if engine.name == "lab").instances) == 2

    await until(both)
    for _ in range(3):
        before = token_file(lab).read_text().strip()
        await asked(lab)
        await rotated(lab, before)
        await retired(lab, before)
    async with signed_in(lab, "lab") as user:
        running = [await user.submit(payload={"sleep_ms": 300}) for _ in range(2)]
        for job in running:
            await user.sees(job, JobState.RUNNING)  # one each: both get in
        for job in running:
            await user.reaches(job, JobState.SUCCEEDED)
    async with open_admin(lab.data) as admin:
        events = [record.event for record in (await admin.audit(None, 1000)).records]
    assert events.count("engine.token_rotated") == 3


async def test_a_process_that_missed_the_change_reads_the_file_again(lab: House):
    before = token_file(lab).read_text().strip()
    async with serving(lab, lab.address, "e1") as first:
        await works(lab)
        first.process.send_signal(19)  # SIGSTOP: it sleeps while the other one rotates
        async with serving(lab, lab.address, "e2"):
            await asked(lab)
            await rotated(lab, before)
            await retired(lab, before)
        first.process.send_signal(18)
        await works(lab)


async def test_an_engine_in_the_gateways_process_rotates_in_memory(tmp_path):
    async with house(tmp_path, apart=False, **SHORT) as home:
        async with open_admin(home.data) as admin:
            assert (await admin.rotate("home", None)).installations == ["local"]

            async def done() -> bool:
                return "engine.token_rotated" in [record.event for record in (await admin.audit(None, 100)).records]

            await until(done)
        async with signed_in(home, "home") as user:
            await user.reaches(await user.submit(), JobState.SUCCEEDED)


async def test_a_token_that_was_not_kept_in_time_is_asked_for_again(stack: AsyncExitStack, tmp_path):
    """The engine dies with the new token in hand, before it is on its disk."""

    class Dying(MemoryTokens):
        def __init__(self, token: str) -> None:
            super().__init__(token)
            self.dies = asyncio.Event()

        async def keep(self, tokens) -> None:
            if len(tokens) == 2 and not self.dies.is_set():
                self.dies.set()
                await asyncio.get_running_loop().create_future()
            await super().keep(tokens)

    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g"))
    added = await add_engine(gateway)
    keeper = Dying(added.token)
    async with engine_for(gateway.address, added, tmp_path / "e", keeper=keeper):
        await gateway._parts.operations.engines.rotate("lab", None)
        async with asyncio.timeout(20):
            await keeper.dies.wait()
    assert await keeper.read() == (added.token,)
    await stack.enter_async_context(engine_for(gateway.address, added, tmp_path / "e", keeper=keeper))

    async def changed() -> bool:
        tokens = await keeper.read()
        return len(tokens) == 1 and tokens[0] != added.token

    await until(changed)
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    await user.reaches(await user.submit(), JobState.SUCCEEDED)


@pytest.mark.parametrize("call", ["/token", "/whitelist"])
async def test_lost_answers_cost_neither_token_nor_job(stack: AsyncExitStack, tmp_path, call: str):
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", lease_ms=30_000, engine_token_retires_s=0.5))
    added = await add_engine(gateway)
    wire: Wire = await stack.enter_async_context(wire_to(gateway.address))
    keeper = MemoryTokens(added.token)
    await stack.enter_async_context(engine_for(wire.address, added, tmp_path / "e", keeper=keeper))
    left = [2]

    def twice(path: str, _answer: object) -> bool:
        if path.endswith(call) and left[0]:
            left[0] -= 1
            return True
        return False

    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    job = await user.submit(payload={"sleep_ms": 1500, "reply": "kept"})
    await user.sees(job, JobState.RUNNING)
    wire.lose_answer = twice
    await gateway._parts.operations.engines.rotate("lab", None)

    async def changed() -> bool:
        tokens = await keeper.read()
        return len(tokens) == 1 and tokens[0] != added.token

    await until(changed)
    assert left == [0]
    done = await user.reaches(job, JobState.SUCCEEDED)
    assert (done.result, done.attempt) == ("kept", 1)


async def test_a_code_enrols_a_machine_which_then_starts_by_itself(lab: House, tmp_path):
    added = await start(tmp_path / "add.log", "engines", "add", "attic", "--remote", "--data", str(lab.data), "--json")
    assert added.process.stdout is not None
    told = json.loads(await added.process.stdout.read())
    assert await added.ended() == 0
    data = ("--data", str(tmp_path / "attic"))
    enrolling = ("engine", "--gateway", told["gateway"], "--enrol", "--name", "box", "--allow-echo")
    first = await start(tmp_path / "attic.log", *enrolling, *data, typed=told["code"] + "\n")
    try:
        async with signed_in(lab, "attic") as user:
            await user.reaches(await user.submit(), JobState.SUCCEEDED)
            async with open_admin(lab.data) as admin:
                (attic,) = [engine for engine in (await admin.engines()).engines if engine.name == "attic"]
                assert ([each.name for each in attic.installations], attic.codes) == (["box"], 0)
                assert (await admin.rotate("attic", "box")).installations == ["box"]

                async def rotated_here() -> bool:
                    return "engine.token_rotated" in [record.event for record in (await admin.audit(None, 100)).records]

                await until(rotated_here)
            first.terminate()
            assert await first.ended() == 0
            second = await start(tmp_path / "attic.log", "engine", "--allow-echo", *data)
            lab.programs.append(second)
            await user.reaches(await user.submit(), JobState.SUCCEEDED)
    finally:
        lab.programs.append(first)
    again = await start(
        tmp_path / "again.log", "engine", "--gateway", told["gateway"], "--enrol", "--data", str(tmp_path / "b"), typed=told["code"]
    )
    assert await again.ended() == 4
    assert "flowork engines code" in again.log.read_text()
    assert told["code"] not in (tmp_path / "attic.log").read_text() + again.log.read_text()


async def test_one_process_serves_two_engines_and_a_busy_one_never_holds_up_the_other(lab: House, tmp_path):
    data = ("--data", str(tmp_path / "box"))
    for name in ("attic", "cellar"):
        async with open_admin(lab.data) as admin:
            code = (await admin.add_remote_engine(name)).code
        enrolling = ("engine", "--gateway", lab.address, "--enrol", "--allow-echo", "--slots", "1")
        box = await start(tmp_path / "box.log", *enrolling, *data, typed=code + "\n")
        lab.programs.append(box)
        async with signed_in(lab, name) as user:
            await user.reaches(await user.submit(), JobState.SUCCEEDED)
        if name == "attic":
            box.terminate()
            assert await box.ended() == 0
    async with signed_in(lab, "cellar") as user:
        long = await user.submit(engine="attic", payload={"sleep_ms": 60_000})
        await user.reaches(long, JobState.RUNNING)
        waits = await user.submit(engine="attic")
        for _ in range(5):
            await user.reaches(await user.submit(engine="cellar"), JobState.SUCCEEDED)
        assert (await user.api.job(waits.id)).state is JobState.QUEUED
        await user.api.cancel(long.id)  # heard by the claim that is outstanding while its only slot is busy
        await user.reaches(long, JobState.CANCELLED)
        await user.reaches(waits, JobState.SUCCEEDED)
    box.terminate()
    assert await box.ended() == 0


async def test_an_address_that_serves_no_engines_says_so(tmp_path):
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", lan_host="0.0.0.0", lan_names=("127.0.0.1",), lan_port=0))
        assert gateway.lan_address is not None
        async with open_link(gateway.lan_address.replace("0.0.0.0", "127.0.0.1"), "abcd", Credential(MemoryTokens("t"), ("t",))) as link:
            with pytest.raises(GatewayUnreachable, match="accept_remote_engines"):
                await link.whitelist()


async def test_the_owner_lists_shares_and_revokes_on_the_command_line(lab: House, tmp_path):
    async def flowork(*arguments: str, code: int = 0) -> str:
        program = await start(tmp_path / "cli.log", *arguments, "--data", str(lab.data))
        assert program.process.stdout is not None
        out = (await program.process.stdout.read()).decode()
        assert await program.ended() == code, program.log.read_text()
        return out

    async with serving(lab, lab.address) as engine:
        await works(lab)
        async with open_admin(lab.data) as admin:
            (person,) = [user.name for user in (await admin.users()).users]
        await flowork("engines", "share", "lab", person, "--role", "viewer", "--priority-ceiling", "3")
        listed = await flowork("engines", "list")
        assert "as viewer, priority 3 at most" in listed
        assert "first" in listed
        assert "last used" in listed
        await flowork("engines", "unshare", "lab", person)
        assert "viewer" not in await flowork("engines", "list")
        await flowork("engines", "unshare", "lab", "nobody", code=1)
        await flowork("engines", "revoke", "nowhere", code=1)
        told = await flowork("engines", "revoke", "lab", "--compromised")
        assert "engine.token_compromised" in told
        assert "revoked" in await flowork("engines", "list")

        async def complained() -> bool:
            return "engine.token_trouble" in engine.log.read_text()

        await until(complained)
        assert "engine.token_revoked" in engine.log.read_text()

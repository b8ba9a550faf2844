"""Two processes of one installation rotate, die, lose answers and restart, and so does the gateway: nobody is locked out.

The gateway's side and the engine's are the real ones; between them is a wire that loses and delays, and processes die at
every step of a rotation. The model is one sentence: while the owner has not revoked it, every process that wakes up and
looks into its store gets in.
"""

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.engine_link import TokenIssued
from contract.errors import EngineTokenInvalid, EngineTokenSuperseded, GatewayUnreachable
from engine.runtime.credential import Credential
from engine.store.tokens import FileTokens
from gateway.operations.audit import Audit
from gateway.operations.engine_auth import EngineTokens
from gateway.store.audit import open_audit
from gateway.store.control import open_control
from kit.clock import SECOND
from tests.support.clock import ManualClock
from tests.support.devices import audit_key
from tests.support.queue import chance

ENGINE = "aaaaaaaaaaaaaaaa"
RETIRES_S, MAX_AGE_S = 60, 30 * 24 * 3600
PROCESSES = st.sampled_from([0, 1])
STEPS = ["renew", "keep", "prove", "keep again"]
"""Of one rotation, in order. A process may die before each, and an answer may be lost at the two calls."""


class Died(BaseException):
    """The process was killed here."""


class Wire:
    """A process's way to the gateway and to its store, on which it may die."""

    def __init__(self, machine: "RotationMachine") -> None:
        self.machine = machine
        self.dies_before: str | None = None
        self.loses: str | None = None
        self.keeps = 0

    def reached(self, step: str) -> None:
        if self.dies_before == step:
            raise Died

    async def renew_token(self) -> TokenIssued:
        self.reached("renew")
        if self.loses == "request":
            self.machine.late.append(self.machine.processes[self.machine.turn].text)
            raise GatewayUnreachable
        text = await self.machine.tokens.renew(await self.machine.called(self.machine.processes[self.machine.turn]))
        if self.loses == "renew":
            raise GatewayUnreachable
        return TokenIssued(token=text)

    async def prove(self, token: str) -> None:
        self.reached("prove")
        await self.machine.tokens.authenticate(ENGINE, token)
        if self.loses == "prove":
            raise GatewayUnreachable


class Keeper(FileTokens):
    """The shared token file, in the hands of a process that may die."""

    def __init__(self, path: Path, wire: Wire) -> None:
        super().__init__(path)
        self.wire = wire

    async def keep(self, tokens) -> None:
        if len(tokens) == 2 and self.wire.keeps:
            self.wire.reached("keep")
        elif self.wire.keeps > 1:
            self.wire.reached("keep again")
        self.wire.keeps += 1
        await super().keep(tokens)


class RotationMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="flowork-rotation-"))
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.clock = ManualClock()
        self.path = self.folder / "token"
        self.turn = 0
        self.seed = 1
        self.revoked = False
        self.late: list[str] = []
        """Tokens shown by requests for a new one that are still on their way."""
        self.runner.run(self.begin())

    async def begin(self) -> None:
        seal = audit_key(bytes(32))
        file = open_audit(self.folder / "audit.db")
        self.stack.callback(file.close)
        self.audit = Audit(file, seal, self.clock)
        self.control, _ = await self.stack.enter_async_context(open_control(self.folder / "control.db"))
        await self.control.add_engine(ENGINE, "lab", 1)
        await self.gateway_starts()
        self.wires = [Wire(self), Wire(self)]
        await FileTokens(self.path).keep([await self.tokens.mint(ENGINE, "first")])
        self.processes = [await self.process(number) for number in (0, 1)]

    async def gateway_starts(self) -> None:
        self.seed += 1
        store = self.control.installations
        self.tokens = EngineTokens(store, self.audit, self.clock, chance(self.seed), MAX_AGE_S * SECOND, RETIRES_S * SECOND)
        await self.tokens.load()

    async def process(self, number: int) -> Credential:
        keeper = Keeper(self.path, self.wires[number])
        return Credential(keeper, await keeper.read())

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    async def called(self, process: Credential):
        """A call as `engine.link.client` makes it."""
        refused: list[str] = []
        while True:
            shown = process.text
            try:
                return await self.tokens.authenticate(ENGINE, shown)
            except EngineTokenInvalid:
                refused.append(shown)
                if not await process.turn(refused):
                    raise

    @precondition(lambda self: not self.revoked)
    @rule(number=PROCESSES, dies=st.sampled_from([None, None, *STEPS]), loses=st.sampled_from([None, None, "request", "renew", "prove"]))
    def rotate(self, number: int, dies: str | None, loses: str | None) -> None:
        self.runner.run(self.rotated(number, dies, loses))

    async def rotated(self, number: int, dies: str | None, loses: str | None) -> None:
        self.turn = number
        wire = self.wires[number]
        wire.dies_before, wire.loses, wire.keeps = dies, loses, 0
        try:
            await self.called(self.processes[number])
            await self.processes[number]._rotate(wire)
        except (GatewayUnreachable, EngineTokenSuperseded):
            pass
        except Died:
            wire.dies_before = None
            self.processes[number] = await self.process(number)
        wire.dies_before = wire.loses = None

    @precondition(lambda self: self.late)
    @rule()
    def a_lost_request_arrives_late(self) -> None:
        self.runner.run(self.arrived(self.late.pop()))

    async def arrived(self, shown: str) -> None:
        with contextlib.suppress(EngineTokenInvalid, EngineTokenSuperseded):
            await self.tokens.renew(await self.tokens.authenticate(ENGINE, shown))

    @precondition(lambda self: not self.revoked)
    @rule(number=PROCESSES)
    def call(self, number: int) -> None:
        assert self.runner.run(self.called(self.processes[number])).engine == ENGINE

    @rule(number=PROCESSES)
    def process_restarts(self, number: int) -> None:
        self.processes[number] = self.runner.run(self.process(number))

    @rule()
    def gateway_restarts(self) -> None:
        self.runner.run(self.gateway_starts())

    @rule(seconds=st.sampled_from([1, 59, 61, MAX_AGE_S]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.runner.run(self.tokens.tidy())

    @precondition(lambda self: not self.revoked)
    @rule()
    def owner_asks(self) -> None:
        self.runner.run(self.tokens.ask_rotation(ENGINE, None, "owner"))

    @precondition(lambda self: not self.revoked)
    @rule(sure=st.sampled_from([False, False, False, True]))
    def owner_revokes(self, sure: bool) -> None:
        if sure:
            self.runner.run(self.tokens.revoke(ENGINE, None, "owner", compromised=False))
            self.revoked = True

    @invariant()
    def everybody_gets_in_and_nobody_once_revoked(self) -> None:
        self.runner.run(self.looked())

    async def looked(self) -> None:
        usable = [token for _, token in await self.control.installations.tokens() if token.state != "revoked"]
        assert len(usable) <= 2
        for text in await FileTokens(self.path).read():
            with contextlib.suppress(EngineTokenInvalid):
                caller, _ = self.tokens._recognised(ENGINE, text)  # without the effect that a call would have
                assert not self.revoked, caller
                return
        assert self.revoked
        for process in self.processes:
            with pytest.raises(EngineTokenInvalid):
                await self.called(process)


RotationMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRotation = RotationMachine.TestCase

"""Refresh families against a model: whoever presents what, when, in whatever order."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from contract import limits
from contract.errors import FloworkError, RefreshExpired, RefreshInvalid, RefreshReused, RefreshSuperseded
from contract.signin import Tokens
from contract.words import UserRole
from gateway.crypto.access_token import ACCESS
from gateway.crypto.access_token import Tokens as AccessTokens
from gateway.crypto.dpop import Proof, Proofs
from gateway.crypto.signing_keys import SigningKeys, new_key
from gateway.operations.audit import Audit
from gateway.operations.keys import KeyRing
from gateway.operations.sessions import Sessions
from gateway.rules.key_ring import KeyState, SigningKey
from gateway.store.audit import open_audit
from gateway.store.control import open_control
from gateway.store.people import DeviceRow, UserRow
from kit.vault import Vault
from tests.support.clock import ManualClock
from tests.support.devices import audit_key
from tests.support.queue import chance
from tests.support.secrets import MemorySecrets

MINE, THEIRS = "m" * 43, "t" * 43
WAITS_S = (0, 1, limits.REFRESH_GRACE_S, limits.REFRESH_GRACE_S + 1, 3600, limits.REFRESH_IDLE_S - 1, limits.REFRESH_IDLE_S)


async def nothing() -> None:
    """Nobody minds."""


SELDOM = st.sampled_from([False] * 9 + [True])


class RefreshMachine(RuleBasedStateMachine):
    """The model keeps the live token, its predecessor, and when they changed; nothing of it is shared with the product."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.clock = ManualClock()
        self.alive = False
        self.live = self.previous = ""
        self.changed_s = self.made_s = self.now_s = 0
        self.answers: dict[tuple[str, str], str] = {}
        self.run(self.open())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def open(self) -> None:
        path = Path(self.folder.name)
        self.control = open_control(path / "control.db")
        _, self.people = await self.control.__aenter__()
        key = audit_key(bytes(32))
        self.file = open_audit(path / "audit.db")
        self.vault = Vault(MemorySecrets())
        audit = Audit(self.file, key, self.clock)
        signing, made = SigningKeys(lambda: self.clock.now().wall), new_key(bytes(32))
        signing.replace([SigningKey(made.kid, made.public, KeyState.ACTIVE, 0)])
        signing.hold(made.kid, made.private)
        ring = KeyRing(signing, self.people, self.vault, audit, self.clock, chance(3))
        self.sessions = Sessions(
            people=self.people,
            tokens=AccessTokens(ACCESS, signing, "gate"),
            proofs=Proofs(0),
            ring=ring,
            audit=audit,
            clock=self.clock,
            random_bytes=chance(4),
            gateway_id="gate",
            ended=lambda _: None,
            tell=lambda _: None,
            users_changed=nothing,
        )
        device = DeviceRow("d", "u", "0x", MINE, "phone", 0)
        await self.sessions.add_device(device, UserRow("u", "Ann", UserRole.OWNER, 0), owner=True)

    @initialize(target=tokens)
    def sign_in(self) -> str:
        tokens = self.run(self.sessions.open(self.sessions.device("d")))
        self.live, self.alive, self.made_s, self.changed_s = tokens.refresh_token, True, self.now_s, self.now_s
        return tokens.refresh_token

    @rule(seconds=st.sampled_from(WAITS_S))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.now_s += seconds

    @rule(
        target=tokens,
        token=tokens,
        thief=st.sampled_from([False] * 9 + [True]),
        key=st.sampled_from([None, "k1", "k2"]),
        restart=st.booleans(),
    )
    def present(self, token: str, thief: bool, key: str | None, restart: bool) -> Any:
        if restart:
            self.run(self.sessions.load())
        expected = self.expect(token, thief, key)
        got = self.refreshed(token, THEIRS if thief else MINE, key)
        if isinstance(got, Tokens):
            assert expected == "new" or expected == got.refresh_token
            if expected == "new":
                self.previous, self.live, self.changed_s = token, got.refresh_token, self.now_s
                if key is not None:
                    self.answers[token, key] = got.refresh_token
                return got.refresh_token
            return multiple()
        assert expected is type(got), (expected, got)
        return multiple()

    def expect(self, token: str, thief: bool, key: str | None) -> Any:
        if not self.alive:
            return RefreshInvalid
        if thief:
            self.alive = False
            return RefreshInvalid
        if token == self.live:
            if self.now_s - self.changed_s >= limits.REFRESH_IDLE_S or self.now_s - self.made_s >= limits.REFRESH_ABSOLUTE_S:
                self.alive = False
                return RefreshExpired
            return "new"
        if token == self.previous and self.now_s - self.changed_s <= limits.REFRESH_GRACE_S:
            answered = self.answers.get((token, key or ""))
            fresh = self.now_s - self.changed_s < limits.REFRESH_GRACE_S
            return answered if answered is not None and fresh else RefreshSuperseded
        self.alive = False
        return RefreshReused

    def refreshed(self, token: str, thumbprint: str, key: str | None) -> Tokens | FloworkError:
        try:
            return self.run(self.sessions.refresh(token, Proof(thumbprint, "j", None), key))
        except FloworkError as error:
            return error

    @invariant()
    def the_session_lives_exactly_as_long_as_the_model_says(self) -> None:
        assert bool(self.sessions._sessions) == self.alive
        assert bool(self.run(self.people.sessions())) == self.alive

    def teardown(self) -> None:
        self.run(self.control.__aexit__(None, None, None))
        self.file.close()
        self.vault.close()
        self.loop.close()
        self.folder.cleanup()


RefreshMachine.TestCase.settings = settings(
    max_examples=80, stateful_step_count=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestRefreshMachine = RefreshMachine.TestCase

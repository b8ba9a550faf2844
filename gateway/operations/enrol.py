"""Enrol: a one-time code from the owner becomes an installation with its own token (protocol §3)."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from contract import limits
from contract.admin_engines import EnrolmentCode
from contract.engine_link import Enrolled, EnrolRequest
from contract.errors import EnrolmentCodeInvalid
from gateway.operations.audit import Audit
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.sources import Sources
from gateway.rules.engine_tokens import TokenPair
from gateway.store.control import EngineRow
from gateway.store.installations import CodeRow, InstallationRow, Installations
from kit import crockford
from kit.clock import SECOND, Clock, rfc3339

ID_CHARS, SECRET_CHARS = 4, 26
"""The first characters name the code, so that wrong tries count against one code only; 26 more are 130 bits of secret."""


@dataclass(slots=True)
class Enrolment:
    """The acts of enrolling."""

    store: Installations
    tokens: EngineTokens
    sources: Sources
    audit: Audit
    clock: Clock
    random_bytes: Callable[[int], bytes]

    async def new_code(self, engine: EngineRow, actor: str) -> EnrolmentCode:
        """A code for one more installation; its text exists in the caller's hands only.

        Raises:
            AuditUnavailable.
        """
        code = self._draw(ID_CHARS)
        while await self.store.code_known(code):
            code = self._draw(ID_CHARS)
        text = code + self._draw(SECRET_CHARS)
        now = self.clock.now().wall
        ends_at = now + limits.ENROLMENT_CODE_TTL_S * SECOND
        await self.audit.note("engine.code", actor, engine.id)
        await self.store.add_code(CodeRow(code, _digest(text), engine.id, ends_at, limits.ENROLMENT_CODE_TRIES), now)
        return EnrolmentCode(engine_id=engine.id, engine_name=engine.name, code=crockford.grouped(text), expires_at=rfc3339(ends_at))

    async def enrol(self, request: EnrolRequest) -> Enrolled:
        """Exchange a code for a token, once.

        Raises:
            EnrolmentCodeInvalid: wrong, used, over, or spent by wrong tries; one answer for all. AuditUnavailable.
        """
        text = crockford.normal(request.code)
        code = await self.store.try_code(text[:ID_CHARS], self.clock.now().wall)
        joined = None
        if code is not None and hmac.compare_digest(_digest(text), code.digest):
            joined = await self._join(code, request.installation_name)
        if code is None or joined is None:
            await self.audit.refused(EnrolmentCodeInvalid.code)
            raise EnrolmentCodeInvalid
        name, token = joined
        return Enrolled(engine_id=code.engine, engine_name=self.sources.engine(code.engine).name, token=token, installation=name)

    async def _join(self, code: CodeRow, wanted: str) -> tuple[str, str] | None:
        async def keep(row: InstallationRow, pair: TokenPair) -> bool:
            await self.audit.note("engine.enrol", "anyone", code.engine, installation=row.name)
            return await self.store.enrol(code, row, pair, self.clock.now().wall)

        return await self.tokens.join(code.engine, wanted, keep)

    def _draw(self, chars: int) -> str:
        return crockford.encode(int.from_bytes(self.random_bytes((chars * 5 + 7) // 8)), chars)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()

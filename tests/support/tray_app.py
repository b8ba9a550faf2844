"""The real tray application in a process of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from app.client.admin import AdminClient, open_admin
from app.client.api import open_api
from app.client.live import live_events
from app.client.pairing import pair_here
from contract.admin import GatewayStatus
from contract.errors import GatewayUnreachable
from contract.people import OfferMake
from contract.signin import decoded
from tests.support.devices import KEYS
from tests.support.house import Program, User, start, until


@dataclass
class TrayApp:
    """A data folder, and `flowork` on it."""

    data: Path
    environment: dict[str, str]
    programs: list[Program] = field(default_factory=list)
    address: str = ""
    gateway_key: bytes = b""

    async def start(self, *arguments: str, secure: bool = True) -> Program:
        """Start it; another start of it is one that hands over."""
        command = ["--data", str(self.data), "--port", "0", "--slots", "4", "--allow-echo", *arguments]
        if not secure:
            command.append("--insecure-storage")
        environment = {"QT_QPA_PLATFORM": "xcb", "LANG": "C.UTF-8", **self.environment}
        program = await start(self.data.with_suffix(f".{len(self.programs)}.log"), *command, environment=environment)
        self.programs.append(program)
        return program

    async def run(self, *arguments: str) -> tuple[int, str]:
        """A command about this data folder: its exit code, and what it printed."""
        program = await start(self.data.with_suffix(".command.log"), *arguments, "--data", str(self.data), environment=self.environment)
        assert program.process.stdout is not None
        said = await program.process.stdout.read()
        return await program.ended(), said.decode()

    @property
    def program(self) -> Program:
        """The first one."""
        return self.programs[0]

    @contextlib.asynccontextmanager
    async def admin(self) -> AsyncIterator[AdminClient]:
        """The gateway's owner's side, once it serves."""

        async def serves() -> bool:
            return (await self.status()) is not None

        await until(serves, "a gateway that serves")
        async with open_admin(self.data) as admin:
            yield admin

    async def status(self) -> GatewayStatus | None:
        """What the gateway says; None while none answers."""
        with contextlib.suppress(GatewayUnreachable):
            async with open_admin(self.data) as admin:
                return await admin.status()
        return None

    @contextlib.asynccontextmanager
    async def somebody(self) -> AsyncIterator[User]:
        """Somebody who is paired with it and signed in; as long as its gateway stays where it is."""
        async with self.admin() as admin:
            status = await admin.status()
            self.address, self.gateway_key = status.address, decoded(status.gateway_key)
            if not status.users:
                async with open_api(self.address, KEYS, self.gateway_key) as api:
                    await pair_here(admin, api, "test", OfferMake())
        async with open_api(self.address, KEYS, self.gateway_key) as api:
            await api.sign_in()
            async with live_events(api) as arrived:
                yield User(api, "home", arrived)

    async def close(self) -> None:
        """End whatever still runs."""
        for program in self.programs:
            if program.process.returncode is None:
                program.kill()
                await program.process.wait()
            assert program.process.stdout is not None
            with contextlib.suppress(asyncio.IncompleteReadError):
                await program.process.stdout.read()

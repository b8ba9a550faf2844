"""Which engines there are, by id and name, and in which of them a user has jobs."""

from contract.errors import EngineUnknown
from gateway.store.control import Control, EngineRow


class Sources:
    """A cache over control.db: this process is its only writer."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._engines: dict[str, EngineRow] = {}
        self._of_user: dict[str, set[str]] = {}

    async def load(self) -> None:
        """Read everything anew."""
        self._engines = {row.id: row for row in await self._control.engines()}
        self._of_user = {}
        for user, engine in await self._control.sources():
            self._of_user.setdefault(user, set()).add(engine)

    async def engines_changed(self) -> None:
        """Read the engines anew."""
        self._engines = {row.id: row for row in await self._control.engines()}

    def engines(self) -> list[EngineRow]:
        """All engines, oldest first."""
        return list(self._engines.values())

    def engine(self, id_or_name: str) -> EngineRow:
        """Find an engine.

        Raises:
            EngineUnknown: there is none.
        """
        found = self._engines.get(id_or_name) or next((row for row in self._engines.values() if row.name == id_or_name), None)
        if found is None:
            raise EngineUnknown
        return found

    def name_of(self, engine: str) -> str:
        """An engine's name by its id; the id where there is none of it any more."""
        found = self._engines.get(engine)
        return engine if found is None else found.name

    async def note(self, user: str, engine: str) -> None:
        """Remember, durably, that a user has jobs in an engine's queue."""
        known = self._of_user.setdefault(user, set())
        if engine not in known:
            await self._control.add_source(user, engine)
            known.add(engine)

    def of(self, user: str) -> list[str]:
        """Engines in which a user has ever had a job."""
        return sorted(self._of_user.get(user, ()))

"""control.db: what users may take of providers in a day."""

from gateway.rules.spending import Limit
from gateway.store.database import Database

DDL = """
-- Of a UTC day, over all engines; NULL does not limit. What was taken is in the queues' files.
CREATE TABLE budgets(
  user TEXT PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE, cost_micros INTEGER, tokens INTEGER
) STRICT, WITHOUT ROWID;
"""


class BudgetRows:
    """Every method is one transaction; see `Database` for what a write raises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, Limit]:
        """By user."""
        rows = await self._database.rows("SELECT user, cost_micros, tokens FROM budgets")
        return {user: Limit(cost_micros, tokens) for user, cost_micros, tokens in rows}

    async def put(self, user: str, limit: Limit | None) -> None:
        """Set a user's budget; None takes it away."""
        if limit is None:
            await self._database.write("DELETE FROM budgets WHERE user = ?", (user,))
            return
        await self._database.write(
            """INSERT INTO budgets(user, cost_micros, tokens) VALUES (?,?,?)
            ON CONFLICT(user) DO UPDATE SET cost_micros = excluded.cost_micros, tokens = excluded.tokens""",
            (user, limit.cost_micros, limit.tokens),
        )

"""What users took of providers, by UTC day: counted in the transaction that ends an attempt, so exactly once."""

import sqlite3

from contract.kinds import Usage
from gateway.rules.spending import KEEP_DAYS, NOTHING, Taken, day_of
from gateway.store.writer import Tx

ADD = """
INSERT INTO spend(user, day, input_tokens, output_tokens, cost_micros) VALUES (?,?,?,?,?)
ON CONFLICT(user, day) DO UPDATE SET input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cost_micros = CASE WHEN cost_micros IS NULL THEN excluded.cost_micros ELSE cost_micros + coalesce(excluded.cost_micros, 0) END"""
OF_DAY = "SELECT input_tokens, output_tokens, cost_micros FROM spend WHERE user = ? AND day = ?"
FORGET = "DELETE FROM spend WHERE user = ? AND day < ?"


def taken(usage: Usage | None) -> Taken:
    """What an attempt took."""
    return NOTHING if usage is None else Taken(usage.input_tokens, usage.output_tokens, usage.cost_micros)


def add(tx: Tx, user: str, more: Taken) -> None:
    """Count it to the user's day; days long past are forgotten along the way."""
    day = day_of(tx.now.wall)
    tx.execute(ADD, (user, day, more.input_tokens, more.output_tokens, more.cost_micros))
    tx.execute(FORGET, (user, day - KEEP_DAYS))


def of_day(connection: sqlite3.Connection, user: str, day: int) -> Taken:
    """What a user took on a day."""
    row = connection.execute(OF_DAY, (user, day)).fetchone()
    return NOTHING if row is None else Taken(*row)

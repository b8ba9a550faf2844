"""What attempts take of providers: added up, and what it costs."""

from contract.kinds import CALLS_MAX, Usage
from engine.settings.sources import ModelPrice


def added(one: Usage, other: Usage) -> Usage:
    """Both together; the cost is known where that of one is."""
    costs = [cost for cost in (one.cost_micros, other.cost_micros) if cost is not None]
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_micros=sum(costs) if costs else None,
        calls=[*one.calls, *other.calls][-CALLS_MAX:],
    )


def cost_micros(price: ModelPrice | None, input_tokens: int, output_tokens: int) -> int | None:
    """Millionths of the owner's currency; None without a price."""
    return None if price is None else round(input_tokens * price.input + output_tokens * price.output)

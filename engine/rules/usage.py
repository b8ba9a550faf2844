"""Adding up what attempts take of providers."""

from contract.kinds import CALLS_MAX, Usage


def added(one: Usage, other: Usage) -> Usage:
    """Both together; the cost is known where that of one is."""
    costs = [cost for cost in (one.cost_micros, other.cost_micros) if cost is not None]
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_micros=sum(costs) if costs else None,
        calls=[*one.calls, *other.calls][-CALLS_MAX:],
    )

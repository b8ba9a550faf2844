"""What attempts take of providers adds up."""

from contract.kinds import CALLS_MAX, ProviderCall, Usage
from engine.rules.usage import added


def test_tokens_add_up_and_a_cost_is_known_where_that_of_one_is():
    both = added(Usage(input_tokens=1, output_tokens=2, cost_micros=5), Usage(input_tokens=10, output_tokens=20))
    assert (both.input_tokens, both.output_tokens, both.cost_micros) == (11, 22, 5)
    assert added(Usage(), Usage()).cost_micros is None


def test_the_latest_calls_are_kept():
    calls = [ProviderCall(model=f"p/{number}", took_ms=1) for number in range(CALLS_MAX)]
    both = added(Usage(calls=calls), Usage(calls=[ProviderCall(model="p/last", took_ms=1)]))
    assert len(both.calls) == CALLS_MAX
    assert both.calls[-1].model == "p/last"

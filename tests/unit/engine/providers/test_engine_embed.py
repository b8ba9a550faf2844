"""`embed` against a server that speaks OpenAI's wire."""

from tests.support.model_server import Act
from tests.support.models import ask, fails, models


def provider(server, **changes):
    return {"a": {"base_url": server.base_url, "models": ["small"], "embeds": ["vectors"], "tries": 1, **changes}}


async def test_vectors_come_in_the_order_of_their_texts(openai, job):
    async with models(provider(openai, prices={"vectors": {"input": 2}})) as made:
        found = await ask(made, job, "embed", model="a/vectors", input=["a", "bbb"])
    assert found["vectors"] == [[1.0, 0.5], [3.0, 0.5]]
    assert (found["usage"]["input_tokens"], found["usage"]["cost_micros"]) == (5, 10)
    assert job.usage.input_tokens == 5


async def test_a_model_that_talks_makes_no_vectors(openai, job):
    async with models(provider(openai)) as made:
        assert (await fails(made, job, "embed", model="a/small", input=["a"])).code == "provider.model_unknown"
        assert (await fails(made, job, model="a/vectors")).code == "provider.model_unknown"


async def test_a_failure_has_its_code(openai, job):
    openai.then(Act(status=500))
    async with models(provider(openai)) as made:
        assert (await fails(made, job, "embed", model="a/vectors", input=["a"])).code == "provider.failed"

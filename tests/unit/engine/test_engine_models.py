"""`engine.rules.models`: what is offered, and what a name stands for; `engine.rules.offer`: its version."""

from contract.offers import Offer, OfferedKind, OfferedModel, OfferedTool
from engine.rules.models import Target, chain, offered
from engine.rules.offer import make, version
from engine.rules.usage import cost_micros
from engine.settings.sources import ModelPrice, ProviderSettings

PROVIDERS = {
    "here": ProviderSettings(base_url="http://127.0.0.1:1/v1", models=("*",), embeds=("vectors",)),
    "there": ProviderSettings(models=("big", "org/odd")),
}


def names(aliases=None, listed=None):
    return {model.name: model for model in offered(PROVIDERS, aliases or {}, listed or {})}


def test_only_ticked_models_are_offered_until_a_list_has_come():
    assert list(names()) == ["here/vectors", "there/big", "there/org/odd"]
    listed = {"here": ["small", "vectors"], "there": ["secret"]}
    assert list(names(listed=listed)) == ["here/vectors", "here/small", "there/big", "there/org/odd"]


def test_models_that_make_vectors_do_not_talk():
    found = names()
    assert (found["here/vectors"].kinds, found["there/big"].kinds) == (["embed"], ["chat"])


def test_an_alias_stands_for_what_is_offered_in_its_order():
    found = list(names({"fast": ["here/small", "there/big"], "none": ["here/gone"], "mixed": ["there/big", "here/vectors"]}).values())
    assert chain(found, "fast", "chat") == (Target("there", "big"),)
    assert chain(found, "there/org/odd", "chat") == (Target("there", "org/odd"),)
    assert chain(found, "fast", "embed") == chain(found, "none", "chat") == chain(found, "mixed", "chat") == ()


def test_the_version_is_of_the_content_and_none_where_there_is_nothing_to_tell():
    kinds = [OfferedKind(name="echo")]
    assert version(make(kinds, [], [])) is None
    model = OfferedModel(name="a/b", kinds=["chat"])
    one = version(make(kinds, [model], []))
    assert one == version(Offer.model_validate_json(make(kinds, [model], []).model_dump_json()))
    assert one != version(make(kinds, [OfferedModel(name="a/c", kinds=["chat"])], []))
    assert version(make([OfferedKind(name="mine", payload={})], [], [])) is not None
    assert one is not None
    assert len(one) == 16


def test_an_offer_beyond_the_wires_bounds_is_cut():
    models = [OfferedModel(name=f"a/{number}", kinds=["chat"]) for number in range(2000)]
    tools = [OfferedTool(name=f"t{number}", arguments={}, source="mcp") for number in range(300)]
    found = make([], models, tools)
    assert (len(found.models), len(found.tools)) == (1024, 256)


def test_prices_are_for_a_million_tokens():
    assert cost_micros(ModelPrice(input=2.5, output=10), 1_000_000, 100_000) == 3_500_000
    assert cost_micros(None, 5, 5) is None

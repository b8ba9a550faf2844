"""Which models an engine offers, and which ones a name stands for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.offers import OfferedModel
from engine.settings.sources import ProviderSettings

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


Listed = Mapping[str, Sequence[str]]
"""Provider -> the models it listed, for those that offer every one."""


def offered(providers: Mapping[str, ProviderSettings], aliases: Mapping[str, Sequence[str]], listed: Listed) -> list[OfferedModel]:
    """The models that jobs may ask for: ticked ones, and aliases behind which there is at least one of them."""
    found = [
        OfferedModel(name=f"{name}/{model}", kinds=["embed"] if model in settings.embeds else ["chat"])
        for name, settings in providers.items()
        for model in _models(settings, listed.get(name, ()))
    ]
    by_name = {model.name: model for model in found}
    for alias, names in aliases.items():
        behind = [by_name[name] for name in names if name in by_name]
        if behind:
            kinds = [kind for kind in behind[0].kinds if all(kind in model.kinds for model in behind)]
            if kinds:
                found.append(OfferedModel(name=alias, kinds=kinds, behind=[model.name for model in behind]))
    return found


def chain(models: Sequence[OfferedModel], name: str, kind: str) -> tuple[Target, ...]:
    """What a job that asks for a name may be given, in the order in which it is tried; nothing where it is not offered for the kind."""
    for model in models:
        if model.name == name and kind in model.kinds:
            return tuple(_target(one) for one in model.behind or [model.name])
    return ()


def _models(settings: ProviderSettings, listed: Sequence[str]) -> list[str]:
    ticked = [*settings.models, *settings.embeds]
    if EVERY in ticked:
        ticked += listed
    return list(dict.fromkeys(model for model in ticked if model != EVERY))


def _target(name: str) -> Target:
    provider, _, model = name.partition("/")
    return Target(provider, model)

"""The two base classes of everything that is sent, and the scalar types they share."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Request(BaseModel):
    """Sent to the gateway: unknown fields are refused (protocol §7)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(BaseModel):
    """Sent by the gateway: a reader ignores fields it does not know, so that an older client keeps working."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Timestamp = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-5][0-9])$")
]
"""RFC 3339 with an offset; the gateway always writes UTC with microseconds and `Z`."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
"""A kind or another lower-case name chosen by a program."""

EngineId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{4,26}$")]
EngineName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
ANY_ENGINE: Final = "any"
"""In place of an engine's name: the gateway chooses."""


def _not_reserved(name: str) -> str:
    if name == ANY_ENGINE:
        raise ValueError(f"{name!r} stands for any engine; choose another name")
    return name


NewEngineName = Annotated[EngineName, AfterValidator(_not_reserved)]
InstallationName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{4,26}_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
InstanceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
AttemptId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
LeaseToken = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Traceparent = Annotated[str, Field(max_length=256)]

"""Personal API keys (`fwk1_`): for programs that speak OpenAI's wire (`/v1`)."""

from typing import Annotated

from pydantic import Field

from contract.wire import Answer, EngineName, InstallationName, Request, Timestamp, Word


class ApiKeyMake(Request):
    """Make a key. It can do less than its user, never more."""

    name: InstallationName
    engine: EngineName
    """The engine its requests go to."""
    kinds: Annotated[list[Word], Field(min_length=1, max_length=16)] = ["chat", "embed"]


class ApiKey(Answer):
    """A key of a user."""

    id: str
    name: str
    user: str
    engine: str
    kinds: list[str]
    added_at: Timestamp
    used_at: Timestamp | None = None
    """To the minute."""


class ApiKeyMade(ApiKey):
    """The new one; `key` is told this once."""

    key: str = Field(repr=False)


class ApiKeyList(Answer):
    """Oldest first."""

    keys: list[ApiKey]

"""Tokens for whoever reads `/metrics`, as the owner's programs handle them."""

from pydantic import Field

from contract.wire import Answer, InstallationName, Request


class MetricsTokenAdd(Request):
    """Make a token."""

    name: InstallationName
    """What reads with it, such as `prometheus`."""


class MetricsToken(Answer):
    """A token that may read the metrics and nothing else."""

    name: str
    id: str
    """Its public part, as the audit log has it."""
    added_at: str


class MetricsTokenMade(MetricsToken):
    """The new one; `token` is told this once."""

    token: str = Field(repr=False)


class MetricsTokenList(Answer):
    """Oldest first."""

    tokens: list[MetricsToken]

"""OTLP over HTTP: where measurements and spans are sent, when the owner asks for that (OpenTelemetry Protocol 1.x)."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class HeadersRefused(Exception):
    """The file with the collector's headers cannot be used; the message says what to do."""


class OtlpSettings(BaseModel):
    """`[otlp]` of config.toml, `FLOWORK_OTLP_*`. Without an endpoint nothing is sent, and nothing of OpenTelemetry is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    endpoint: str | None = None
    """The collector's base URL, such as http://127.0.0.1:4318; `/v1/metrics` and `/v1/traces` are added."""
    headers_file: Path | None = None
    """A file of the owner's (0600) with one `name: value` a line, sent with each push: a collector's credential."""
    metrics: bool = True
    """Push the metrics too, not only spans."""
    metrics_interval_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Seconds between two pushes of the metrics."""
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the traces begun here that are recorded; one that a browser began is recorded as its `sampled` flag says."""

    @field_validator("endpoint")
    @classmethod
    def _url(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise ValueError("give the collector's base URL, such as http://127.0.0.1:4318; a credential belongs into headers_file")
        return endpoint.rstrip("/")

    def headers(self) -> dict[str, str]:
        """What is sent with each push.

        Raises:
            HeadersRefused.
        """
        if self.headers_file is None:
            return {}
        try:
            lines = self.headers_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise HeadersRefused(f"{self.headers_file} cannot be read. Write one 'name: value' a line into it.") from error
        said = [line.partition(":") for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if any(not (name.strip() and colon and value.strip()) for name, colon, value in said):
            raise HeadersRefused(f"{self.headers_file} has a line that is no 'name: value'.")  # never the line: it may be a token
        return {name.strip().lower(): value.strip() for name, _, value in said}

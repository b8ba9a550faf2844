"""Where an engine's models and tools come from: `[providers.NAME]`, `[aliases]`, `[mcp.NAME]` and `[commands.NAME]` of config.toml."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from engine.settings import command_lines

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
"""Of a provider, a server, a command or a secret, as the owner calls it."""
Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""Without a slash: what has one is `provider/model`."""
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
OutputBytes = Annotated[int, Field(ge=1, le=1_000_000)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelPrice(_Source):
    """What a model costs, in the owner's currency for a million tokens."""

    input: Price
    output: Price = 0.0


class ProviderSettings(_Source):
    """`[providers.NAME]`: a service that runs models."""

    api: Literal["openai", "anthropic"] = "openai"
    """Whose wire it speaks. `openai`: OpenAI, Ollama, LM Studio, llama.cpp, vLLM, OpenRouter, Groq, Mistral, DeepSeek, Gemini ..."""
    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@?#]+$")] | None = None
    """Where it is; None is the vendor's own address."""
    key: Name | None = None
    """Name of its key in the secret store (`flowork providers key set NAME`); None where none is needed."""
    models: tuple[str, ...] = ()
    """Those that jobs may ask for; `*` is every one that it lists."""
    embeds: tuple[str, ...] = ()
    """Those of them that turn texts into vectors."""
    connect_s: Seconds = 5.0
    """The longest wait for a connection."""
    first_token_s: Seconds = 60.0
    """The longest wait for the first piece of an answer."""
    gap_s: Seconds = 30.0
    """The longest wait between two pieces."""
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    """Calls in all before the next one of an alias is asked, or the attempt fails."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    """Calls at once."""
    requests_per_min: Annotated[int, Field(ge=1)] | None = None
    breaker_failures: Annotated[int, Field(ge=1)] = 5
    """So many failures in a row open the breaker of a model: it is not asked for `breaker_open_s`, then tried once."""
    breaker_open_s: Seconds = 30.0
    prices: dict[str, ModelPrice] = {}
    """By model."""


class McpSettings(_Source):
    """`[mcp.NAME]`: a server of tools. Either a program that is started here, or a URL."""

    command: tuple[str, ...] = ()
    """The program and its arguments; it speaks on its standard input and output."""
    env: dict[str, str] = {}
    """What it gets beside PATH, HOME, LANG and their like. No secrets: they belong into `secrets`."""
    secrets: dict[str, Name] = {}
    """Variable -> name in the secret store."""
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$")] | None = None
    """Streamable HTTP."""
    key: Name | None = None
    """Name of its bearer token in the secret store."""
    tools: tuple[str, ...] | None = None
    """Those that jobs may call; None is every one."""
    timeout_s: Seconds = 60.0
    """Of one call."""
    output_max_bytes: OutputBytes = 100_000
    """Of one answer; a longer one is cut."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.command) is (self.url is not None):
            raise ValueError("give command, or url")
        return self


class CommandSettings(_Source):
    """`[commands.NAME]`: a program that jobs may run, with arguments that are checked, and without a shell."""

    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    """The program and its arguments; `{name}` stands for an argument, and fills exactly one element; `{{name}}` is plain text."""
    description: str = ""
    arguments: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
    """JSON Schema of the arguments."""
    stdin: str | None = None
    """Name of the argument that goes to standard input."""
    allow_dash: tuple[str, ...] = ()
    """Arguments that may begin with a hyphen, and so may be taken for options."""
    cwd: str | None = None
    """The folder in which it runs; None is the engine's own."""
    timeout_s: Seconds = 60.0
    """Then it is killed, with everything that it started."""
    output_max_bytes: OutputBytes = 100_000
    """Of standard output and of standard error; the rest is dropped."""

    @model_validator(mode="after")
    def _runs(self) -> Self:
        if wrong := command_lines.mistake(self.argv, self.stdin, self.arguments):
            raise ValueError(wrong)
        return self

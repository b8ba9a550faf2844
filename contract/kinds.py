"""What jobs of each kind ask for and give back. Their JSON Schemas are published at `GET /api/v1/kinds`, and submits are held against them.

The words of `chat` are those of OpenAI's chat completions, which most servers speak, so that nothing is translated twice.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from contract.wire import Answer, Request
from contract.words import Role

ModelName = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
"""`provider/model`, or an alias of the engine's owner, such as `fast`."""
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
"""As models must spell it."""
STEPS_MAX: Final = 32
INPUTS_MAX: Final = 2048
CALLS_MAX: Final = 64


class ImageUrl(Request):
    """An image, as a `data:` URL: an engine fetches nothing for a person."""

    url: Annotated[str, StringConstraints(pattern=r"^data:image/[a-z.+-]+;base64,")]
    detail: Literal["auto", "low", "high"] = "auto"


class Part(Request):
    """A part of a message."""

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.text is None) is not (self.type == "image_url") or (self.image_url is None) is not (self.type == "text"):
            raise ValueError("a part has what its type says: text, or image_url")
        return self


class FunctionCall(Request):
    """Which function a model wants called; `arguments` is JSON as the model wrote it, and may be no JSON at all."""

    name: str
    arguments: str


class ToolCall(Request):
    """A model's wish."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(Request):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: Annotated[str, Field(max_length=64)] | None = None
    tool_calls: list[ToolCall] | None = None
    """Of the assistant."""
    tool_call_id: str | None = None
    """Of a tool's answer."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("content is missing")
        if (self.role == "tool") is not (self.tool_call_id is not None):
            raise ValueError("tool_call_id goes with the role tool, and only with it")
        return self


class Function(Request):
    """A function that the caller offers to the model, and calls by itself."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, JsonValue] | None = None
    """JSON Schema of its arguments."""
    strict: bool | None = None


class FunctionTool(Request):
    """The same, in OpenAI's wrapping."""

    type: Literal["function"] = "function"
    function: Function


class ResponseFormat(Request):
    """What the answer must look like."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, JsonValue] | None = None


class ChatPayload(Request):
    """`chat`: a conversation goes to a model, its answer comes back, streamed as the job's output."""

    model: ModelName
    messages: Annotated[list[Message], Field(min_length=1)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Of the answer."""
    stop: Annotated[list[str], Field(max_length=16)] | None = None
    seed: int | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=128)] = []
    """The caller's own: a call to one ends the job with `tool_calls`, for the caller to answer in another job."""
    tool_choice: Literal["auto", "none", "required"] = "auto"
    use_tools: Annotated[list[ToolName], Field(max_length=64)] = []
    """Tools of the engine (`GET /api/v1/kinds`), which it calls by itself when the model wants them."""
    max_steps: Annotated[int, Field(ge=1, le=STEPS_MAX)] = 8
    """Answers of the model within this job, those that call tools included."""
    stream: bool = True
    """Whether the provider is asked to stream. The result is the same."""


class EmbedPayload(Request):
    """`embed`: texts become vectors."""

    model: ModelName
    input: Annotated[list[str], Field(min_length=1, max_length=INPUTS_MAX)]
    dimensions: Annotated[int, Field(ge=1, le=16384)] | None = None


class ToolPayload(Request):
    """`tool`: one call of a tool of the engine."""

    name: ToolName
    arguments: dict[str, JsonValue] = {}


class HttpPayload(Request):
    """`http`: one request to a host that the engine's owner listed."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Annotated[str, Field(max_length=8192)]
    headers: dict[str, str] = {}
    json_: Annotated[JsonValue, Field(alias="json")] = None
    body: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 60

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.json_ is not None and self.body is not None:
            raise ValueError("give json or body, not both")
        return self


class EchoFailure(BaseModel):
    """A failure to be played."""

    model_config = ConfigDict(extra="forbid")

    code: str = "echo.failed"
    message: str = "Failed as asked."
    retryable: bool = True
    retry_after_s: float | None = None
    times: int | None = None
    """Attempts that fail; None for all."""


class EchoPayload(BaseModel):
    """`echo`: does what it is told, in this order; for demo, tests and bench."""

    model_config = ConfigDict(extra="forbid")

    progress: list[float] = []
    log: list[str] = []
    output: list[str] = []
    output_gap_ms: float = 0
    sleep_ms: Annotated[float, Field(ge=0)] = 0
    busy_ms: Annotated[float, Field(ge=0)] = 0
    """Compute for so long."""
    fail: EchoFailure | None = None
    crash: str | None = None
    """Raise an ordinary exception with this text."""
    reply: JsonValue = None
    stamp: bool = False
    """Answer `{reply, began_at}`."""


class ProviderCall(Request):
    """One call to a provider, as the gateway's metrics count it."""

    model: ModelName
    """`provider/model`."""
    took_ms: Annotated[float, Field(ge=0)]
    first_token_ms: Annotated[float, Field(ge=0)] | None = None
    """Of a streamed answer."""
    code: Annotated[str, Field(max_length=64)] | None = None
    """Why it failed; None when it did not."""


class Usage(Request):
    """What an attempt took of providers. An engine reports it with the end of the attempt, also of one that failed."""

    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0
    cost_micros: Annotated[int, Field(ge=0)] | None = None
    """Millionths of the owner's currency by the prices that the owner wrote down; None where there are none."""
    calls: Annotated[list[ProviderCall], Field(max_length=CALLS_MAX)] = []
    """The latest ones."""


class Step(Answer):
    """A call of one of the engine's tools within a chat."""

    name: str
    arguments: JsonValue = None
    failed: bool = False
    took_ms: float


class ChatResult(Answer):
    """The end of a chat."""

    model: str
    """`provider/model` that answered."""
    message: Message
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    usage: Usage
    steps: list[Step] = []


class EmbedResult(Answer):
    """A vector for each input, in their order."""

    model: str
    vectors: list[list[float]]
    usage: Usage


class ToolResult(Answer):
    """What a tool answered."""

    content: JsonValue
    truncated: bool = False
    """It said more than may be kept."""


@dataclass(frozen=True, slots=True)
class KindSpec:
    """A kind that everybody knows."""

    name: str
    title: str
    payload: type[BaseModel]
    role: Role | None
    """The least role that may submit it unless the owner says otherwise; None: nobody, until the owner allows it."""

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the payload."""
        return self.payload.model_json_schema()


KINDS: Final = {
    spec.name: spec
    for spec in (
        KindSpec("chat", "Talk to a model", ChatPayload, Role.RUNNER),
        KindSpec("embed", "Turn texts into vectors", EmbedPayload, Role.RUNNER),
        KindSpec("tool", "Call a tool", ToolPayload, None),
        KindSpec("http", "Send an HTTP request", HttpPayload, None),
        KindSpec("echo", "Do as told", EchoPayload, Role.RUNNER),
        KindSpec("echo-thread", "Do as told, in a thread", EchoPayload, Role.RUNNER),
        KindSpec("echo-process", "Do as told, in a process", EchoPayload, Role.RUNNER),
    )
}
"""By name. Kinds of third parties come with their schemas in an engine's offer, and are off until the owner allows them."""

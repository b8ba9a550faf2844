"""A model's answer, as it comes in pieces and as it is put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from contract.kinds import FunctionCall, Message, ToolCall
from contract.limits import MIB

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
ANSWER_MAX_CHARS: Final = 3 * MIB // 4
"""Of text and arguments of one answer: with JSON's escapes and the other parts it fits into a result of 4 MiB."""
LETTERS_A_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class Text:
    """Words for the person."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """The model thinks; that it does is all that is told."""


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A part of a wish to call a function; id and name come with the first part of each."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Took:
    """Tokens, as the provider counts them so far; None where it does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is whole."""

    reason: FinishReason


Piece = Text | Thought | CallPiece | Took | Ended


class TooMuch(Exception):
    """The answer is longer than can be kept."""


class Answer:
    """One answer, put together from its pieces. Without `Ended` it was broken off."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self.took = Took()
        self._text: list[str] = []
        self._calls: dict[int, CallPiece] = {}
        self._letters = 0

    def add(self, piece: Piece) -> None:
        """Take the next piece.

        Raises:
            TooMuch.
        """
        match piece:
            case Text(text):
                self._count(text)
                self._text.append(text)
            case CallPiece():
                self._count(piece.arguments)
                self._calls[piece.index] = _joined(self._calls.get(piece.index), piece)
            case Took(came, went):
                self.took = Took(self.took.input_tokens if came is None else came, self.took.output_tokens if went is None else went)
            case Ended(reason):
                self.reason = reason
            case Thought():
                pass

    @property
    def begun(self) -> bool:
        """Has anything come?"""
        return self._letters > 0 or self.reason is not None or self.took != Took()

    @property
    def text(self) -> str:
        """Words so far."""
        return "".join(self._text)

    @property
    def calls(self) -> list[ToolCall]:
        """Wishes so far, in the order in which they began."""
        pieces = [piece for _, piece in sorted(self._calls.items())]
        return [
            ToolCall(id=piece.id or f"call_{number}", function=FunctionCall(name=piece.name or "", arguments=piece.arguments or "{}"))
            for number, piece in enumerate(pieces)
        ]

    @property
    def message(self) -> Message:
        """What the assistant said."""
        calls = self.calls
        return Message(role="assistant", content=self.text or (None if calls else ""), tool_calls=calls or None)

    def _count(self, text: str) -> None:
        self._letters += len(text)
        if self._letters > ANSWER_MAX_CHARS:
            raise TooMuch

    def tokens(self, asked_letters: int) -> tuple[int, int]:
        """Input and output. An answer that was cut off has told nothing or half of it: then it is guessed by the letters."""
        guessed = -(-self._letters // LETTERS_A_TOKEN)
        went = self.took.output_tokens
        output = guessed if went is None or (self.reason is None and went < guessed) else went
        came = self.took.input_tokens
        return (-(-asked_letters // LETTERS_A_TOKEN) if came is None else came), output


def letters(messages: Sequence[Message]) -> int:
    """Of the words of a conversation."""
    total = 0
    for message in messages:
        if isinstance(message.content, str):
            total += len(message.content)
        else:
            total += sum(len(part.text or "") for part in message.content or [])
    return total


def _joined(before: CallPiece | None, piece: CallPiece) -> CallPiece:
    if before is None:
        return piece
    return CallPiece(piece.index, before.id or piece.id, before.name or piece.name, before.arguments + piece.arguments)

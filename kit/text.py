"""Text that can be written down."""


def encodable(text: str) -> str:
    """The text with lone surrogates (half characters, as from undecodable files) replaced, so that UTF-8 takes it."""
    return text.encode(errors="replace").decode()


def printable(text: str) -> str:
    """The text with everything replaced that could move a terminal's cursor, hide or reorder what it shows."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape", "replace").decode() for letter in text)

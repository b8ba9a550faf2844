"""Text that can be written down."""


def encodable(text: str) -> str:
    """The text with lone surrogates (half characters, as from undecodable files) replaced, so that UTF-8 takes it."""
    return text.encode(errors="replace").decode()

"""Names of tools, as models must spell them."""

import hashlib
import re
from typing import Final

NAME_MAX: Final = 64
_ELSE: Final = re.compile(r"[^a-zA-Z0-9_-]")
_DIGEST: Final = 8


def tool_name(server: str, tool: str) -> str:
    """`<server>__<tool>`; one that must be cut or respelled ends in a digest, so that it is another's on no day and in no order."""
    plain = f"{server}__{tool}"
    spelled = _ELSE.sub("_", plain)
    if spelled == plain and len(plain) <= NAME_MAX:
        return plain
    digest = hashlib.sha256(f"{server}\0{tool}".encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{spelled[: NAME_MAX - _DIGEST - 1]}_{digest}"

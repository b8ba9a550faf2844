"""Where manifests of updates lie. Apart from their form (contract/update.py): settings know the address and are read at every start."""

from typing import Final
from urllib.parse import urlsplit

MANIFEST_NAME: Final = "flowork-update.json"


def may_ask(url: str) -> bool:
    """Whether bytes may come from there: https alone, without a name and password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.password is None

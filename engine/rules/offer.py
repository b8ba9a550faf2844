"""What an engine offers beside the names of its kinds, and the version by which the gateway knows it."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from contract.offers import Offer, OfferedKind, OfferedModel, OfferedTool

MODELS_MAX: Final = 1024
TOOLS_MAX: Final = 256


def make(kinds: Sequence[OfferedKind], models: Sequence[OfferedModel], tools: Sequence[OfferedTool]) -> Offer:
    """The offer; what is beyond the wire's bounds is left out, the last ones first."""
    return Offer(kinds=list(kinds), models=list(models[:MODELS_MAX]), tools=list(tools[:TOOLS_MAX]))


def version(offer: Offer) -> str | None:
    """The first 16 hex digits of the SHA-256 of its canonical JSON (keys sorted, no spaces); None where there is nothing to tell."""
    if not (offer.models or offer.tools or any(kind.payload is not None for kind in offer.kinds)):
        return None
    canonical = json.dumps(offer.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]

"""Which gateway this command line is paired with. Nothing in here is secret: the keys lie in the secret store."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from contract.errors import NotPaired
from contract.signin import decoded, encoded
from kit.files import private_folder, write_private


@dataclass(frozen=True, slots=True)
class Paired:
    """A gateway, as it was at pairing."""

    gateway: str
    """Its origin."""
    gateway_key: str
    """Ed25519, base64url: what it must prove to have."""
    user: str
    device: str

    @property
    def pinned(self) -> bytes:
        """The key's 32 bytes."""
        return decoded(self.gateway_key)


def read_paired(data: Path) -> Paired:
    """What `write_paired` wrote.

    Raises:
        NotPaired: nothing, or something damaged.
    """
    try:
        paired = Paired(**json.loads(_file(data).read_text(encoding="utf-8")))
        if len(paired.pinned) != 32:
            raise ValueError
    except FileNotFoundError as error:
        raise NotPaired from error
    except (OSError, ValueError, TypeError) as error:
        raise NotPaired(f"{_file(data)} is damaged. Pair anew with: flowork login") from error
    return paired


def write_paired(data: Path, gateway: str, gateway_key: bytes, user: str, device: str) -> None:
    """Remember a pairing."""
    private_folder(data / "cli")
    text = json.dumps(asdict(Paired(gateway, encoded(gateway_key), user, device)), indent=2)
    write_private(_file(data), text.encode() + b"\n")


def forget_paired(data: Path) -> None:
    """Forget it."""
    _file(data).unlink(missing_ok=True)


def _file(data: Path) -> Path:
    return data / "cli" / "gateway.json"

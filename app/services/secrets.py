"""Which secret store is used."""

from pathlib import Path

from kit.vault import FolderSecrets, SecretStore


def cli_secrets(data: Path) -> SecretStore:
    """Where the command line keeps its device's keys."""
    return FolderSecrets(data / "secrets")

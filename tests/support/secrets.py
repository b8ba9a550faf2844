"""A secret store for tests: in memory, and locked or broken when the test says so."""

from kit.vault import VaultLocked, VaultUnavailable


class MemorySecrets:
    """See `kit.vault.SecretStore`."""

    kind = "memory"
    insecure = False

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.locked = False
        self.broken = False

    def _open(self) -> None:
        if self.locked:
            raise VaultLocked
        if self.broken:
            raise VaultUnavailable("it is broken")

    def get(self, name: str) -> str | None:
        self._open()
        return self.kept.get(name)

    def set(self, name: str, value: str) -> None:
        self._open()
        self.kept[name] = value

    def delete(self, name: str) -> None:
        self._open()
        self.kept.pop(name, None)

    def names(self) -> list[str]:
        self._open()
        return sorted(self.kept)

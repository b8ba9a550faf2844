"""The key of a provider: named in the settings, kept in the secret store, read when it is first needed."""

from collections.abc import Awaitable, Callable

from engine.rules.provider_failures import ProviderFailed, Trouble, judge
from kit.vault import VaultLocked, VaultUnavailable

SecretGetter = Callable[[str], Awaitable[str | None]]
"""Gives a secret by its name in the vault; raises VaultLocked or VaultUnavailable."""


async def no_secrets(_name: str) -> str | None:
    """There are none."""
    return None


class Key:
    """`None` as a name: the provider needs no key."""

    def __init__(self, name: str | None, get: SecretGetter) -> None:
        self._name = name
        self._get = get
        self.value: str | None = None

    async def read(self) -> None:
        """Have `value`.

        Raises:
            ProviderFailed: it is not in the store, or the store is closed.
        """
        if self._name is None or self.value is not None:
            return
        try:
            self.value = await self._get(f"provider.{self._name}")
        except (VaultLocked, VaultUnavailable) as error:
            locked = f"The key {self._name!r} cannot be read: the engine's secrets are locked or gone."
            raise ProviderFailed(judge(None, trouble=Trouble.KEY_LOCKED), locked) from error
        if self.value is None:
            missing = f"There is no key {self._name!r}; the engine's owner sets it with: flowork providers key set {self._name}"
            raise ProviderFailed(judge(None, trouble=Trouble.KEY_MISSING), missing)

    def forget(self) -> None:
        """It was refused: read it again next time, it may have been replaced."""
        self.value = None

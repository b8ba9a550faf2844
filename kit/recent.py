"""A bounded memory: the keys used lately, and what is known of each."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `most` keys; the one unused for longest is forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: K) -> V | None:
        """What is known of a key, which counts as a use."""
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """What is known of a key; made when nothing is."""
        found = self.get(key)
        if found is None:
            found = self._known[key] = make()
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return found

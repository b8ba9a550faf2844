"""The Secret Service of a Linux desktop (GNOME Keyring, KWallet, KeePassXC), without surprises.

`keyring`'s own back end opens a prompt whenever the collection is locked, and blocks until somebody answers; and it makes a
collection where there is none, again with a prompt. A gateway must start without a person: here, closed means closed.
Import this only when the keyring is used: it costs 50 to 190 ms.
"""

from contextlib import closing
from typing import Any

from keyring.backends import SecretService
from keyring.errors import InitError, KeyringLocked
from secretstorage import Collection, ItemNotFoundException, create_collection, dbus_init, get_collection_by_alias


class QuietSecretService(SecretService.Keyring):
    """The default collection, when it is open."""

    def get_preferred_collection(self) -> Collection:
        """The collection that the person's secrets go to; the caller closes its connection.

        Raises:
            KeyringLocked, InitError: there is none yet.
        """
        connection = dbus_init()
        try:
            collection = _default(connection)
            if collection.is_locked():
                raise KeyringLocked
        except BaseException:
            connection.close()
            raise
        return collection

    def ask_to_unlock(self) -> None:
        """Let the desktop ask the person, and wait for the answer; makes the collection where there is none.

        Raises:
            KeyringLocked: the person said no, or nobody can ask.
        """
        with closing(dbus_init()) as connection:
            try:
                collection = _default(connection)
            except InitError:
                collection = create_collection(connection, "Default", "default")
            collection.unlock()
            if collection.is_locked():
                raise KeyringLocked


def _default(connection: Any) -> Collection:
    try:
        return get_collection_by_alias(connection, "default")
    except ItemNotFoundException as error:
        raise InitError("there is no collection yet; flowork secrets unlock makes one") from error

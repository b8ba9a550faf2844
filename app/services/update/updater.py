"""Puts one update in order: look, fetch, verify, drain, verify again, hand over to the setup."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.crypto.release_keys import KeysUnusable, NotSigned, built_in, fingerprint, key_id, opened, signed_by
from app.desktop.installed import Installed
from app.rules.update import NAMES, Current, Offer, Place, Reason, Refused, Seen, View, address_of, by_hand, decide, installs_itself
from app.services.update.failure import UpdateFailed
from app.services.update.shelf import Kept, Part, Shelf
from contract.update import Manifest, ManifestRefused, UpdateFile, parse_envelope, version_of
from contract.version import VERSION
from kit.clock import Clock
from kit.logs import Log

if TYPE_CHECKING:
    from app.services.update.fetch import Fetch

log = Log("update")
WORTHLESS: Final = frozenset({Reason.OTHER_SIZE, Reason.OTHER_CONTENT, Reason.DISK_FULL, Reason.NOT_WRITTEN})
"""After these nothing is kept of a file that was on its way."""


def _fetching() -> AbstractAsyncContextManager["Fetch"]:
    from app.services.update.fetch import fetching  # who only looks at what is known does not pay for HTTP

    return fetching()


class Updater:
    """Of one data folder. Acts raise UpdateFailed; after any of them the program is what it was."""

    def __init__(
        self,
        data: Path,
        url: str,
        here: Installed,
        clock: Clock,
        *,
        keys: Callable[[], Sequence[str]] = built_in,
        version: str = VERSION,
        fetch: Callable[[], AbstractAsyncContextManager["Fetch"]] = _fetching,
    ) -> None:
        """`keys` are those that this build came with."""
        self._url = url
        self.here = here
        self._place = Place(version, here.platform, here.kind)
        self._clock = clock
        self._keys = keys
        self._fetch = fetch
        self.shelf = Shelf(data)

    async def check(self) -> Offer | Current:
        """Look for a newer version: one request."""
        with self.shelf.held():
            kept = await asyncio.to_thread(self.shelf.read)
            trusted = await asyncio.to_thread(self.trusted, kept)  # before anything is sent
            try:
                raw = await self._manifest()
                kept, found = self._judged(kept, trusted, raw)
            except UpdateFailed as error:
                log.warning("update.check_failed", reason=error.reason)
                with suppress(UpdateFailed):  # what was refused says more than that it could not be written down
                    await asyncio.to_thread(self.shelf.write, kept.model_copy(update={"tried": self._now(), "failed": error.reason}))
                raise
            await asyncio.to_thread(self.shelf.write, kept.model_copy(update={"tried": self._now(), "failed": None}))
            if isinstance(found, Current):
                await asyncio.to_thread(self.shelf.sweep)  # what was fetched has served
        return found

    def trusted(self, kept: Kept) -> Sequence[str]:
        """The keys that count now.

        Raises:
            UpdateFailed: there are none.
        """
        try:
            came_with = self._keys()
        except KeysUnusable as error:
            log.error("update.keys_unusable", reason=str(error))
            raise UpdateFailed(Reason.NO_KEYS) from error
        if not came_with:
            raise UpdateFailed(Reason.NO_KEYS)
        return kept.keys if kept.keys and kept.instead_of == fingerprint(came_with) else came_with

    def offer(self) -> Offer:
        """What is known of a newer version, by the manifest that was accepted last; asks nobody, verifies all of it again."""
        kept = self.shelf.read()
        trusted = self.trusted(kept)
        if not kept.manifest:
            raise UpdateFailed(Reason.NOTHING_FOUND)
        found = self._decided(_opened(kept.manifest.encode(), trusted), kept)
        if isinstance(found, Current):
            raise UpdateFailed(Reason.NOTHING_FOUND)
        return found

    async def download(self) -> Path:
        """Fetch what is offered, unless it is here already; where it is, verified."""
        with self.shelf.held():
            return await self._fetched()

    async def ready(self) -> Path:
        """Where the file is, after all of it was verified once more; nothing else lies beside it."""
        name, wanted = self._wanted(await asyncio.to_thread(self.offer))
        await asyncio.to_thread(self.shelf.sweep, name)
        if not await asyncio.to_thread(self.shelf.holds, name, wanted):
            await asyncio.to_thread((self.shelf.folder / name).unlink, missing_ok=True)
            raise UpdateFailed(Reason.OTHER_CONTENT)
        return self.shelf.folder / name

    async def install(self, drain: Callable[[], Awaitable[object]], start: Callable[[Path], None]) -> str:
        """Fetch, drain, verify again, start the setup; the version that it brings.

        Draining may take minutes: what was verified before it may have been changed since, or have expired.
        """
        with self.shelf.held():
            await self._fetched()
            await drain()
            offer = await asyncio.to_thread(self.offer)
            path = await self.ready()
            try:
                await asyncio.to_thread(start, path)
            except OSError as error:
                raise UpdateFailed(Reason.NOT_STARTED) from error
        log.info("update.started", version=offer.version)
        return offer.version

    def view(self, mode: str) -> View:
        """How it is; asks nobody. Reads the whole file that was fetched, so call it on another thread."""
        kept = self.shelf.read()
        place = self._place
        view = View(place.version, place.platform, place.kind or "source", mode, self._url, self._checkable(kept), kept.tried, kept.failed)
        try:
            offer = self.offer()
        except UpdateFailed:
            return view
        view = replace(view, offered=offer.version, notes_url=offer.notes_url, itself=installs_itself(place.kind))
        if offer.file is None:
            return view
        name, wanted = self._wanted(offer)
        fetched = str(self.shelf.folder / name) if self.shelf.holds(name, wanted) else ""
        return replace(view, fetched=fetched, command=self.by_hand(offer))

    def told(self, version: str) -> bool:
        """Remember that the person was told of a version; False when that was so already."""
        with self.shelf.held():
            kept = self.shelf.read()
            if kept.told == version:
                return False
            self.shelf.write(kept.model_copy(update={"told": version}))
        return True

    def _checkable(self, kept: Kept) -> bool:
        try:
            return bool(self.trusted(kept))
        except UpdateFailed:
            return False

    async def _fetched(self) -> Path:
        offer = await asyncio.to_thread(self.offer)
        name, wanted = self._wanted(offer)
        if await asyncio.to_thread(self.shelf.holds, name, wanted):
            return self.shelf.folder / name
        try:
            return await self._downloaded(offer, name, wanted)
        except UpdateFailed as error:
            log.warning("update.not_fetched", version=offer.version, reason=error.reason)
            raise

    def by_hand(self, offer: Offer) -> str:
        """The command for a person; empty where there is none."""
        if offer.file is None or self._place.kind is None:
            return ""
        return by_hand(self._place.kind, str(self.shelf.folder / self._wanted(offer)[0]), str(self.here.program))

    async def _manifest(self) -> bytes:
        async with self._fetch() as fetch:
            return await fetch.manifest(self._url)

    def _judged(self, kept: Kept, trusted: Sequence[str], raw: bytes) -> tuple[Kept, Offer | Current]:
        """What is to be remembered of a manifest, and what it offers."""
        manifest = _opened(raw, trusted)
        found = self._decided(manifest, kept)
        if manifest.keys is not None and set(manifest.keys) != set(trusted):
            # Also by one of the new ones: keys that nobody can sign with would end all updates.
            if not signed_by(parse_envelope(raw), manifest.keys):
                raise UpdateFailed(Reason.NEW_KEY_UNPROVEN)
            kept = kept.model_copy(update={"keys": manifest.keys, "instead_of": fingerprint(self._keys())})
            log.warning("update.keys_changed", keys=[key_id(key) for key in manifest.keys])
        newest = max((kept.version, manifest.version), key=version_of)
        remembered = {"version": newest, "released": manifest.released, "manifest": raw.decode()}
        return kept.model_copy(update=remembered), found

    def _decided(self, manifest: Manifest, kept: Kept) -> Offer | Current:
        found = decide(manifest, self._place, Seen(kept.version, kept.released), self._now())
        if isinstance(found, Refused):
            raise UpdateFailed(found.reason)
        return found

    def _wanted(self, offer: Offer) -> tuple[str, UpdateFile]:
        """What the file is called here, and what was signed of it."""
        if offer.file is None or self._place.kind is None:
            raise UpdateFailed(Reason.NOT_FOR_HERE)
        return NAMES[self._place.kind].format(version=offer.version), offer.file

    async def _downloaded(self, offer: Offer, name: str, wanted: UpdateFile) -> Path:
        part = await asyncio.to_thread(self.shelf.begin, name, wanted)
        try:
            await self._pieces(part, wanted)
            path = await asyncio.to_thread(part.finish)
        except UpdateFailed as error:
            if error.reason in WORTHLESS:
                part.throw_away()
            raise
        finally:
            part.close()
        log.info("update.fetched", version=offer.version, bytes=wanted.size)
        return path

    async def _pieces(self, part: Part, wanted: UpdateFile) -> None:
        async with self._fetch() as fetch, fetch.file(address_of(self._url, wanted.name), part.length, wanted.size) as (begins, pieces):
            if begins != part.length:
                await asyncio.to_thread(part.begin_again)
            async for piece in pieces:
                await asyncio.to_thread(part.write, piece)

    def _now(self) -> int:
        return self._clock.now().wall


def _opened(raw: bytes, keys: Sequence[str]) -> Manifest:
    try:
        return opened(raw, keys)
    except NotSigned as error:
        raise UpdateFailed(Reason.NOT_SIGNED) from error
    except (ManifestRefused, ValueError) as error:
        raise UpdateFailed(Reason.MALFORMED) from error

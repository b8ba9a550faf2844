"""Users, devices and offers as their owner sees and changes them, at the machine or from afar."""

from dataclasses import dataclass

from contract.errors import DeviceNotFound, OwnerOnly
from contract.pairing import Link
from contract.people import BudgetPut, Device, OfferMade, OfferMake, PairingOffer, User
from contract.signin import encoded
from contract.words import UserRole
from gateway.operations.budgets import Budgets
from gateway.operations.pair import Pairing
from gateway.operations.sessions import Principal, Sessions
from gateway.store.people import DeviceRow, UserRow
from kit.clock import SECOND, rfc3339


@dataclass(slots=True)
class Household:
    """The acts; who may ask for them is for the routes to say."""

    sessions: Sessions
    pairing: Pairing
    gateway_key: bytes
    gui: str
    """Where the browser GUI is, for links; the gateway's own origin when empty."""
    budgets: Budgets

    async def users(self) -> list[User]:
        """Everyone, oldest first."""
        return [await self._user(row) for row in self.sessions.users()]

    async def users_for(self, caller: Principal) -> list[User]:
        """Everyone for the owner; others see themselves."""
        return [await self._user(row) for row in self.sessions.users() if caller.role is UserRole.OWNER or row.id == caller.user]

    async def budget(self, user: str, asked: BudgetPut, actor: str) -> User:
        """Set a user's budget; see `Budgets.put`."""
        return await self._user(await self.budgets.put(user, asked.cost_micros, asked.tokens, actor))

    async def remove_user(self, user: str, actor: str) -> User:
        """Remove a user with all devices; see `Sessions.remove_user`."""
        found = await self._user(self.sessions.user(user))
        await self.sessions.remove_user(found.id, actor)
        return found

    def devices(self) -> list[Device]:
        """All devices, oldest first."""
        return [self._device(row) for row in self.sessions.devices()]

    def devices_for(self, caller: Principal) -> list[Device]:
        """All for the owner; others see their own."""
        return [self._device(row) for row in self.sessions.devices(None if caller.role is UserRole.OWNER else caller.user)]

    async def revoke(self, device: str, actor: str) -> None:
        """See `Sessions.revoke`."""
        await self.sessions.revoke(device, actor)

    async def revoke_own(self, caller: Principal, device: str) -> None:
        """Revoke one of the caller's devices; another's answers as one that does not exist.

        Raises:
            DeviceNotFound; and see `Sessions.revoke`.
        """
        if self.sessions.device(device).user != caller.user:
            raise DeviceNotFound
        await self.sessions.revoke(device, caller.user)

    async def offer(self, asked: OfferMake, actor: str, origin: str) -> OfferMade:
        """Make an offer; see `Pairing.offer`."""
        owner = next((row for row in self.sessions.users() if row.role is UserRole.OWNER), None)
        user = owner.id if asked.user is None and asked.role is UserRole.OWNER and owner is not None else asked.user
        made = await self.pairing.offer(actor, user, asked.name, asked.role)
        link = Link(origin, made.offer.id, made.code, self.gateway_key, made.offer.expires_at // SECOND)
        return OfferMade(
            offer=made.offer.id,
            code=made.code,
            expires_at=rfc3339(made.offer.expires_at),
            gateway=origin,
            gateway_key=encoded(self.gateway_key),
            user=made.offer.user_name,
            link=link.text(self.gui or origin),
        )

    def offers(self) -> list[PairingOffer]:
        """Offers of the last minutes, oldest first."""
        told = []
        for offer in self.pairing.offers():
            by = offer.claimant
            claimed = (
                {} if by is None else {"device_name": by.device_name, "address": by.address, "ingress": by.ingress, "client": by.client}
            )
            told.append(PairingOffer(offer=offer.id, state=offer.state, user=offer.user_name, role=offer.role, **claimed))
        return told

    def offers_for(self, caller: Principal) -> list[PairingOffer]:
        """See `offers`.

        Raises:
            OwnerOnly.
        """
        if caller.role is not UserRole.OWNER:
            raise OwnerOnly
        return self.offers()

    async def approve(self, offer: str, digits: str, actor: str) -> Device:
        """See `Pairing.approve`."""
        return self._device(await self.pairing.approve(offer, digits, actor))

    async def withdraw(self, offer: str, actor: str) -> None:
        """See `Pairing.withdraw`."""
        await self.pairing.withdraw(offer, actor)

    async def _user(self, row: UserRow) -> User:
        return User(
            id=row.id,
            name=row.name,
            role=row.role,
            devices=len(self.sessions.devices(row.id)),
            budget=self.budgets.of(row.id),
            spent=await self.budgets.spent(row.id),
        )

    def _device(self, row: DeviceRow) -> Device:
        return Device(
            id=row.id,
            user=row.user,
            name=row.name,
            address=row.address,
            added_at=rfc3339(row.added_at),
            in_use=self.sessions.in_use(row.id),
        )

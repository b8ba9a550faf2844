"""`flowork pair`: show a QR code, and let in the device whose six digits the owner types."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from app.client.admin import AdminClient, open_admin
from app.commands.common import DONE, FAILED, parser, run
from contract.errors import PairingExpired
from contract.pairing import key_words
from contract.people import OfferMade, OfferMake, PairingOffer
from contract.signin import decoded
from contract.words import PairingState, UserRole

LOOK_EVERY_S = 0.5
PAGE = """\
Scan this with the device, or open the link there. It serves once, until {until}.

{qr}
  {link}

For: {user}     The gateway's key: {words}
"""
CLAIMED = """\
A device has taken the offer:
  {device_name}   {address}   from {client} ({ingress})
"""


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    made = parser("pair", "Pair a browser, a phone or another command line with this machine's gateway.")
    who = made.add_mutually_exclusive_group()
    who.add_argument("--user", default=None, metavar="NAME", help="another device of this user")
    who.add_argument("--new", default=None, metavar="NAME", help="a new user of this name")
    who.add_argument("--owner", action="store_true", help="a device of the owner's (the default): at the machine this always works")
    return run(_pair(made.parse_args(argv)), "--json" in argv)


async def _pair(arguments: argparse.Namespace) -> int:
    async with open_admin(arguments.data) as admin:
        offer = await admin.offer(_asked(arguments))
        _show(offer, arguments.json)
        try:
            claimed = await _signed(admin, offer.offer, arguments.json)
            if claimed is None:
                print("The offer has ended. Make a new one with: flowork pair", file=sys.stderr)
                return FAILED
            digits = await asyncio.to_thread(_typed, arguments.json)
            device = await admin.approve(offer.offer, digits)
        except asyncio.CancelledError:
            await admin.withdraw(offer.offer)
            raise
    print(device.model_dump_json() if arguments.json else f"{device.name} is paired. flowork devices list shows it, and revokes it.")
    return DONE


def _asked(arguments: argparse.Namespace) -> OfferMake:
    if arguments.new is not None:
        return OfferMake(name=arguments.new)
    if arguments.user is not None:
        return OfferMake(user=arguments.user)
    return OfferMake(role=UserRole.OWNER, name="owner")


def _show(offer: OfferMade, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"offer": offer.offer, "link": offer.link, "expires_at": offer.expires_at, "user": offer.user}), flush=True)
        return
    words = key_words(decoded(offer.gateway_key))
    until = offer.expires_at.partition("T")[2][:5] + " UTC"
    print(PAGE.format(qr=_qr(offer.link), link=offer.link, until=until, user=offer.user, words=words), flush=True)


def _qr(text: str) -> str:
    import io

    import segno

    drawn = io.StringIO()
    segno.make(text, error="m").terminal(out=drawn, compact=True, border=2)
    return drawn.getvalue()


async def _signed(admin: AdminClient, offer: str, as_json: bool) -> PairingOffer | None:
    """Wait until a device shows its digits; None when the offer ended before."""
    told = False
    while True:
        found = next((known for known in (await admin.offers()).offers if known.offer == offer), None)
        if found is None or found.state is PairingState.DEAD:
            return None
        if found.state is not PairingState.OPEN and not told:
            told = True
            print(found.model_dump_json() if as_json else CLAIMED.format(**found.model_dump()), flush=True)
        if found.state is PairingState.SIGNED:
            return found
        await asyncio.sleep(LOOK_EVERY_S)


def _typed(as_json: bool) -> str:
    """What the owner types; spaces are for the eye."""
    if not as_json:
        print("Type the six digits that it shows (or press Enter to refuse it): ", end="", flush=True)
    digits = "".join(sys.stdin.readline().split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        raise PairingExpired("Six digits were not typed, so the device was not let in. Make a new offer with: flowork pair")
    return digits

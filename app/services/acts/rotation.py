"""Rotating tokens and signing keys."""

from pathlib import Path

from app.bridge.acts.rotation import RotateSigningKeys, RotateTokens, Rotating
from app.client.admin import open_admin
from app.services.acts import Handlers
from contract.admin import SigningKeyList


def handlers(data: Path) -> Handlers:
    """What these acts do."""

    async def tokens(asked: RotateTokens) -> Rotating:
        async with open_admin(data) as admin:
            names = [asked.engine] if asked.engine is not None else [engine.name for engine in (await admin.engines()).engines]
            told = [(name, each) for name in names for each in (await admin.rotate(name, None)).installations]
        return Rotating(tuple(told))

    async def keys(asked: RotateSigningKeys) -> SigningKeyList:
        async with open_admin(data) as admin:
            return await admin.rotate_keys(asked.compromised)

    return {RotateTokens: tokens, RotateSigningKeys: keys}

"""Ethereum addresses and signatures: EIP-55, EIP-191 personal_sign, recovery on secp256k1.

coincurve and keccak are imported at the first sign-in: a start must not wait for them.
"""

import re

from contract.errors import SignatureInvalid

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")


def recover_address(message: str, signature: str) -> str:
    """The lower-case address whose key signed `message` (EIP-191 version 0x45, the bytes as received).

    65 bytes, v of 27 or 28 (or 0 or 1, as some wallets write it), s in the lower half (EIP-2), r and s in range. One message
    has several valid signatures, so replay is prevented by nonces, never by comparing signatures.

    Raises:
        SignatureInvalid: any other form, or a point that does not exist.
    """
    from coincurve import PublicKey

    if not _SIGNATURE.fullmatch(signature):
        raise SignatureInvalid
    raw = bytes.fromhex(signature[2:])
    if raw[64] not in {0, 1, 27, 28}:
        raise SignatureInvalid
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:64])
    if not (0 < r < _ORDER and 0 < s <= _ORDER // 2):
        raise SignatureInvalid
    try:
        text = message.encode()
    except UnicodeEncodeError as error:
        raise SignatureInvalid from error
    digest = _keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)
    try:
        key = PublicKey.from_signature_and_message(raw[:64] + bytes([raw[64] % 27]), digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception and ValueError for points that do not exist
        raise SignatureInvalid from error
    return "0x" + _keccak(key.format(compressed=False)[1:])[12:].hex()


def checksum_address(address: str) -> str:
    """The EIP-55 spelling of an address."""
    plain = address[2:].lower()
    digest = _keccak(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(digest[i], 16) >= 8 else c for i, c in enumerate(plain))


def is_well_formed(address: str) -> bool:
    """True for all-lower and all-upper hex, and for mixed case that is the EIP-55 checksum: a typing mistake is caught."""
    digits = address[2:]
    return digits in {digits.lower(), digits.upper()} or address == checksum_address(address)


def _keccak(data: bytes) -> bytes:
    from Crypto.Hash import keccak

    return keccak.new(digest_bits=256, data=data).digest()

"""Who may use a folder on Windows, read from its security descriptor as text (SDDL, [MS-DTYP] 2.5.1).

A folder made below `C:\\` inherits "Authenticated Users: modify": any user of the machine could plant a file in it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSTEM, ADMINISTRATORS = "S-1-5-18", "S-1-5-32-544"
ALIASES: Final = {
    "SY": SYSTEM,
    "BA": ADMINISTRATORS,
    "CO": "S-1-3-0",
    "OW": "S-1-3-4",
    "AU": "S-1-5-11",
    "BU": "S-1-5-32-545",
    "WD": "S-1-1-0",
    "IU": "S-1-5-4",
    "BG": "S-1-5-32-546",
    "AN": "S-1-5-7",
    "NU": "S-1-5-2",
    "PU": "S-1-5-32-547",
}
"""Two letters for well-known users; others stay as they are, and are strangers."""
PLACEHOLDERS: Final = frozenset({"S-1-3-0", "S-1-3-4"})
"""Creator owner and owner rights: whoever owns it, and the owner is judged by itself."""
_ALLOWS: Final = frozenset({"A", "OA", "XA", "ZA"})
_SDDL: Final = re.compile(r"O:(?P<owner>[^:]*?)(?:G:[^:]*?)?(?:D:(?P<dacl>[^:]*?))?(?:S:[^:]*)?")
"""Of a text whose entries are blotted out: what stands in them cannot pass for a section."""


@dataclass(frozen=True, slots=True)
class Ace:
    """One entry of an access list."""

    allows: bool
    sid: str


def judge(sddl: str, me: str) -> str | None:
    """Why a folder is not `me`'s alone (with the system and its administrators); None when it is."""
    text = sddl.strip()
    groups = _groups(text)
    read = None if groups is None else _SDDL.fullmatch(_blotted(text, groups))
    if groups is None or read is None:
        return "its security descriptor cannot be read"
    trusted = {me, SYSTEM, ADMINISTRATORS}
    owner = _sid(read["owner"])
    if owner not in trusted:
        return f"it belongs to {owner or 'nobody'}"
    if read["dacl"] is None or "NO_ACCESS_CONTROL" in read["dacl"]:
        return "it has no access list: everybody may change it"
    listed = [_ace(text[start + 1 : end]) for start, end in groups if read.start("dacl") <= start < read.end("dacl")]
    strangers = sorted({ace.sid for ace in listed if ace.allows} - trusted - PLACEHOLDERS)
    return f"others may use it: {', '.join(strangers)}" if strangers else None


def _groups(text: str) -> list[tuple[int, int]] | None:
    """Where the entries stand (their outermost brackets); None when brackets or quotes do not match."""
    found, depth, quoted, start = [], 0, False, 0
    for index, letter in enumerate(text):
        if letter == '"' and depth:
            quoted = not quoted
        elif letter == "(" and not quoted:
            start, depth = (index, 1) if depth == 0 else (start, depth + 1)
        elif letter == ")" and not quoted:
            depth -= 1
            if depth < 0:
                return None
            if depth == 0:
                found.append((start, index))
    return None if depth or quoted else found


def _blotted(text: str, groups: list[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in groups:
        letters[start : end + 1] = "." * (end + 1 - start)
    return "".join(letters)


def _ace(text: str) -> Ace:
    """`type;flags;rights;object;inherited object;SID[;condition]`; what cannot be read counts as a stranger who may."""
    parts = text.split(";")
    return Ace(parts[0] in _ALLOWS, _sid(parts[5])) if len(parts) > 5 else Ace(True, "an unreadable entry")


def advice(folder: Path, reason: str) -> str:
    """What to tell the person. SIDs, not names: those are translated on other Windows languages."""
    return (
        f"{folder} is not yours alone: {reason}.\n  If you trust what is in it:\n"
        f'  icacls "{folder}" /inheritance:r /grant:r "%USERNAME%:(OI)(CI)F" "*{SYSTEM}:(OI)(CI)F" "*{ADMINISTRATORS}:(OI)(CI)F"'
    )


def _sid(text: str) -> str:
    return ALIASES.get(text, text)


def sddl_of(path: Path) -> str:  # pragma: no cover - Windows only
    """Owner and access list of a file or folder.

    Raises:
        OSError.
    """
    import ctypes

    owner_and_dacl, file_object = 0x1 | 0x4, 1
    descriptor, text = ctypes.c_void_p(), ctypes.c_wchar_p()
    security = ctypes.WinDLL("advapi32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    free = ctypes.WinDLL("kernel32").LocalFree  # type: ignore[attr-defined,unused-ignore]
    free.argtypes = [ctypes.c_void_p]
    failed = security.GetNamedSecurityInfoW(str(path), file_object, owner_and_dacl, None, None, None, None, ctypes.byref(descriptor))
    if failed:
        raise OSError(failed, f"the access list of {path} cannot be read")
    try:
        if not security.ConvertSecurityDescriptorToStringSecurityDescriptorW(descriptor, 1, owner_and_dacl, ctypes.byref(text), None):
            raise OSError(f"the access list of {path} cannot be read")
        return text.value or ""
    finally:
        free(ctypes.cast(text, ctypes.c_void_p))
        free(descriptor)


def my_sid() -> str:  # pragma: no cover - Windows only
    """The user that this program runs as.

    Raises:
        OSError.
    """
    import ctypes

    query, token_user = 0x8, 1
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    security = ctypes.WinDLL("advapi32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    token, size, text = ctypes.c_void_p(), ctypes.c_ulong(), ctypes.c_wchar_p()
    if not security.OpenProcessToken(ctypes.c_void_p(kernel.GetCurrentProcess()), query, ctypes.byref(token)):
        raise OSError("this program's user cannot be read")
    try:
        security.GetTokenInformation(token, token_user, None, 0, ctypes.byref(size))
        held = ctypes.create_string_buffer(size.value)
        if not security.GetTokenInformation(token, token_user, held, size, ctypes.byref(size)):
            raise OSError("this program's user cannot be read")
        sid = ctypes.cast(held, ctypes.POINTER(ctypes.c_void_p))[0]
        if not security.ConvertSidToStringSidW(ctypes.c_void_p(sid), ctypes.byref(text)):
            raise OSError("this program's user cannot be read")
        return text.value or ""
    finally:
        kernel.CloseHandle(token)

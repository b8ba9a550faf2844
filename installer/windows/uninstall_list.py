"""Writes what an uninstaller removes: every file and folder of a payload by its name, so that nothing else can be caught.

python uninstall_list.py PAYLOAD OUT.nsh
"""

import sys
from pathlib import Path


def main() -> int:
    """Always 0, or it raises."""
    payload, out = Path(sys.argv[1]), Path(sys.argv[2])
    found = sorted(path.relative_to(payload) for path in payload.rglob("*"))
    files = [path for path in found if not (payload / path).is_dir()]
    folders = [path for path in found if (payload / path).is_dir()]
    lines = [f"Delete {quoted(path)}" for path in files]
    lines += [f"RMDir {quoted(path)}" for path in sorted(folders, key=lambda path: -len(path.parts))]
    out.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print(f"{len(files)} files, {len(folders)} folders")
    return 0


def quoted(path: Path) -> str:
    """As NSIS reads it."""
    inner = str(path).replace("$", "$$").replace("/", "\\")
    return f'"$INSTDIR\\{inner}"'


if __name__ == "__main__":
    sys.exit(main())

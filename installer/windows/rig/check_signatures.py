"""Whether every program and extension of a Windows Python carries a valid signature of the Python Software Foundation.

python check_signatures.py FOLDER

Microsoft's run-time libraries beside them are signed by Microsoft, whose root Debian does not carry; `Lib` is not signed at all.
"""

import subprocess
import sys
from pathlib import Path

CA = "/etc/ssl/certs/ca-certificates.crt"
SIGNER = "/CN=Python Software Foundation"


def main() -> int:
    """0 when each is."""
    folder = Path(sys.argv[1])
    ours = sorted({*folder.glob("python*.exe"), *folder.glob("python3*.dll"), *folder.glob("DLLs/*.pyd"), *folder.glob("DLLs/*.dll")})
    bad = [path.name for path in ours if not signed(path)]
    print(f"{len(ours) - len(bad)} of {len(ours)} files are signed by the Python Software Foundation")
    for name in bad:
        print(f"not signed by it: {name}", file=sys.stderr)
    return 1 if bad or not ours else 0


def signed(path: Path) -> bool:
    """Whether osslsigncode says so; revocation lists would be fetched, so they are not asked."""
    command = ["osslsigncode", "verify", "-CAfile", CA, "-TSA-CAfile", CA, "-ignore-cdp", "-ignore-crl", "-in", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and SIGNER in done.stdout


if __name__ == "__main__":
    sys.exit(main())

"""Writes what a release is made of, as CycloneDX 1.6 JSON: python installer/sbom.py OUT.

From the locks alone: every Python distribution of every system, and every npm package that the browser GUI is built from, each with the
checksums that it is locked to. The same locks and SOURCE_DATE_EPOCH give the same bytes. https://cyclonedx.org/docs/1.6/json/
"""

import base64
import json
import os
import re
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).parents[1]
VERSION = re.compile(r'VERSION: Final = "([^"]+)"')
LOCKED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+?)(?: ; (.*?))? \\$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
NPM_HASHES = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}


def _component(registry: str, name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:{registry}/{quote(name, safe='/')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required"}


def python_components(lock: str) -> list[dict[str, Any]]:
    """Of a lock of uv's. A distribution has several files, by system: each checksum is one that the lock allows."""
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        if named := LOCKED.match(line):
            name, version, marker = named.groups()
            properties = [{"name": "flowork:marker", "value": marker}] if marker else []
            found.append({**_component("pypi", name, version), "properties": properties})
        elif hashed := HASH.search(line):
            found[-1]["properties"].append({"name": "flowork:locked-sha256", "value": hashed[1]})
    return found


def npm_components(lock: dict[str, Any]) -> list[dict[str, Any]]:
    """Of package-lock.json, without what only builds or tests."""
    found = []
    for place, told in sorted(lock["packages"].items()):
        if not place or told.get("dev"):
            continue
        kind, _, digest = told["integrity"].partition("-")
        component = _component("npm", place.rpartition("node_modules/")[2], told["version"])
        component["hashes"] = [{"alg": NPM_HASHES[kind], "content": base64.b64decode(digest).hex()}]
        if "license" in told:
            component["licenses"] = [{"expression": told["license"]}]
        found.append(component)
    return found


def bill(root: Path, epoch: int) -> dict[str, Any]:
    """The whole document."""
    version = VERSION.search((root / "contract" / "version.py").read_text(encoding="utf-8"))
    assert version is not None
    components = python_components((root / "requirements-desktop.lock").read_text(encoding="utf-8"))
    components += npm_components(json.loads((root / "gui" / "package-lock.json").read_text(encoding="utf-8")))
    unique = {component["bom-ref"]: component for component in components}
    itself: dict[str, Any] = {"type": "application", "bom-ref": "flowork", "name": "flowork", "version": version[1]}
    itself["licenses"] = [{"expression": "Apache-2.0"}]
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "component": itself},
        "components": list(unique.values()),
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return {"serialNumber": f"urn:uuid:{serial}", **body}


def main() -> int:
    """Exit code: 0."""
    text = json.dumps(bill(ROOT, int(os.environ["SOURCE_DATE_EPOCH"])), indent=1) + "\n"
    Path(sys.argv[1]).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

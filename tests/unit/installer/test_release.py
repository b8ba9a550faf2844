"""The release workflow, the bill of materials, and the templates of package managers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
sys.path[:0] = [str(ROOT / "installer")]


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe", pure=True).load(WORKFLOW.read_text())
    return read


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def checked(workflow: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", workflow]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_workflow_has_the_form_that_github_reads(tmp_path: Path):
    said = checked(WORKFLOW)
    assert said.returncode == 0, said.stdout + said.stderr
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOW.read_text().replace("runs-on: macos-14", "run-on: macos-14"))
    assert checked(broken).returncode != 0


def test_actions_are_pinned_by_commit(workflow: dict[str, Any]):
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert len(used) > 10
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", name)] == []


def test_nothing_is_allowed_that_is_not_asked_for(workflow: dict[str, Any]):
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "linux": {"contents": "read"},
        "windows": {"contents": "read"},
        "macos": {"contents": "read"},
        "publish": {"contents": "write", "id-token": "write", "attestations": "write"},
    }
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_no_secret_and_nothing_from_outside_is_written_into_a_command(workflow: dict[str, Any]):
    """An expression in `run` is pasted into the script before the shell reads it."""
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []
    told = json.dumps([step.get("env", {}) for step in steps(workflow)])
    secrets = set(re.findall(r'"(\w+)": "\$\{\{ secrets\.', told))
    assert secrets >= {"AZURE_CLIENT_SECRET", "MACOS_CERTIFICATE_PASSWORD", "NOTARY_KEY"}
    scripts = [step.get("run", "") for step in steps(workflow)]
    scripts += [path.read_text() for path in (ROOT / "installer" / "sign").iterdir()]
    # Builtins of the shell start no program, so that their words are nobody's arguments.
    builtin = re.compile(r"\s*(?:\(umask 077 && )?(?:printf|if \[|\[) [^|;&]*")
    for line in "\n".join(scripts).splitlines():
        for mention in re.finditer(rf"\$\{{?(?:{'|'.join(secrets)})\b", line):
            assert builtin.fullmatch(line[: mention.start()]), line


def test_what_is_signed_is_tried_before_it_is_packed(workflow: dict[str, Any]):
    for name in ("windows", "macos"):
        scripts = "\n".join(step.get("run", "") for step in workflow["jobs"][name]["steps"])
        assert "-m PyInstaller --noconfirm --clean" in scripts
        assert "--require-hashes" in scripts
        assert scripts.count("--self-test") == 2
        assert scripts.index("notices.py") < scripts.index("PyInstaller")
    assert "make test-deb run-file" in "\n".join(step.get("run", "") for step in workflow["jobs"]["linux"]["steps"])


def test_files_that_the_workflow_names_exist(workflow: dict[str, Any]):
    scripts = "\n".join(step.get("run", "") for step in steps(workflow))
    named = set(re.findall(r"\binstaller/[\w/.-]+\.(?:sh|py)\b", scripts))
    assert len(named) >= 6
    assert [name for name in named if not (ROOT / name).is_file()] == []


# ---- the bill of materials ---------------------------------------------------------------------------------------------------


def test_the_bill_has_every_locked_package_with_its_checksums(tmp_path: Path):
    def written(name: str, seed: str) -> bytes:
        told = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, ROOT / "installer" / "sbom.py", tmp_path / name], env=told, check=True, timeout=30)
        return (tmp_path / name).read_bytes()

    assert written("one", "1") == written("other", "2")
    bill = json.loads((tmp_path / "one").read_bytes())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", bill["serialNumber"])
    parts = {part["purl"]: part for part in bill["components"]}
    assert len(parts) == len(bill["components"])
    lock = (ROOT / "requirements-desktop.lock").read_text()
    locked = {f"pkg:pypi/{name}@{version}" for name, version in re.findall(r"^([a-z0-9.-]+)==([^ \\]+)", lock, re.MULTILINE)}
    assert {purl for purl in parts if purl.startswith("pkg:pypi/")} == locked
    digests = [each["value"] for part in parts.values() for each in part.get("properties", []) if each["name"] == "flowork:locked-sha256"]
    assert set(digests) == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    vue = next(part for purl, part in parts.items() if purl.startswith("pkg:npm/vue@"))
    assert vue["hashes"][0]["alg"] == "SHA-512"
    assert len(vue["hashes"][0]["content"]) == 128
    assert "pkg:npm/%40noble/curves@1.2.0" in parts
    assert not any(purl.startswith("pkg:npm/vite@") for purl in parts)


# ---- templates ---------------------------------------------------------------------------------------------------------------


def test_templates_of_package_managers_say_that_they_are_not_published_and_have_no_checksum_yet():
    templates = [*(ROOT / "installer" / "winget").iterdir(), *(ROOT / "installer" / "homebrew").iterdir()]
    assert len(templates) == 4
    for template in templates:
        assert "Not published" in template.read_text(), template
    for template in (ROOT / "installer" / "winget").iterdir():
        told = YAML(typ="safe", pure=True).load(template.read_text())
        assert told["PackageIdentifier"] == "Flowork.Flowork"
        assert told["ManifestVersion"] == "1.10.0"


@pytest.mark.parametrize("script", sorted(str(path.relative_to(ROOT)) for path in (ROOT / "installer").rglob("*.sh")))
def test_shell_scripts_can_be_read(script: str):
    subprocess.run(["sh", "-n", ROOT / script], check=True, timeout=10)
    if (shellcheck := shutil.which("shellcheck")) is not None and not script.startswith("installer/windows/"):
        command = [shellcheck, "-s", "sh", "-e", "SC2016", ROOT / script]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert found.returncode == 0, found.stdout

"""promtool, which comes with Prometheus, tries the rules: each alert is quiet, fires, and is well again."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.alerts import ALERTS
from tests.support.prometheus import EXAMPLE, needed

FOLDER = EXAMPLE.parent


def tool(*arguments: str, cwd: Path = FOLDER) -> "subprocess.CompletedProcess[str]":
    needed("promtool")
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=240)


def test_promtool_takes_the_rules_and_the_example(tmp_path: Path):
    assert (checked := tool("check", "rules", "--lint=all", "--lint-fatal", "flowork.rules.yml")).returncode == 0, checked.stderr
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "flowork.token").touch()
    assert (checked := tool("check", "config", "prometheus.yml", cwd=tmp_path)).returncode == 0, checked.stderr


def test_each_alert_is_quiet_fires_and_is_well_again():
    tried = tool("test", "rules", "flowork.test.yml")
    assert tried.returncode == 0, tried.stdout + tried.stderr


@pytest.mark.slow
def test_the_cases_see_each_alert_whose_expression_is_broken(tmp_path: Path):
    text = (FOLDER / "flowork.rules.yml").read_text()
    broken = re.sub(r"(?s)(- alert: \w+\n)        expr: .*?(?=\n        for: )", r"\1        expr: vector(1) > 2", text)
    assert broken.count("vector(1) > 2") == len(ALERTS)
    (tmp_path / "flowork.rules.yml").write_text(broken)
    shutil.copy(FOLDER / "flowork.test.yml", tmp_path)
    tried = tool("test", "rules", "flowork.test.yml", cwd=tmp_path)
    failed = set(re.findall(r"alertname: (\w+)", tried.stdout + tried.stderr))
    assert failed == {alert.name for alert in ALERTS}

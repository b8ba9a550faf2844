"""Writes deploy/'s files for Prometheus and Grafana again: `make docs`. A test keeps them up to date."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from deploy.alerts import ALERTS, RUNBOOKS, Alert
from deploy.cases import CASES, EVERY_MIN, Case
from deploy.dashboard import dashboard
from deploy.recorded import RECORDS, Record
from deploy.yaml_text import to_yaml

FOLDER = Path(__file__).parent
MARK = "# Written by deploy/generate.py; change deploy/*.py, then run: make docs\n"


def rules() -> str:
    """The recording and alerting rules."""
    groups = [
        {"name": "flowork-recorded", "interval": "15s", "rules": [_record(each) for each in RECORDS]},
        {"name": "flowork-alerts", "interval": "15s", "rules": [_alert(each) for each in ALERTS]},
    ]
    return MARK + to_yaml({"groups": groups})


def _record(record: Record) -> dict[str, Any]:
    return {"record": record.name, "expr": record.expr, **({"labels": dict(record.labels)} if record.labels else {})}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasts,
        "labels": {"severity": alert.severity},
        "annotations": _annotations(alert, alert.summary, alert.description),
    }


def _annotations(alert: Alert, summary: str, description: str) -> dict[str, str]:
    return {"summary": summary, "description": description, "runbook_url": f"{RUNBOOKS}{alert.name}.md"}


def rule_tests() -> str:
    """What `promtool test rules` tries: each alert quiet, firing, and well again."""
    tests = [_test(case) for case in CASES]
    return MARK + to_yaml({"rule_files": ["flowork.rules.yml"], "evaluation_interval": EVERY_MIN, "tests": tests})


def _test(case: Case) -> dict[str, Any]:
    alert = next(each for each in ALERTS if each.name == case.alert)
    fires = {
        "exp_labels": {"severity": alert.severity, **case.labels},
        "exp_annotations": _annotations(alert, case.summary, case.description),
    }
    asked: list[dict[str, Any]] = [
        {"eval_time": f"{minute}m", "alertname": alert.name, "exp_alerts": [fires] if expected else []}
        for minute, expected in ((case.quiet, False), (case.fires, True), (case.well, False))
    ]
    return {
        "name": f"{case.alert}: {case.why}",
        "interval": EVERY_MIN,
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": asked,
    }


def grafana() -> str:
    """The dashboard."""
    return json.dumps(dashboard(), indent=1) + "\n"


FILES = {"prometheus/flowork.rules.yml": rules, "prometheus/flowork.test.yml": rule_tests, "grafana/flowork.json": grafana}


def main(check: bool) -> int:
    """Write the files; with `check`, only say which are not what the code says."""
    stale = 0
    for name, made in FILES.items():
        file, text = FOLDER / name, made()
        if check and (not file.exists() or file.read_text(encoding="utf-8") != text):
            print(f"deploy/{name} is not what the code says; run: make docs")
            stale += 1
        elif not check:
            file.write_text(text, encoding="utf-8", newline="\n")
    return min(stale, 1)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))

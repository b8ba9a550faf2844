"""`engine.rules.failures`, `engine.rules.kinds` and the table of what is served."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from contract import limits
from engine.rules.failures import JobFailed
from engine.rules.kinds import Kind, Runs
from engine.settings import EngineSettings
from engine.tools.registry import kinds

ROOT = Path(__file__).parents[3]


def settings(**changes) -> EngineSettings:
    return EngineSettings(**{"gateway": "http://127.0.0.1:7717", "engine_id": "abcd", "data": Path("nowhere"), **changes})


class TestJobFailed:
    def test_a_failure_may_be_tried_again_unless_it_says_otherwise(self):
        failed = JobFailed("test.broken", "It broke.")
        assert (failed.code, failed.message, failed.retryable, failed.retry_after_s) == ("test.broken", "It broke.", True, None)

    def test_its_text_names_code_and_message(self):
        assert str(JobFailed("test.broken", "It broke.", retryable=False)) == "test.broken: It broke."

    def test_a_failure_travels_between_processes_whole(self):
        sent = JobFailed("test.broken", "It broke.", retryable=False, retry_after_s=2.0)
        came = pickle.loads(pickle.dumps(sent))
        assert (came.code, came.message, came.retryable, came.retry_after_s) == ("test.broken", "It broke.", False, 2.0)


class TestKind:
    def test_a_kind_runs_in_the_loop_unless_it_says_otherwise(self):
        assert Kind("k", print).runs is Runs.ASYNC

    def test_a_kind_cannot_be_changed_while_it_is_served(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Kind("k", print).name = "other"  # type: ignore[misc]


class TestRegistry:
    def test_nothing_is_served_that_the_owner_did_not_switch_on(self):
        assert kinds(settings()) == {}

    def test_each_echo_kind_runs_where_its_name_says(self):
        served = kinds(settings(echo=True))
        assert {name: kind.runs for name, kind in served.items()} == {
            "echo": Runs.ASYNC,
            "echo-thread": Runs.THREAD,
            "echo-process": Runs.PROCESS,
        }

    def test_listed_hosts_switch_the_http_kind_on(self):
        assert list(kinds(settings(http_hosts=("example.org",)))) == ["http"]
        assert sorted(kinds(settings(echo=True, http_hosts=("h",)))) == ["echo", "echo-process", "echo-thread", "http"]

    def test_what_is_not_switched_on_is_not_imported(self):
        code = (
            "import sys; from pathlib import Path; from engine.settings import EngineSettings; from engine.tools.registry import kinds\n"
            "kinds(EngineSettings(gateway='g', engine_id='abcd', data=Path('.')))\n"
            "print([name for name in ('aiohttp', 'engine.tools.echo', 'engine.tools.http') if name in sys.modules])"
        )
        ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
        assert ran.stdout.strip() == "[]"


class TestSettings:
    def test_the_heart_beats_at_least_three_times_a_lease(self):
        assert settings().heartbeat_s * 1000 * 3 <= limits.LEASE_MS

    @pytest.mark.parametrize(
        "wrong",
        [
            {"slots": 0},
            {"slots": 1025},
            {"cpu_processes": 0},
            {"heartbeat_s": 0},
            {"claim_wait_ms": limits.CLAIM_WAIT_MAX_MS + 1},
            {"engine_id": "Not An Id"},
            {"engine_id": "../abcd"},
            {"drain_deadline_s": -1},
            {"unknown": 1},
        ],
    )
    def test_a_value_that_cannot_work_is_refused(self, wrong):
        with pytest.raises(ValidationError):
            settings(**wrong)

"""The bench commands run and say what docs promise of them; the figures themselves are judged by people."""

import asyncio
import sys

import pytest

from tests.support.benches import measured
from tests.support.house import ROOT


async def test_store_measures_submits_beside_their_floors():
    found = await measured("store", "--seconds", "0.3")
    assert found.keys() >= {"callers", "mean_batch", "disk_commits_per_s", "cpu_ceiling_per_s", "machine", "versions", "settings", "raw"}
    assert found["callers"].keys() == found["mean_batch"].keys() == {"1", "16", "64"}
    # Ratios of one run: group commit is what makes many callers faster than the disk's single commits.
    assert found["mean_batch"]["16"] >= 8
    assert found["callers"]["64"] > found["callers"]["1"]


async def test_latency_measures_through_a_served_gateway():
    found = await measured("latency", "--rate", "10", "--seconds", "1")
    assert found["failed"] == 0
    for key in ("start_delay_ms", "submit_to_body_ms", "e2e_ms"):
        assert 0 < found[key]["p50"] <= found[key]["p95"] <= found[key]["p99"]
    assert found["settings"]["synchronous"] == "FULL"


async def test_auth_measures_requests_beside_bare_signatures():
    found = await measured("auth", "--requests", "100")
    assert found.keys() >= {"cached_us", "uncached_us", "es256_us", "ed25519_us", "ratio", "machine", "versions", "settings", "raw"}
    assert 1 < found["ratio"] < found["uncached_us"] / found["es256_us"] + 1


async def test_sim_drives_the_autoscaler_through_simulated_loads_by_the_table():
    found = await measured("sim", "--only", "step", "--only", "sparse")
    assert found.keys() >= {"scenarios", "rule_violations", "worker_start_ms", "machine", "versions", "settings", "raw"}
    assert found["scenarios"].keys() == {"step", "sparse"}
    for scenario in found["scenarios"].values():
        assert scenario.keys() >= {"p95", "worker_seconds", "oracle_worker_seconds", "oscillations", "rule_violations"}
        assert scenario["worker_seconds"] > scenario["oracle_worker_seconds"] > 0
        assert scenario["changes"] > 0
    assert found["rule_violations"] == 0


@pytest.mark.slow
async def test_simulated_days_break_no_rule():
    assert (await measured("sim", "--long"))["rule_violations"] == 0


@pytest.mark.slow
async def test_overload_tells_what_was_accepted_what_was_refused_and_what_was_lost():
    found = await measured("overload", "--seconds", "1.5")
    assert found["failed"] == found["beyond_cpu"]["lost"] == 0
    assert found["accepted"] + found["refused"] == found["offered"]
    assert found["refused"] > 0
    assert found["refused_without_retry_after"] == found["beyond_cpu"]["refused_without_retry_after"] == 0
    assert found.keys() >= {"accepted_start_delay_p95", "goodput_ratio", "recovery_s", "rss_growth_bytes"}


@pytest.mark.slow
async def test_fairness_counts_who_overtook_whom():
    found = await measured("fairness", "--flood", "150", "--jobs", "3", "--every", "0.3")
    assert found["failed"] == 0
    assert 0 < found["flood_left"] < 150
    assert found["overtaken_max"] <= found["slots"]
    assert found["alone_p95"] > 0


@pytest.mark.parametrize("wrong", [["nothing"], ["store", "--seconds", "many"]])
async def test_a_wrong_command_line_is_named(wrong: list[str]):
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench", *wrong, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"usage:" in errors

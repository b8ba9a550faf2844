"""The metrics: what is told is counted, what is looked at is shown, and their number does not grow with the people."""

import itertools

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from contract.words import JobState
from gateway.telemetry.meters import JOB_S, Meters, families
from gateway.telemetry.scene import LevelScene, QueueScene, Scene
from gateway.telemetry.signals import Submission

QUEUE = QueueScene(
    jobs={"scheduled": 1, "queued": 2, "running": 3},
    oldest_s=1.5,
    wait_s=None,
    slots=4,
    busy=3,
    instances={"up": 1},
    wal_bytes=4096,
    draining=False,
    available=True,
)
SCENE = Scene(
    version="1.2.3",
    ready=True,
    draining=False,
    queues={"home": QUEUE},
    levels={"start_delay": LevelScene(True, 0.002, 0.5, False, None), "error_rate": LevelScene(False, 0.5, 0.01, True, -49.0)},
    listeners={"loopback": True, "tunnel": False},
    audit_intact=False,
)


@pytest.fixture
def meters() -> Meters:
    return Meters({"e1": "home", "e2": "lab"}.__getitem__)


def samples(meters: Meters, scene: Scene = SCENE) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Name and labels -> value, as a reader of the page sees them."""
    body, _ = meters.page(scene, "text/plain")
    found = [sample for family in prometheus_text(body.decode()) for sample in family.samples]
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in found}


def value(meters: Meters, name: str, **labels: str) -> float:
    return samples(meters)[name, tuple(sorted(labels.items()))]


class TestCounting:
    def test_an_answer_counts_under_its_route_and_unknown_paths_under_one(self, meters: Meters):
        meters.answered("/api/v1/jobs/{job}", "GET", 200, 0.02)
        for number in range(3):
            meters.answered(None, f"FOO{number}", 404, 0.01)
        name = "http_server_request_duration_seconds_count"
        assert value(meters, name, http_request_method="GET", http_route="/api/v1/jobs/{job}", http_response_status_code="200") == 1
        assert value(meters, name, http_request_method="_OTHER", http_route="none", http_response_status_code="404") == 3

    def test_each_fact_counts_under_the_engines_name(self, meters: Meters):
        meters.submitted("e1", Submission.ACCEPTED)
        meters.submitted("e1", Submission.REPLAYED)
        meters.refused("e1", "queue.full")
        meters.leases_lost("e1", 2)
        meters.finish_fenced("e1")
        meters.claim_replayed("e1")
        meters.auth_failed("auth.token_invalid")
        assert value(meters, "flowork_submits_total", engine="home", outcome="accepted") == 1
        assert value(meters, "flowork_submits_total", engine="home", outcome="replayed") == 1
        assert value(meters, "flowork_admissions_refused_total", engine="home", code="queue.full") == 1
        assert value(meters, "flowork_leases_lost_total", engine="home") == 2
        assert value(meters, "flowork_finishes_fenced_total", engine="home") == 1
        assert value(meters, "flowork_claims_replayed_total", engine="home") == 1
        assert value(meters, "flowork_auth_failures_total", code="auth.token_invalid") == 1

    def test_delays_are_in_seconds(self, meters: Meters):
        meters.leased("e1", 250.0)
        meters.ended("e1", JobState.SUCCEEDED, None, 1250.0)
        assert value(meters, "flowork_start_delay_seconds_sum", engine="home") == 0.25
        assert value(meters, "flowork_end_to_end_seconds_sum", engine="home") == 1.25

    def test_a_dead_job_counts_by_its_code_and_a_cancelled_one_has_no_end_to_end(self, meters: Meters):
        meters.ended("e1", JobState.DEAD, "job.timeout", 10.0)
        meters.ended("e1", JobState.CANCELLED, None, 10.0)
        assert value(meters, "flowork_jobs_total", engine="home", state="dead") == 1
        assert value(meters, "flowork_jobs_total", engine="home", state="cancelled") == 1
        assert value(meters, "flowork_job_failures_total", engine="home", code="job.timeout") == 1
        assert value(meters, "flowork_end_to_end_seconds_count", engine="home") == 1

    def test_a_commit_tells_its_batch_its_wait_and_its_fsync(self, meters: Meters):
        meters.committed("e2", 16, 0.002, 0.0005)
        assert value(meters, "flowork_commit_batch_calls_sum", engine="lab") == 16
        assert value(meters, "flowork_writer_wait_seconds_sum", engine="lab") == 0.002
        assert value(meters, "flowork_commit_seconds_sum", engine="lab") == 0.0005

    def test_counters_of_an_engine_begin_at_nought_so_that_their_first_rise_is_seen(self, meters: Meters):
        meters.leased("e1", 1.0)
        for counter in ("leases_lost", "finishes_fenced", "claims_replayed"):
            assert value(meters, f"flowork_{counter}_total", engine="home") == 0

    def test_the_loops_lag_is_a_histogram(self, meters: Meters):
        meters.loop_late(0.03)
        assert value(meters, "flowork_event_loop_lag_seconds_bucket", le="0.05") == 1
        assert value(meters, "flowork_event_loop_lag_seconds_bucket", le="0.025") == 0


class TestLooking:
    def test_a_queue_is_shown_by_state(self, meters: Meters):
        assert value(meters, "flowork_queue_jobs", engine="home", state="queued") == 2
        assert value(meters, "flowork_queue_oldest_age_seconds", engine="home") == 1.5
        assert value(meters, "flowork_worker_busy_ratio", engine="home") == 0.75
        assert value(meters, "flowork_instances", engine="home", state="up") == 1

    def test_what_is_not_known_has_no_sample(self, meters: Meters):
        found = samples(meters)
        assert not [key for key in found if key[0] in {"flowork_queue_expected_wait_seconds", "flowork_disk_free_bytes"}]

    def test_a_promise_is_shown_in_its_own_unit(self, meters: Meters):
        assert value(meters, "flowork_slo_seconds", slo="start_delay") == 0.002
        assert value(meters, "flowork_slo_target_seconds", slo="start_delay") == 0.5
        assert value(meters, "flowork_slo_ratio", slo="error_rate") == 0.5
        assert value(meters, "flowork_slo_burning", slo="error_rate") == 1
        assert value(meters, "flowork_slo_error_budget_ratio", slo="error_rate") == -49
        assert ("flowork_slo_seconds", (("slo", "error_rate"),)) not in samples(meters)

    def test_yes_and_no_are_one_and_nought(self, meters: Meters):
        assert (value(meters, "flowork_ready"), value(meters, "flowork_audit_intact")) == (1, 0)
        assert value(meters, "flowork_listener_open", ingress="tunnel") == 0

    def test_a_page_shows_the_scene_it_is_given_not_an_older_one(self, meters: Meters):
        meters.page(SCENE, "")
        assert samples(meters, Scene(version="2", ready=False, draining=True))[("flowork_ready", ())] == 0


class TestPage:
    def test_openmetrics_is_given_to_whom_it_is_asked_by(self, meters: Meters):
        meters.leased("e1", 1.0)
        body, media_type = meters.page(SCENE, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        assert media_type.startswith("application/openmetrics-text")
        assert "flowork_start_delay_seconds" in {family.name for family in open_metrics(body.decode())}

    def test_the_text_format_is_the_default(self, meters: Meters):
        assert meters.page(SCENE, "")[1].startswith("text/plain; version=0.0.4")

    def test_ten_thousand_users_make_no_more_time_series_than_one(self, meters: Meters):
        def a_day_of(people: int) -> int:
            for person in range(people):
                meters.answered("/api/v1/jobs/{job}", "GET", 200, 0.01)
                meters.answered(None, f"X-{person}", 404, 0.01)
                meters.auth_failed("auth.token_invalid")
                meters.submitted("e1", Submission.ACCEPTED)
                meters.leased("e1", float(person))
                meters.ended("e1", JobState.SUCCEEDED, None, float(person))
                meters.ended("e1", JobState.DEAD, "job.timeout", float(person))
            return len(samples(meters))

        assert a_day_of(10_000) == a_day_of(1)

    def test_codes_that_kinds_make_up_are_bounded_too(self, meters: Meters):
        for number in range(1000):
            meters.ended("e1", JobState.DEAD, f"made.up_{number}", None)
        found = {key: count for key, count in samples(meters).items() if key[0] == "flowork_job_failures_total"}
        assert len(found) == 101
        assert value(meters, "flowork_job_failures_total", engine="home", code="other") == 900

    def test_every_family_says_what_it_is(self, meters: Meters):
        for family in [*families(SCENE), *meters.registry.collect()]:
            assert family.documentation


class TestBuckets:
    def test_those_of_jobs_rise_finely_and_have_edges_at_the_promises(self):
        assert list(JOB_S) == sorted(set(JOB_S))
        assert {0.5, 1.5} <= set(JOB_S)
        fine = [bound for bound in JOB_S if bound <= 1.5]
        assert max(after / before for before, after in itertools.pairwise(fine)) < 1.13


def test_what_providers_take_is_counted_by_engine_and_provider():
    meters = Meters(lambda engine: engine)
    meters.provider_called("lab", "local", 0.3, 0.1, None)
    meters.provider_called("lab", "local", 0.2, None, "provider.down")
    meters.provider_used("lab", "local", 5, 6, 1.25)
    page = meters.page(SCENE, "text/plain")[0].decode()
    of = 'engine="lab",provider="local"'
    for line in (
        f'flowork_provider_tokens_total{{direction="input",{of}}} 5.0',
        f'flowork_provider_tokens_total{{direction="output",{of}}} 6.0',
        f"flowork_provider_cost_total{{{of}}} 1.25",
        f"flowork_provider_call_seconds_count{{{of}}} 2.0",
        f"flowork_provider_first_token_seconds_count{{{of}}} 1.0",
        f'flowork_provider_errors_total{{code="provider.down",{of}}} 1.0',
    ):
        assert line in page

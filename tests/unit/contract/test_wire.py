"""`contract.wire` and the models on it: unknown fields and broken borders are refused coming in, and forgiven going out."""

import inspect
import math
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from contract import admin, admin_engines, engine_link, jobs, limits, pairing, people, signin
from contract.jobs import BatchRequest, Job, JobAnswer, JobDraft, JobPage, PurgeRequest
from contract.kinds import Usage
from contract.wire import (
    Answer,
    AttemptId,
    EngineId,
    EngineName,
    InstanceId,
    LeaseToken,
    NewEngineName,
    Request,
    Timestamp,
    Traceparent,
    Word,
)
from contract.words import FINAL_STATES, JobState

HEX_32 = "0123456789abcdef" * 2
JOB = "abcd_017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
DRAFT = {"engine": "lab", "kind": "echo"}
HELD = {"job": JOB, "token": HEX_32}
PHASE = {"name": "run", "began_ms": 0, "took_ms": 1.5}
FINISH = {**HELD, "outcome": "succeeded"}
ANNOUNCE = {"version": "0.1.0", "slots": 1, "kinds": ["echo"]}
STATS = {"slots": 1, "busy": 0}
CHANGE = {"at": "2026-01-01T00:00:00Z", "before": 1, "after": 2, "reason": "r"}
APPEND = {**HELD, "progress": 0.5}
LINE = {"message": "said"}
CLAIM = {"instance": HEX_32, "attempt_id": HEX_32, "announce": ANNOUNCE, "max": 1}
VALID: dict[type[BaseModel], dict[str, Any]] = {
    JobDraft: DRAFT,
    jobs.BatchItem: {**DRAFT, "idempotency_key": "k"},
    BatchRequest: {"items": [{**DRAFT, "idempotency_key": "k"}]},
    PurgeRequest: {},
    signin.ChallengeRequest: {"address": "0x" + "0" * 40},
    signin.SignInRequest: {"message": "m", "signature": "0x" + "0" * 130},
    signin.RefreshRequest: {"refresh_token": "r"},
    signin.ApprovalRequest: {"method": "POST", "path": "/api/v1/pairings", "body_sha256": "A" * 43},
    pairing.PairClaim: {
        "offer": "A" * 16,
        "code": "0" * 26,
        "address": "0x" + "0" * 40,
        "device_name": "Ann's phone",
        "client_commitment": "A" * 43,
    },
    people.OfferMake: {"name": "Ann"},
    people.OfferApprove: {"digits": "012345"},
    admin.AdminTokenRequest: {"scopes": ["status:read"]},
    admin.KeysRotate: {"compromised": True},
    admin.EngineAdd: {"name": "lab"},
    admin.AuditCheck: {},
    admin_engines.InstallationChoice: {},
    admin_engines.RevokeRequest: {},
    admin_engines.MemberPut: {"role": "runner"},
    engine_link.EnrolRequest: {"code": "c", "installation_name": "attic"},
    engine_link.Announce: ANNOUNCE,
    engine_link.Held: HELD,
    engine_link.Failure: {"code": "c", "message": "m"},
    Usage: {},
    engine_link.FinishRequest: {"token": HEX_32, "outcome": "failed"},
    engine_link.FinishReport: FINISH,
    engine_link.Phase: PHASE,
    engine_link.ClaimRequest: CLAIM,
    engine_link.ScalingChange: CHANGE,
    engine_link.Scaling: {"automatic": True, "least": 1, "most": 1},
    engine_link.InstanceStats: STATS,
    engine_link.HeartbeatRequest: {"instance": HEX_32, "leases": [], "stats": STATS},
    engine_link.OutputChunk: {"offset": 0, "text": ""},
    engine_link.LogLine: LINE,
    engine_link.LogChunk: {"offset": 0, "lines": [LINE]},
    engine_link.Append: APPEND,
    engine_link.AppendRequest: {"instance": HEX_32, "items": [APPEND]},
}
"""The least that each request must say."""
SHOWN = {
    "id": JOB,
    "engine": "abcd",
    "kind": "echo",
    "state": "queued",
    "priority": 3,
    "attempt": 0,
    "max_attempts": 3,
    "timeout_s": 300.0,
    "submitted_at": "2026-01-01T00:00:00.000000Z",
    "trace_id": HEX_32,
}


def of(base: type[BaseModel], *modules: ModuleType) -> list[type[BaseModel]]:
    classes = {value for module in modules for _, value in inspect.getmembers(module, inspect.isclass) if issubclass(value, base)}
    return sorted(classes - {base}, key=lambda kind: kind.__name__)


def refused(model: type[BaseModel], value: object) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return True
    return False


class TestRequests:
    def test_every_request_is_looked_at_here(self):
        assert set(VALID) == set(of(Request, jobs, signin, pairing, people, admin, admin_engines, engine_link))

    @pytest.mark.parametrize("model", VALID, ids=lambda model: model.__name__)
    def test_the_least_that_is_asked_is_enough(self, model: type[BaseModel]):
        model.model_validate(VALID[model])

    @pytest.mark.parametrize("model", VALID, ids=lambda model: model.__name__)
    def test_an_unknown_field_is_refused(self, model: type[BaseModel]):
        assert refused(model, {**VALID[model], "unknown": 1})
        assert refused(model, {**VALID[model], "": None})

    @pytest.mark.parametrize("model", VALID, ids=lambda model: model.__name__)
    def test_each_field_that_is_asked_for_is_missed(self, model: type[BaseModel]):
        for name, field in model.model_fields.items():
            if field.is_required():
                assert refused(model, {key: value for key, value in VALID[model].items() if key != name})

    @pytest.mark.parametrize("model", VALID, ids=lambda model: model.__name__)
    @pytest.mark.parametrize("value", [None, [], "text", 1])
    def test_what_is_no_object_is_refused(self, model: type[BaseModel], value: object):
        assert refused(model, value)

    @pytest.mark.parametrize(
        ("model", "path"),
        [
            (BatchRequest, ("items", 0)),
            (engine_link.ClaimRequest, ("announce",)),
            (engine_link.HeartbeatRequest, ("stats",)),
            (engine_link.AppendRequest, ("items", 0)),
            (engine_link.LogChunk, ("lines", 0)),
        ],
    )
    def test_an_unknown_field_is_refused_inside_as_well(self, model: type[BaseModel], path: tuple[Any, ...]):
        value: Any = _copy(VALID[model])
        inner = value
        for step in path:
            inner = inner[step]
        inner["unknown"] = 1
        assert refused(model, value)

    def test_a_request_cannot_be_changed_after_it_was_checked(self):
        draft = JobDraft.model_validate(DRAFT)
        with pytest.raises(ValidationError):
            draft.priority = 1


class TestAnswers:
    @pytest.mark.parametrize("model", of(Answer, jobs, signin, pairing, people, admin, engine_link), ids=lambda model: model.__name__)
    def test_no_answer_refuses_what_a_newer_gateway_adds(self, model: type[BaseModel]):
        assert model.model_config["extra"] == "ignore"

    def test_an_older_client_reads_a_newer_job(self):
        answer = JobAnswer.model_validate({"job": {**SHOWN, "colour": "blue"}, "colour": "red"})
        assert answer == JobAnswer(job=Job.model_validate(SHOWN))

    def test_what_may_be_absent_is_none(self):
        job = Job.model_validate(SHOWN)
        assert (job.run_at, job.error, job.progress, job.cancel_requested) == (None, None, None, False)
        assert JobPage.model_validate({"jobs": []}).next is None

    def test_a_token_of_an_engine_stays_out_of_repr(self):
        assert "secret" not in repr(admin.EngineAdded(id="abcd", name="lab", token="secret"))


class TestDefaults:
    def test_a_plain_draft_asks_for_what_the_protocol_says(self):
        draft = JobDraft.model_validate(DRAFT)
        assert (draft.priority, draft.max_attempts, draft.timeout_s) == (3, 3, 300.0)
        assert (draft.payload, draft.run_at, draft.expires_in) == (None, None, None)

    def test_a_plain_claim_waits_as_long_as_it_may(self):
        assert engine_link.ClaimRequest.model_validate(CLAIM).wait_ms == 25_000

    def test_a_plain_purge_takes_all_final_states(self):
        assert set(PurgeRequest().states) == FINAL_STATES


BORDERS: list[tuple[type[BaseModel], str, list[Any], list[Any]]] = [
    (JobDraft, "priority", [1, 5], [0, 6, -1, 2.5, 3.0, "3", True, None]),
    (JobDraft, "max_attempts", [1, 100], [0, 101, 1.0, "1", True, None]),
    (JobDraft, "timeout_s", [0.001, 86_400, 86_400.0], [0, -1, 86_400.001, math.nan, math.inf, None, "long"]),
    (JobDraft, "expires_in", [0.001, 31_622_400, None], [0, -1, 31_622_401, math.nan, math.inf, "soon"]),
    (JobDraft, "engine", ["a", "0", "a" * 63, "a-b"], ["", "a" * 64, "-a", "A", "a_b", "a b", "a\n", "é", None, 1]),
    (JobDraft, "kind", ["a", "a" * 64, "a0_.-"], ["", "a" * 65, "A", "0a", ".a", "a/b", "a b", "a\n", None]),
    (
        JobDraft,
        "payload",
        [None, 0, "", [], {}, {"a": [1.5, None, {"b": False}]}],
        [math.nan, math.inf, [math.inf], {"a": math.nan}, object()],
    ),
    (JobDraft, "run_at", ["2026-01-01T00:00:00Z", None], ["2026-01-01", "now", 0, ""]),
    (jobs.BatchItem, "idempotency_key", ["k", "!", "~", "k" * 255], ["", "k" * 256, "a b", "a\n", "\x7f", "é", None, 1]),
    (BatchRequest, "items", [[VALID[jobs.BatchItem]] * n for n in (1, 500)], [[], [VALID[jobs.BatchItem]] * 501, None, {}]),
    (PurgeRequest, "states", [["dead"], list(JobState)], [[], ["gone"], None, "dead"]),
    (PurgeRequest, "finished_before", [None, "2026-01-01T00:00:00+01:00"], ["2026-01-01T00:00:00", 0]),
    (people.OfferMake, "name", ["n" * 63, "Ann B. 2"], ["", "n" * 64, " Ann", "A\nB", None, 1]),
    (pairing.PairClaim, "device_name", ["n" * 64, "Änns Händy \U0001f600"], ["", "n" * 65, "a\nb", "\u202eevil", None]),
    (pairing.PairClaim, "code", ["0" * 26, "abcde-fghjk-mnpqr-stvwx-yz0123"], ["0" * 25, "0" * 41, "0" * 25 + "_"]),
    (people.OfferApprove, "digits", ["000000"], ["00000", "0000000", "12345a", "１２３４５６", 123456]),
    (admin.AdminTokenRequest, "scopes", [["audit:read", "keys:rotate"]], [[], ["*"], ["all"], ["audit"], "audit:read"]),
    (signin.ApprovalRequest, "path", ["/api/v1/a:b"], ["/admin/v1/x", "/api/v1/", "/api/v1/x?y", "/api/v1/\n"]),
    (engine_link.Announce, "version", ["", "v" * 64], ["v" * 65, None]),
    (engine_link.Announce, "slots", [0, 4096], [-1, 4097, 1.5, None]),
    (engine_link.Announce, "kinds", [[], ["k"] * 256], [["k"] * 257, ["K"], [""], "k", None]),
    (engine_link.Held, "token", [HEX_32], [HEX_32[:-1], HEX_32 + "0", HEX_32.upper(), HEX_32 + "\n", "", None]),
    (engine_link.Held, "job", [JOB], [JOB.upper(), JOB + "\n", JOB[5:], "", None]),
    (engine_link.Phase, "name", ["run", "GET example.org", "x" * 64], ["", "x" * 65, "\x1b[2J", "\u00e9", None]),
    (engine_link.Phase, "began_ms", [0, 0.5], [-0.001, math.nan, math.inf, None]),
    (engine_link.Phase, "took_ms", [0, 0.5], [-0.001, math.nan, math.inf, None]),
    (engine_link.FinishReport, "phases", [[], [PHASE] * 32], [[PHASE] * 33, None]),
    (engine_link.FinishReport, "traceparent", [None, "00-" + "1" * 52], ["0" * 257, 1]),
    (engine_link.Failure, "code", ["", "c" * 64], ["c" * 65, None]),
    (engine_link.Failure, "message", ["", "m" * 4096], ["m" * 4097, None]),
    (engine_link.Failure, "retry_after_s", [0, 0.5, 86_400, None], [-0.001, 86_400.1, math.nan, math.inf]),
    (engine_link.FinishRequest, "outcome", ["succeeded", "failed", "refused", "given_back"], ["", "SUCCEEDED", "dead", None]),
    (engine_link.FinishRequest, "result", [None, 0, {"a": [1]}], [math.nan, [math.inf]]),
    (engine_link.ClaimRequest, "max", [0, 256], [-1, 257, 1.5, None]),
    (engine_link.ClaimRequest, "wait_ms", [0, 25_000], [-1, 25_001, 0.5, None]),
    (engine_link.ClaimRequest, "instance", [HEX_32], ["i-1", HEX_32[1:], HEX_32.upper(), None]),
    (engine_link.ClaimRequest, "attempt_id", [HEX_32], ["a-1", HEX_32[1:], HEX_32.upper(), None]),
    (engine_link.ClaimRequest, "finished", [[], [FINISH] * 256], [[FINISH] * 257, [HELD], None]),
    (engine_link.ClaimRequest, "running", [[], [HELD] * 4096], [[HELD] * 4097, [FINISH], None]),
    (engine_link.HeartbeatRequest, "leases", [[], [HELD] * 4096], [[HELD] * 4097, [{}], None]),
    (engine_link.ScalingChange, "reason", ["+1 because", "r" * 256], ["", "r" * 257, "\x1b[2J", "two\nlines", None]),
    (engine_link.ScalingChange, "at", ["2026-01-01T00:00:00.000001Z"], ["now", "2026-01-01", None]),
    (engine_link.Scaling, "reason", ["r", None], ["", "\x1b[2J", "r\n"]),
    (engine_link.Scaling, "aim", ["below", "within", "above", None], ["", "high"]),
    (engine_link.Scaling, "least", [1], [0, None]),
    (engine_link.Scaling, "utilisation", [0, 1, None], [-0.001, 1.001, math.nan]),
    (engine_link.Scaling, "start_delay_p95_ms", [0, 1e6, None], [-1, math.inf]),
    (engine_link.InstanceStats, "slots", [0, 10**6], [-1, None]),
    (engine_link.InstanceStats, "busy", [0], [-1, None]),
    (engine_link.InstanceStats, "spooled", [0], [-1, None]),
    (engine_link.OutputChunk, "offset", [0, 2**40], [-1, 0.5, None]),
    (engine_link.OutputChunk, "text", ["", "x" * limits.MIB], ["x" * (limits.MIB + 1), None]),
    (engine_link.LogLine, "message", ["", "m" * 8192], ["m" * 8193, None]),
    (engine_link.LogLine, "level", ["debug", "info", "warning", "error"], ["critical", "INFO", "", None]),
    (engine_link.LogChunk, "offset", [0], [-1, None]),
    (engine_link.LogChunk, "lines", [[LINE], [LINE] * 1000], [[], [LINE] * 1001, None]),
    (engine_link.Append, "progress", [0, 0.5, 1, None], [-0.001, 1.001, math.nan, math.inf]),
    (engine_link.AppendRequest, "items", [[APPEND], [APPEND] * 256], [[], [APPEND] * 257, None]),
]


@pytest.mark.parametrize(("model", "field", "inside", "beyond"), BORDERS, ids=lambda value: getattr(value, "__name__", None))
def test_a_field_takes_what_is_inside_its_border_and_refuses_what_is_beyond(model: type[BaseModel], field: str, inside: list, beyond: list):
    for value in inside:
        model.model_validate({**VALID[model], field: value})
    for value in beyond:
        assert refused(model, {**VALID[model], field: value}), f"{field}={value!r:.80}"


SCALARS: list[tuple[Any, list[str], list[str]]] = [
    (
        Timestamp,
        [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.1Z",
            "2026-01-01T00:00:00.123456789Z",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01T00:00:00.5-11:30",
        ],
        [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00,5Z",
            "2026-01-01T00:00Z",
            "20260101T000000Z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+01",
            "2026-W01-1T00:00:00Z",
            "2026-01-01T00:00:00Z\n",
            " 2026-01-01T00:00:00Z",
            "12026-01-01T00:00:00Z",
        ],
    ),
    (Word, ["a", "echo", "http.get", "a" * 64], ["", "A", "1a", "a" * 65, "a b", "a\n"]),
    (EngineId, ["abcd", "0" * 26], ["abc", "a" * 27, "ABCD", "ab-cd", "abcd\n"]),
    (NewEngineName, ["a", "lab-1", "many"], ["any", "", "Lab"]),
    (EngineName, ["a", "lab-1", "a" * 63], ["", "-a", "a" * 64, "Lab", "a_b", "a\n"]),
    (InstanceId, [HEX_32], [HEX_32[1:], HEX_32 + "0", HEX_32.upper()]),
    (AttemptId, [HEX_32], [HEX_32[1:], HEX_32 + "0", HEX_32.upper()]),
    (LeaseToken, [HEX_32], [HEX_32[1:], HEX_32 + "0", HEX_32.upper()]),
    (Traceparent, ["", "garbage is replaced, never an error", "x" * 256], ["x" * 257]),
]


@pytest.mark.parametrize(("scalar", "good", "bad"), SCALARS)
def test_a_scalar_is_exactly_of_its_form(scalar: Any, good: list[str], bad: list[str]):
    adapter = TypeAdapter(scalar)
    for text in good:
        assert adapter.validate_python(text) == text
    for text in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


def test_a_timestamp_is_written_in_ascii_digits():
    with pytest.raises(ValidationError):
        TypeAdapter(Timestamp).validate_python("\N{ARABIC-INDIC DIGIT TWO}026-01-01T00:00:00Z")


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value

"""The page of `flowork status`."""

from typing import Any

from app.commands.status import render
from contract.admin import AuditStatus, EngineStatus, GatewayStatus, InstanceStatus, Percentiles, SecretsStatus
from contract.engine_link import Scaling, ScalingChange
from contract.levels import Counts, Levels, LevelView

NO_DELAYS = Percentiles(count=0, p50=None, p95=None, p99=None)


def instance(slots: int = 4, busy: int = 0) -> InstanceStatus:
    return InstanceStatus(instance="0" * 32, version="1", slots=slots, busy=busy, kinds=["echo"], seconds_since_seen=1.0)


def engine(**changes: Any) -> EngineStatus:
    values = {
        "id": "aaaa",
        "name": "home",
        "state": "down",
        "scheduled": 0,
        "queued": 0,
        "running": 0,
        "start_delay_ms": NO_DELAYS,
        "instances": [],
    }
    return EngineStatus(**{**values, **changes})


def page(*engines: EngineStatus, **changes: Any) -> list[str]:
    values = {
        "version": "1.2.3",
        "gateway_id": "gate",
        "gateway_key": "k",
        "address": "http://127.0.0.1:7717",
        "state": "ready",
        "users": 2,
        "secrets": SecretsStatus(kind="keyring (Secret Service)", state="open", insecure=False),
        "audit": AuditStatus(checked_at=None, intact=None, alarms=[]),
    }
    return render(GatewayStatus(**{**values, "engines": list(engines), **changes})).split("\n")


def test_the_head_tells_version_state_address_and_how_many_users():
    lines = page()
    assert lines[0] == "Flowork 1.2.3   ready   http://127.0.0.1:7717"
    assert lines[1] == "2 users"
    assert page(users=1)[1] == "1 user"
    assert page(state="draining")[0] == "Flowork 1.2.3   draining   http://127.0.0.1:7717"


def test_with_nobody_paired_it_says_how_to_let_somebody_in():
    assert page(users=0)[1] == "Nobody is paired yet: flowork pair, or flowork login for this command line"


def test_each_instance_has_a_row_and_silent_ones_lend_no_slots():
    up = instance(4, 1).model_copy(update={"lag_ms": 3.2, "instance": "ab" * 16})
    lines = page(engine(running=1, instances=[up, instance(8).model_copy(update={"state": "silent"})]))
    assert lines[4].split()[2] == "1/4"
    assert lines[6].split() == ["INSTANCE", "ENGINE", "STATE", "BUSY", "HEARD", "LAG", "VERSION"]
    assert lines[7].split() == ["abababab", "home", "up", "1/4", "1", "s", "ago", "3", "ms", "1"]
    assert lines[8].split() == ["00000000", "home", "silent", "0/8", "1", "s", "ago", "-", "1"]


def test_a_deaf_instance_and_a_wrong_clock_are_told_with_what_to_do():
    trouble = [
        instance().model_copy(update={"state": "deaf"}),
        instance().model_copy(update={"clock_off_s": -120.4}),
        instance().model_copy(update={"clock_off_s": 4.9}),
        instance().model_copy(update={"clock_off_s": 5.1}),
    ]
    alarms = [line for line in page(engine(instances=trouble)) if line.startswith("!")]
    assert len(alarms) == 3
    assert "is deaf" in alarms[0]
    assert "120 s behind" in alarms[1]
    assert "5 s ahead" in alarms[2]


def test_the_promises_stand_beside_what_was_measured_and_a_burning_one_is_an_alarm():
    counts = Counts(answers=0, answers_5xx=0, succeeded=0, failed=0, refused=0, cancelled=0, expired=0)
    found = [
        LevelView(slo="start_delay", value=12.3456, target=500.0, state="met"),
        LevelView(slo="error_rate", value=0.025, target=0.01, state="burning", budget_left=-1.5),
        LevelView(slo="availability", value=None, target=0.999, state="unknown"),
    ]
    lines = page(levels=Levels(levels=found, counts=counts, utilisation=None))
    assert [line.split() for line in lines[5:9]] == [
        ["SERVICE", "LEVEL", "MEASURED", "TARGET", "STATE", "BUDGET", "LEFT"],
        ["start", "delay", "p95", "12.346", "ms", "500", "ms", "met", "-"],
        ["error", "rate", "2.5", "%", "1", "%", "burning", "-150", "%"],
        ["availability", "(month)", "-", "99.9", "%", "unknown", "-"],
    ]
    assert lines[-1] == "! error rate is 2.5 %; the target is 1 %."


def test_without_engines_only_the_head_of_the_table_stands():
    lines = page()
    assert len(lines) == 4
    assert lines[3].split() == ["ENGINE", "STATE", "BUSY", "QUEUED", "SCHEDULED", "START", "DELAY", "p50/p95", "(15", "min)"]


def test_several_engines_stand_in_columns_in_the_order_given():
    delays = Percentiles(count=12, p50=1.04, p95=20.96, p99=30.0)
    lines = page(
        engine(
            name="home", state="up", queued=3, running=5, scheduled=1, start_delay_ms=delays, instances=[instance(4, 3), instance(2, 2)]
        ),
        engine(name="lab", queued=10_000),
        engine(name="den", state="unavailable", reason="bbbb.db is damaged"),
    )
    assert [line.split() for line in lines[4:7]] == [
        ["home", "up", "5/6", "3", "1", "1.0", "/", "21.0", "ms", "(12", "jobs)"],
        ["lab", "down", "0/0", "10000", "0", "no", "job", "yet"],
        ["den", "unavailable", "0/0", "0", "0", "no", "job", "yet"],
    ]
    end = lines[3].index("QUEUED") + len("QUEUED")
    assert [line[:end].split()[-1] for line in lines[4:7]] == ["3", "10000", "0"]  # right under their heading


def test_why_an_engine_is_unavailable_stands_below_the_table():
    lines = page(engine(name="den", state="unavailable", reason="bbbb.db is damaged"), engine(name="lab"))
    assert lines[6:] == ["", "den: bbbb.db is damaged. The file was left untouched."]


def test_a_delay_of_zero_is_a_measurement():
    assert page(engine(start_delay_ms=Percentiles(count=1, p50=0.0, p95=0.0, p99=0.0)))[4].endswith("0.0 / 0.0 ms (1 job)")


def test_unencrypted_secrets_wear_a_badge_that_stays():
    lines = page(secrets=SecretsStatus(kind="files in the clear", state="open", insecure=True))
    assert lines[-1] == "! Secrets are stored UNENCRYPTED (--insecure-storage). Encrypt them with: flowork secrets move"


def test_a_locked_keyring_and_the_audit_logs_alarms_are_told():
    told = page(
        secrets=SecretsStatus(kind="keyring (Secret Service)", state="locked", insecure=False),
        audit=AuditStatus(checked_at=None, intact=False, alarms=["The audit log is NOT whole."]),
    )
    assert [line for line in told if line.startswith("!")] == [
        "! The keyring (Secret Service) is locked: flowork secrets unlock",
        "! The audit log is NOT whole.",
    ]


def scaled(**changes: Any) -> EngineStatus:
    scaling = Scaling(**{"automatic": True, "least": 1, "most": 16, **changes})
    return engine(instances=[instance(5).model_copy(update={"scaling": scaling})])


def test_an_instance_says_how_it_chooses_its_slots_and_why_it_changed_them_last():
    change = ScalingChange(at="2026-01-01T00:00:00.000000Z", before=4, after=5, reason="+1 because of this")
    said = page(scaled(change=change, utilisation=0.71, aim="within"))
    assert said[-1] == "  slots 5 of 1..16 (auto): +1 because of this; 71 % busy, within 65-80 %"


def test_a_new_instance_and_one_with_fixed_slots_have_less_to_say():
    assert page(scaled())[-1] == "  slots 5 of 1..16 (auto)"
    assert page(scaled(automatic=False, least=5, most=5, utilisation=0.05))[-1] == "  slots 5 (fixed); 5 % busy"


def test_what_the_last_window_led_to_is_told_when_it_is_not_the_change_itself():
    change = ScalingChange(at="2026-01-01T00:00:00.000000Z", before=4, after=5, reason="+1 because of this")
    assert page(scaled(change=change, reason=change.reason))[-1].endswith("(auto): +1 because of this")
    assert page(scaled(change=change, reason="more are needed"))[-1].endswith("(auto): +1 because of this; now more are needed")
    assert page(scaled(reason="more are needed"))[-1].endswith("(auto); now more are needed")


def test_an_instance_that_has_not_told_has_no_line_of_its_own():
    assert page(engine(instances=[instance(5)]))[-1].startswith("00000000")

"""`contract.ids`: the engine is read from the job's id, and nothing that only looks like one gets through."""

import random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contract.ids import job_id, split_job_id
from contract.wire import JobId
from kit.ids import uuid7

SAME = settings(deadline=None, derandomize=True)
ENGINES = st.from_regex(r"\A[a-z0-9]{4,26}\Z")
UUIDS = st.builds(lambda wall, seed: uuid7(wall, random.Random(seed).randbytes), st.integers(0, 2**48 * 1000 - 1), st.integers())
UUID_7 = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
WIRE = TypeAdapter(JobId)


@SAME
@given(ENGINES, UUIDS)
def test_engine_and_uuid_come_back_from_a_composed_id(engine: str, uuid: UUID):
    text = job_id(engine, uuid)
    assert split_job_id(text) == (engine, uuid)
    assert WIRE.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        UUID_7,
        f"_{UUID_7}",
        f"abc_{UUID_7}",
        f"{'a' * 27}_{UUID_7}",
        f"ABCD_{UUID_7}",
        f"ab-d_{UUID_7}",
        f"ab_cd_{UUID_7}",
        f"abcd-{UUID_7}",
        f"abcd{UUID_7}",
        f"abcd__{UUID_7}",
        f"abcd_{UUID_7.upper()}",
        f"abcd_{UUID_7.replace('-', '')}",
        f"abcd_{{{UUID_7}}}",
        f"abcd_urn:uuid:{UUID_7}",
        f"abcd_{UUID_7[:-1]}",
        f"abcd_{UUID_7}0",
        f"abcd_{UUID_7[:-1]}g",
        f"abcd_{UUID_7.replace('-7cc3', '-4cc3')}",
        f"abcd_{UUID_7.replace('-98c4', '-18c4')}",
        f"abcd_{UUID_7.replace('-98c4', '-c8c4')}",
        f"abcd_{UUID_7}\n",
        f" abcd_{UUID_7}",
        f"abcd_{UUID_7} ",
        f"abc\N{ARABIC-INDIC DIGIT ONE}_{UUID_7}",
        f"../abcd_{UUID_7}",
    ],
)
def test_what_is_no_job_id_is_none_and_the_wire_refuses_it_too(text: str):
    assert split_job_id(text) is None
    with pytest.raises(ValidationError):
        WIRE.validate_python(text)


@SAME
@given(st.text(max_size=80) | st.from_regex(r"[a-z0-9]{3,27}_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"))
def test_the_wire_and_the_splitter_agree_on_every_text(text: str):
    try:
        WIRE.validate_python(text)
    except ValidationError:
        assert split_job_id(text) is None
    else:
        assert split_job_id(text) is not None

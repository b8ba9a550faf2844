"""`contract.errors`: a failure is the same failure on the other side of the border."""

import inspect
import json
import re

import pytest

from contract import errors
from contract.errors import REGISTRY, FloworkError, JobNotFound, QueueFull, StorageFull, from_problem
from contract.jobs import Problem

LEAVES = sorted(REGISTRY.values(), key=lambda kind: kind.code)
LOCAL = {"host.data_folder_in_use", "link.gateway_unreachable"}
"""Raised and caught on one machine; no gateway ever sends them."""


@pytest.fixture(params=LEAVES, ids=lambda kind: kind.code)
def kind(request: pytest.FixtureRequest) -> type[FloworkError]:
    return request.param


class TestRegistry:
    def test_no_two_classes_share_a_code(self):
        classes = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, FloworkError)]
        codes = [value.code for value in classes]
        assert sorted(codes) == sorted(set(codes))
        assert set(codes) - {FloworkError.code} == set(REGISTRY)

    def test_every_class_is_found_by_its_own_code(self, kind):
        assert REGISTRY[kind.code] is kind
        assert kind.__dict__["code"] == kind.code

    def test_a_code_is_two_lower_case_words(self, kind):
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind.code)

    def test_every_class_is_a_failure_with_words_of_its_own_for_a_person(self, kind):
        assert 400 <= kind.status <= 599
        assert kind.title
        assert not kind.title.endswith(".")
        assert kind.advice.endswith(".")
        assert kind.advice != FloworkError.advice

    def test_whoever_should_come_back_is_told_when(self, kind):
        if kind.status in {429, 503} and kind.code not in LOCAL:
            assert kind().problem()["retry_after"] >= 1


class TestRoundTrip:
    def test_a_bare_failure_comes_back_as_itself(self, kind):
        error = kind()
        again = from_problem(json.loads(json.dumps(error.problem())), error.status)
        assert type(again) is kind
        assert again.problem() == error.problem()

    def test_a_failure_with_everything_comes_back_as_itself(self, kind):
        error = kind("What happened: Grüße.", retry_after_s=7, field="a", count=3, share=0.5, late=True)
        again = from_problem(json.loads(json.dumps(error.problem("r-1"))), error.status)
        assert type(again) is kind
        assert (again.detail, again.retry_after_s, again.extra) == (error.detail, 7, error.extra)
        assert again.problem("r-1") == error.problem("r-1")

    def test_a_problem_fits_the_published_model(self, kind):
        document = kind(retry_after_s=2).problem("r-1")
        assert Problem.model_validate(document).model_dump() == document


class TestProblem:
    def test_detail_is_the_advice_unless_more_is_known(self):
        assert JobNotFound().problem()["detail"] == JobNotFound.advice
        assert JobNotFound("").problem()["detail"] == JobNotFound.advice
        assert JobNotFound("It went.").problem()["detail"] == "It went."

    def test_what_does_not_apply_is_left_out(self):
        assert JobNotFound().problem() == {
            "type": "about:blank",
            "title": JobNotFound.title,
            "status": 404,
            "code": "job.not_found",
            "detail": JobNotFound.advice,
        }

    @pytest.mark.parametrize(("asked", "told"), [(0, 1), (0.2, 1), (1, 1), (1.000001, 2), (59.5, 60), (60, 60)])
    def test_a_wait_is_whole_seconds_and_never_too_short(self, asked: float, told: int):
        assert QueueFull(retry_after_s=asked).problem()["retry_after"] == told

    def test_a_wait_that_is_known_wins_over_the_usual_one(self):
        assert StorageFull().retry_after_s == 30
        assert StorageFull(retry_after_s=2).retry_after_s == 2

    def test_the_text_of_a_failure_names_its_code(self):
        assert str(QueueFull("No room.")) == "queue.full: No room."


class TestFromProblem:
    def test_an_unknown_code_keeps_code_status_title_and_detail(self):
        error = from_problem({"code": "new.thing", "title": "New", "detail": "It happened.", "retry_after": 4, "hint": "x"}, 418)
        assert type(error) not in LEAVES
        assert (error.code, error.status, error.title, error.detail, error.retry_after_s) == ("new.thing", 418, "New", "It happened.", 4)
        assert error.extra == {"hint": "x"}

    def test_an_unknown_code_does_not_enter_the_registry(self):
        from_problem({"code": "new.thing"}, 418)
        assert "new.thing" not in REGISTRY
        assert FloworkError.code == "internal.error"

    @pytest.mark.parametrize(
        "document", [{}, {"title": "Bad Gateway"}, {"code": None}, {"code": 7}, {"code": ["queue.full"]}, {"code": {}}]
    )
    def test_without_a_code_the_status_is_one(self, document):
        error = from_problem(document, 502)
        assert (error.code, error.status) == ("http.502", 502)

    @pytest.mark.parametrize("detail", [None, "", 0, {}, []])
    def test_without_a_detail_the_advice_stands_in(self, detail):
        assert from_problem({"code": "queue.full", "detail": detail}, 429).detail == QueueFull.advice

    @pytest.mark.parametrize("retry_after", [None, "5", 2.5, [], {}])
    def test_a_wait_that_is_no_number_of_seconds_is_not_believed(self, retry_after):
        assert from_problem({"code": "job.not_found", "retry_after": retry_after}, 404).retry_after_s is None

    def test_members_that_are_no_scalars_are_dropped(self):
        error = from_problem({"code": "queue.full", "a": [1], "b": {"c": 1}, "d": None, "e": "kept"}, 429)
        assert error.extra == {"e": "kept"}

    @pytest.mark.parametrize("member", ["self", "retry_after_s"])
    def test_no_member_of_a_strange_problem_causes_another_error(self, member: str):
        assert type(from_problem({"code": "queue.full", member: 1}, 429)) is QueueFull

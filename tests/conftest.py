"""For every suite."""

import logging
from collections.abc import Generator, Iterator

import pytest

from tests.support.log_lines import PROGRAMS, Held


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """xdist carries reports as UTF-8, and a captured log may hold what is none (a job's words with a lone surrogate): write it escaped."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True, scope="session")
def _last_log_lines_keep_to_the_schema() -> Iterator[None]:
    """Also those of programs that outlived their last test."""
    yield
    found = PROGRAMS.mistakes()
    assert not found, "\n".join(found[:20])


@pytest.fixture(autouse=True)
def _log_lines_keep_to_the_schema() -> Iterator[None]:
    """Every line of every test, of any level, in this process and in the programs it starts: docs/log-line.schema.json."""
    held, root, ours = Held(), logging.getLogger(), logging.getLogger("flowork")
    root.addHandler(held)
    before = ours.level
    ours.setLevel(logging.DEBUG)
    yield
    ours.setLevel(before)
    root.removeHandler(held)
    found = [*held.mistakes, *PROGRAMS.mistakes()]
    assert not found, "\n".join(found[:20])

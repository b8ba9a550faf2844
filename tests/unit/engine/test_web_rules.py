"""`engine.rules.web`: what may be sent where."""

import pytest

from engine.rules.failures import JobFailed
from engine.rules.web import Origin, checked_headers, headers_for, hosts, method_for, too_dense

HERE = Origin("https", "a.test", 443)


@pytest.mark.parametrize("elsewhere", [Origin("http", "a.test", 80), Origin("https", "b.test", 443), Origin("https", "a.test", 8443)])
def test_no_header_that_could_be_a_credential_goes_to_another_origin(elsewhere: Origin):
    sent = {"Authorization": "s", "cookie": "s", "X-Api-Key": "s", "Accept": "text/html", "Content-Type": "text/csv"}
    assert headers_for(sent, HERE, elsewhere) == {"Accept": "text/html", "Content-Type": "text/csv"}
    assert headers_for(sent, HERE, HERE) == sent


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "Proxy-Authorization", "TE"])
def test_a_header_that_belongs_to_the_connection_is_refused(name: str):
    with pytest.raises(JobFailed) as refused:
        checked_headers({"X-Fine": "1", name: "x"})
    assert (refused.value.code, refused.value.retryable) == ("job.payload_invalid", False)


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("GET", 301, ("GET", True)),
        ("HEAD", 303, ("HEAD", True)),
        ("POST", 301, ("GET", False)),
        ("POST", 302, ("GET", False)),
        ("DELETE", 303, ("GET", False)),
        ("POST", 307, ("POST", True)),
        ("PUT", 308, ("PUT", True)),
    ],
)
def test_a_redirect_changes_the_method_as_http_says(method: str, status: int, then: tuple[str, bool]):
    assert method_for(method, status) == then


def test_a_listed_name_is_that_name_at_the_schemes_own_port():
    listed = hosts(("A.test", "b.test:8080", "::1", "[::1]:9000"), ("b.test:8080",))
    allowed = [HERE, Origin("http", "a.test", 80), Origin("http", "b.test", 8080), Origin("http", "::1", 80), Origin("http", "::1", 9000)]
    assert all(listed.allows(origin) for origin in allowed)
    refused = [Origin("https", "a.test", 80), Origin("ftp", "a.test", 21), Origin("http", "b.test", 80), Origin("http", "::1", 8080)]
    assert not any(listed.allows(origin) for origin in refused)
    assert [listed.is_private(origin) for origin in (HERE, Origin("http", "b.test", 8080))] == [False, True]


def test_a_bomb_is_dense_and_a_long_text_is_not():
    assert too_dense(10_000, 9_000_000)
    assert not too_dense(1_000, 1_000_000)
    assert not too_dense(1_000_000, 9_000_000)

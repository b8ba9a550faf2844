"""The gateway's own copy of the GUI: its files and headers, and nothing beside them."""

from pathlib import Path

import pytest

from contract.errors import RouteUnknown
from gateway.http.gui import GuiFiles, headers_of

HEADERS = """# for Cloudflare Pages
/*
  Content-Security-Policy: default-src 'none'; connect-src https: wss:
  X-Content-Type-Options: nosniff
/assets/*
  Cache-Control: public
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>")
    (built / "_headers").write_text(HEADERS)
    (built / "manifest.webmanifest").write_text("{}")
    (built / "assets" / "start-D1mgEalh.js").write_text("import './x.js';")
    (tmp_path / "secret").write_text("not for anybody")
    return built


@pytest.fixture
def files(folder: Path) -> GuiFiles:
    return GuiFiles(folder)


def test_the_page_carries_the_policy_of_its_own_headers_file(files: GuiFiles):
    page = files.answer("", None)
    assert page.body == b"<!doctype html>"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == "default-src 'none'; connect-src https: wss:"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-cache"


def test_what_has_a_hash_in_its_name_is_kept_for_ever(files: GuiFiles):
    script = files.answer("assets/start-D1mgEalh.js", None)
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert files.answer("manifest.webmanifest", None).headers["content-type"] == "application/manifest+json"


@pytest.mark.parametrize("said", ["{}", "W/{}", '"other", {}', '"other",W/{}'])
def test_what_the_browser_has_is_not_sent_again(files: GuiFiles, said: str):
    etag = files.answer("", None).headers["etag"]
    again = files.answer("", said.format(etag))
    assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", etag)
    assert files.answer("", '"other"').status_code == 200


def test_only_what_was_built_is_there(files: GuiFiles):
    for path in ("_headers", "../secret", "assets/../../secret", "/etc/passwd", "assets", "assets/", "index.html\0", "INDEX.HTML"):
        with pytest.raises(RouteUnknown):
            files.answer(path, None)


def test_headers_hold_only_for_every_path():
    assert headers_of(HEADERS) == {
        "Content-Security-Policy": "default-src 'none'; connect-src https: wss:",
        "X-Content-Type-Options": "nosniff",
    }

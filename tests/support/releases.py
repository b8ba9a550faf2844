"""A maker of releases, and the place where they lie: real keys, real HTTPS, and every way in which either may be bad."""

import contextlib
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.update import PAYLOAD_TYPE, pae, render_envelope
from contract.update_address import MANIFEST_NAME
from tests.support.certificates import certificates


class Key:
    """A release key."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw().hex()

    def sign(self, payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
        return self._private.sign(pae(payload_type, payload))


def at(days: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def a_file(content: bytes, name: str = "Flowork.AppImage", platform: str = "linux-x64", kind: str = "appimage") -> dict[str, Any]:
    return {"platform": platform, "kind": kind, "name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def a_manifest(*files: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A good one, but for what is given; None leaves a member out."""
    told = {"product": "flowork", "version": "9.0.0", "released_at": at(-1), "expires_at": at(30), "files": list(files), **other}
    return {name: value for name, value in told.items() if value is not None}


def signed(manifest: dict[str, Any] | bytes, *keys: Key) -> bytes:
    payload = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return render_envelope(payload, {str(number): key.sign(payload) for number, key in enumerate(keys)})


@dataclass
class Answered:
    """One request that came."""

    path: str
    headers: dict[str, str]


@dataclass
class Site:
    """Serves `files` by path; a function in their place answers by itself."""

    url: str
    authority: Path | None
    files: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[Answered] = field(default_factory=list)
    ranges: bool = True

    @property
    def manifest_url(self) -> str:
        return f"{self.url}/{MANIFEST_NAME}"

    def publish(self, manifest: dict[str, Any] | bytes, *keys: Key, **files: bytes) -> None:
        self.files[f"/{MANIFEST_NAME}"] = signed(manifest, *keys)
        self.files |= {f"/{name}": content for name, content in files.items()}

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]


@contextlib.contextmanager
def site(folder: Path | None) -> Iterator[Site]:
    """An HTTPS server for `localhost`; programs believe it with `SSL_CERT_FILE`. Without a folder for certificates, one of plain HTTP."""
    authority = None if folder is None else certificates(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append(Answered(self.path, dict(self.headers)))
            content = made.files.get(self.path)
            self.close_connection = True
            if content is None:
                self.send_error(404)
            elif callable(content):
                content(self)
            else:
                whole(self, content, ranges=made.ranges)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if folder is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "front.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    made = Site(f"{'http' if folder is None else 'https'}://localhost:{server.server_port}", authority)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="releases")
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def whole(handler: BaseHTTPRequestHandler, content: bytes, *, ranges: bool = True) -> None:
    """All of it, or from where it is asked for."""
    asked = handler.headers.get("Range", "")
    begin = int(asked.removeprefix("bytes=").rstrip("-")) if ranges and asked else 0
    handler.send_response(206 if begin else 200)
    if begin:
        handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - begin))
    handler.end_headers()
    handler.wfile.write(content[begin:])


def cut(content: bytes, after: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Promises all, and hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:after])

    return answer


def held_open(content: bytes, after: int, leave: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    """Sends so much, then waits."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        cut(content, after)(handler)
        handler.wfile.flush()
        leave.wait()

    return answer


def elsewhere(where: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A redirect."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", where)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def a_setup(data: Path, told: Path) -> bytes:
    """One (a shell script) that writes down with which flags it was started, and whether a Flowork served this data folder then."""
    lock = data / "run" / "flowork.lock"
    return f"""\
if flock -n {lock} true; then how="nobody served"; else how="it served"; fi
echo "$*: $how" > {told}.part && mv {told}.part {told}
""".encode()

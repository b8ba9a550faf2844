"""Who listens on a port that Flowork wants. Only looks: nobody is ever stopped."""

import contextlib
import ipaddress
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psutil


class Who(StrEnum):
    """What kind of program it is."""

    SELF = "self"
    FLOWORK = "flowork"
    """Another one, of this person."""
    FOREIGN = "foreign"
    UNKNOWN = "unknown"
    """The system does not tell, because it belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The program that listens there."""

    who: Who
    pid: int | None = None
    name: str = ""

    def in_words(self, host: str, port: int) -> str:
        """One sentence."""
        match self.who:
            case Who.SELF:
                return f"This Flowork itself listens on {host}:{port} already."
            case Who.FLOWORK:
                return f"Another Flowork (process {self.pid}) listens on {host}:{port}, for another data folder."
            case Who.FOREIGN:
                return f"{self.name} (process {self.pid}) listens on {host}:{port}; Flowork leaves it alone."
            case Who.UNKNOWN:
                return f"A program of another user, or of the system, listens on {host}:{port}."


def advice(port: int) -> str:
    """What to do about it, in one sentence."""
    return f"Stop that program, or give Flowork another port: [gateway] port = {port + 1} in config.toml, or --port {port + 1}."


Connections = Callable[[], Iterable[Any]]


def holder(host: str, port: int, connections: Connections | None = None) -> Holder | None:
    """Who listens on a port of an address of this machine; None when nobody does. Takes some 10 ms, more on busy machines."""
    mine, unknown = _address(host), False
    for each in (connections or _listening)():
        if each.status != psutil.CONN_LISTEN or not each.laddr or each.laddr.port != port or not _covers(each.laddr.ip, mine):
            continue
        if each.pid is not None:
            return _named(each.pid)
        unknown = True
    return Holder(Who.UNKNOWN) if unknown else None


def _listening() -> Iterable[Any]:
    """Of every program where the system lets; else of this person's."""
    try:
        return list(psutil.net_connections("tcp"))
    except psutil.AccessDenied:  # macOS tells only of one process at a time
        return list(_of_mine())


def _of_mine() -> Iterable[Any]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                yield _Seen(each.status, each.laddr, process.pid)


@dataclass(frozen=True, slots=True)
class _Seen:
    status: str
    laddr: Any
    pid: int


def _named(pid: int) -> Holder:
    if pid == os.getpid():
        return Holder(Who.SELF, pid)
    try:
        process = psutil.Process(pid)
        name = process.name()
        with contextlib.suppress(psutil.AccessDenied):
            if _is_flowork(process.cmdline()):
                return Holder(Who.FLOWORK, pid, name)
    except psutil.NoSuchProcess:
        return Holder(Who.UNKNOWN)
    except psutil.AccessDenied:
        return Holder(Who.FOREIGN, pid, "A program")
    return Holder(Who.FOREIGN, pid, name)


def _is_flowork(command: list[str]) -> bool:
    """`flowork serve`, `python -m app serve`, or a frozen `flowork`."""
    words = [part.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe") for part in command[:3]]
    return "flowork" in words or any(words[at : at + 2] == ["-m", "app"] for at in range(len(words)))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return ipaddress.ip_address("127.0.0.1")


def _covers(listens: str, wanted: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Does who listens on an address stand in the way of another one? `::` hears IPv4 too, as a rule."""
    at = ipaddress.ip_address(listens.partition("%")[0])
    return at.is_unspecified or at == wanted

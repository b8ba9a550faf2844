"""SIGTERM and SIGINT in a program whose main thread is Qt's.

A Python handler runs only when Python does: in an idle window that can be never. The wake-up descriptor and a notifier make it
one millisecond; Windows has no such descriptor for consoles, so there a timer looks once a second.
"""

import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from PySide6.QtCore import QSocketNotifier, QTimer

LOOK_EVERY_MS = 1000


@contextlib.contextmanager
def told(heard: Callable[[], None]) -> Iterator[None]:
    """Call `heard` on the main thread for each signal to end, for the length of the block."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        QTimer.singleShot(0, heard)

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, handler) for number in numbers]
    with contextlib.ExitStack() as stack:
        if sys.platform == "win32":  # pragma: no cover
            timer = QTimer()
            timer.timeout.connect(lambda: None)
            timer.start(LOOK_EVERY_MS)
            stack.callback(timer.stop)
        else:
            read, write = socket.socketpair()
            stack.callback(read.close)
            stack.callback(write.close)
            read.setblocking(False)
            write.setblocking(False)
            old = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
            stack.callback(signal.set_wakeup_fd, old)
            notifier = QSocketNotifier(read.fileno(), QSocketNotifier.Type.Read)
            notifier.activated.connect(lambda: read.recv(4096))
            stack.callback(notifier.setEnabled, False)
        try:
            yield
        finally:
            for number, handled in zip(numbers, before, strict=True):
                signal.signal(number, handled)

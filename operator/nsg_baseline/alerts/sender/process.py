"""The sender process: reads requests from standard input and forks a child for each, until the input ends.

It has one thread and imports only the modules that all plugins share, so that forking is safe and the memory of a send
is freed with its child. It writes the answers to standard output. Its children have no standard streams.
"""

import contextlib
import gc
import os
import selectors
import signal
from importlib import import_module

from nsg_baseline.alerts.sender import child
from nsg_baseline.alerts.sender.protocol import Answer, Numbered, Request, decode_request, encode

# Imported before the fork, so that children share the modules of all plugins.
import_module("apprise.plugins.custom_json")
_CHUNK = 1 << 16


class SenderProcess:
    """The file descriptors of a sender, and its children by process id."""

    def __init__(self) -> None:
        # Children have no output streams, because a library could print a URL.
        self._requests, self._answers = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        self._ended, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._children: dict[int, int] = {}
        self._buffer = b""

    def run(self) -> None:
        """Process requests until the operator closes the input."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        # Children share the memory that the garbage collector does not modify.
        gc.collect()
        gc.freeze()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._requests, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)
        while self._serve():
            pass
        self._kill_children()

    def _serve(self) -> bool:
        """Handle ready descriptors; return False at the end of the input."""
        ready = {key.fd for key, _ in self._selector.select()}
        if self._ended in ready:
            os.read(self._ended, _CHUNK)
            self._reap()
        if self._requests in ready:
            data = os.read(self._requests, _CHUNK)
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            for line in lines:
                self._fork(decode_request(line))
            return bool(data)
        return True

    def _fork(self, request: Request) -> None:
        sender = os.getpid()
        pid = os.fork()
        if pid:
            self._children[pid] = request.number
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        # A child must not be able to read other requests.
        for descriptor in (self._requests, self._ended, self._wake):
            os.close(descriptor)
        self._buffer = b""
        child.run(request, self._answers, sender)

    def _reap(self) -> None:
        """Write an answer for each child that ended without one."""
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number = self._children.pop(pid)
            if status:
                is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
                answer = Answer("deadline" if is_late else "killed")
                with contextlib.suppress(BrokenPipeError):  # the operator has ended, so the input ends, too
                    os.write(self._answers, encode(Numbered(number, answer)))

    def _kill_children(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)


def main() -> None:
    """Run the sender."""
    SenderProcess().run()

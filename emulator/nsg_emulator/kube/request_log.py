"""The log of all requests, for tests that count them."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_REVIEWS = "/apis/authorization.k8s.io/"


@dataclass(frozen=True, slots=True)
class Logged:
    """One request and the status of its response; 0 for a running watch or a closed connection."""

    method: str
    path: str
    query: str
    agent: str
    status: int
    verb: str

    @property
    def is_write(self) -> bool:
        """Whether the request changes stored objects."""
        return self.method in _WRITES and not self.path.startswith(_REVIEWS)


class RequestLog:
    """The latest requests, and counters of all requests since the last reset.

    Attributes:
        reads: the number of read requests.
        writes: the number of requests to change stored objects.
        listeners: called with each request when it is logged, on the server's thread, so that tests need not poll.
    """

    def __init__(self, size: int = 100_000) -> None:
        """Keep at most `size` requests; the counters are not limited."""
        self._entries: deque[Logged] = deque(maxlen=size)
        self.reads = 0
        self.writes = 0
        self.listeners: list[Callable[[Logged], None]] = []

    def __iter__(self) -> Iterator[Logged]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Logged) -> None:
        """Record a request."""
        self._entries.append(entry)
        if entry.is_write:
            self.writes += 1
        else:
            self.reads += 1
        for listener in self.listeners:
            listener(entry)

    def reset(self) -> None:
        """Remove all entries and reset the counters."""
        self._entries.clear()
        self.reads = self.writes = 0

    def where(self, test: Callable[[Logged], bool]) -> list[Logged]:
        """Return the requests that match, oldest first."""
        return [entry for entry in self._entries if test(entry)]

    def as_json(self) -> dict[str, Any]:
        """Return the response of `/_emulator/requests`."""
        return {"reads": self.reads, "writes": self.writes, "requests": [asdict(entry) for entry in self._entries]}

"""The log of requests to the emulator, with counts."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

KEPT = 20_000
DROPPED = 0


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request.

    Attributes:
        status: The status of the response; 0 if the connection was dropped before it.
        caller: The user or application of the token; empty without a token.
        etag: The value of If-Match; empty if absent.
    """

    at: datetime
    method: str
    path: str
    query: str
    status: int
    etag: str
    user_agent: str
    caller: str


class RequestLog:
    """The last requests, and the number of requests of each kind since the last reset.

    Attributes:
        not_emulated: The number of requests for each `METHOD path` that is not emulated.
        listeners: Called with each new record on the thread of the server, so that tests need not poll.
    """

    def __init__(self) -> None:
        """Create an empty log."""
        self.records: deque[RequestRecord] = deque(maxlen=KEPT)
        self.counts: Counter[tuple[str, int]] = Counter()
        self.not_emulated: Counter[str] = Counter()
        self.listeners: list[Callable[[RequestRecord], None]] = []

    def add(self, record: RequestRecord) -> None:
        """Add a request."""
        self.records.append(record)
        self.counts[record.method, record.status] += 1
        for listener in self.listeners:
            listener(record)

    def reset(self) -> None:
        """Remove all records and counts."""
        self.records.clear()
        self.counts.clear()
        self.not_emulated.clear()

    def total(self, *methods: str) -> int:
        """Return the number of requests with these methods; of all requests without methods."""
        return sum(count for (method, _), count in self.counts.items() if not methods or method in methods)

    def document(self) -> dict[str, Any]:
        """Return the log as JSON."""
        counts = {f"{method} {status}": count for (method, status), count in sorted(self.counts.items())}
        return {"total": self.total(), "counts": counts, "requests": [asdict(record) for record in self.records]}

"""What was asked of the emulator: a record a request, and counts."""

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
        status: Of the answer; 0 when the connection was dropped before it.
        caller: The token's user or application, `""` without a token.
        etag: If-Match, `""` when absent.
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
    """The last requests, and how many of each kind since the last reset.

    Attributes:
        not_emulated: How often each `METHOD path` was asked for that the emulator does not know.
        listeners: Called with each record as it is noted, on the server's thread: tests need not poll.
    """

    def __init__(self) -> None:
        """Empty at first."""
        self.records: deque[RequestRecord] = deque(maxlen=KEPT)
        self.counts: Counter[tuple[str, int]] = Counter()
        self.not_emulated: Counter[str] = Counter()
        self.listeners: list[Callable[[RequestRecord], None]] = []

    def add(self, record: RequestRecord) -> None:
        """Note a request."""
        self.records.append(record)
        self.counts[record.method, record.status] += 1
        for listener in self.listeners:
            listener(record)

    def reset(self) -> None:
        """Forget all."""
        self.records.clear()
        self.counts.clear()
        self.not_emulated.clear()

    def total(self, *methods: str) -> int:
        """How many requests of these methods (of all, when none is named)."""
        return sum(count for (method, _), count in self.counts.items() if not methods or method in methods)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        counts = {f"{method} {status}": count for (method, status), count in sorted(self.counts.items())}
        return {"total": self.total(), "counts": counts, "requests": [asdict(record) for record in self.records]}

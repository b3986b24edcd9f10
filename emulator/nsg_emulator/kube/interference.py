"""Injected faults for tests: error responses, cut connections, silent watches."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from .errors import ApiError

_WORDS = {
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Stream(Protocol):
    """The faults that can be injected into a watch."""

    def mute(self) -> None:
        """Stop sending, but keep the connection."""

    def abort(self) -> None:
        """Close the connection."""


@dataclass(slots=True)
class Trouble:
    """The fault for the next `remaining` requests that match; `happened` counts the affected requests."""

    matches: Callable[[web.Request], bool]
    remaining: int
    error: ApiError | None
    retry_after: int | None = None
    happened: int = 0


@dataclass(slots=True)
class Interference:
    """The faults that are injected now."""

    watches: set[Stream] = field(default_factory=set)
    _troubles: list[Trouble] = field(default_factory=list)

    def fail(
        self, times: int = 1, *, code: int = 500, methods: str = ".*", path: str = "", retry_after: int | None = None
    ) -> Trouble:
        """Respond to the next matching requests with an error, without processing them.

        Args:
            times: number of requests.
            code: the HTTP status.
            methods: a regular expression that matches the whole method.
            path: a regular expression that matches a part of the path; `/_emulator` is never affected.
            retry_after: seconds, for a `Retry-After` header.
        """
        error = ApiError(code, _WORDS.get(code, "InternalError"), f"injected fault: HTTP {code}")
        return self._add(Trouble(_matching(methods, path), times, error, retry_after))

    def drop(self, times: int = 1, *, methods: str = ".*", path: str = "") -> Trouble:
        """Close the connection of the next matching requests, without processing them."""
        return self._add(Trouble(_matching(methods, path), times, None))

    def stop(self) -> None:
        """Remove all injected faults."""
        self._troubles.clear()

    def mute_watches(self) -> int:
        """Stop sending on all open watches, but keep the connections. Return the number of watches."""
        for watch in tuple(self.watches):
            watch.mute()
        return len(self.watches)

    def cut_watches(self) -> int:
        """Close the connections of all open watches. Return the number of watches."""
        open_now = tuple(self.watches)
        for watch in open_now:
            watch.abort()
        return len(open_now)

    def meet(self, request: web.Request) -> Trouble | None:
        """Return the fault for a request and count the request; None without a fault."""
        for trouble in self._troubles:
            if trouble.remaining and trouble.matches(request):
                trouble.remaining -= 1
                trouble.happened += 1
                return trouble
        return None

    def _add(self, trouble: Trouble) -> Trouble:
        self._troubles.append(trouble)
        return trouble


def _matching(methods: str, path: str) -> Callable[[web.Request], bool]:
    method_test, path_test = re.compile(methods), re.compile(path)
    return lambda request: (
        not request.path.startswith("/_emulator")
        and method_test.fullmatch(request.method) is not None
        and path_test.search(request.path) is not None
    )

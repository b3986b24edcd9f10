"""Watch streams: the current state if requested, then all changes, with bookmarks."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from aiohttp import web

from .errors import ApiError
from .history import Change
from .interference import Interference
from .listing import ListQuery, list_page, parse_version
from .replies import shown_object
from .resource import Resource
from .shapes import Obj

BOOKMARK_SECONDS = 10.0
_LONGEST_SECONDS = 1800
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Watch:
    """The stream of a resource's changes to one client."""

    def __init__(self, request: web.Request, resource: Resource, query: ListQuery, current: Callable[[], int]) -> None:
        """Create a stream. `current` returns the version of the store."""
        self._request, self._resource, self._query, self._current = request, resource, query, current
        self._bookmarks = request.query.get("allowWatchBookmarks") == "true"
        self._response = web.StreamResponse(headers={"Content-Type": "application/json"})
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._seen = 0
        self._muted = False
        self._headed = True

    async def run(self, interference: Interference) -> web.StreamResponse:
        """Stream until the client disconnects, the timeout expires, or the history no longer covers the position."""
        await self._response.prepare(self._request)
        history = self._resource.collection.history
        history.listeners.add(self._notice)
        interference.watches.add(self)
        try:
            await self._stream()
        except ApiError as error:
            await self._send("ERROR", error.status())
        except ConnectionResetError:
            pass  # the client has disconnected, as usual at the end of a watch
        finally:
            history.listeners.discard(self._notice)
            interference.watches.discard(self)
        return self._response

    def _notice(self) -> None:
        """Check for changes. The writer can be in another thread."""
        self._loop.call_soon_threadsafe(self._wake.set)

    def mute(self) -> None:
        """Stop sending but keep the connection, like a watch that stops without an error."""
        self._muted = True

    def abort(self) -> None:
        """Close the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _stream(self) -> None:
        start_version = self._request.query.get("resourceVersion", "")
        self._seen = parse_version(start_version)
        if self._request.query.get("sendInitialEvents") == "true" or not self._seen:
            await self._send_state()
        until = self._loop.time() + (self._query.seconds or _LONGEST_SECONDS)
        while (remaining := until - self._loop.time()) > 0:
            self._wake.clear()
            await self._send_changes()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(remaining, BOOKMARK_SECONDS))
                continue
            await self._send_bookmark({})

    async def _send_state(self) -> None:
        self._seen = self._current()
        for obj in list_page(self._resource, replace(self._query, limit=0, version=""), self._seen).objects:
            await self._send_object("ADDED", obj)
        if self._request.query.get("sendInitialEvents") == "true":
            await self._send_bookmark(_INITIAL_END)

    async def _send_changes(self) -> None:
        for change in self._resource.collection.history.since(self._seen):
            self._seen = change.version
            if kind := self._seen_as(change):
                await self._send(
                    kind, shown_object(self._request, self._resource.kind, self._resource.read(change.object))
                )

    def _seen_as(self, change: Change) -> str | None:
        """Return the event for a watch with a selector: entering the selection is ADDED, leaving it is DELETED."""
        now = change.type != "DELETED" and self._matches(change.object)
        was = change.before is not None and self._matches(change.before)
        if now:
            return "MODIFIED" if was else "ADDED"
        return "DELETED" if was else None

    def _matches(self, stored: Obj) -> bool:
        in_namespace = not self._query.namespace or stored["metadata"].get("namespace") == self._query.namespace
        return in_namespace and self._query.test(self._resource.read(stored))

    async def _send_bookmark(self, annotations: dict[str, str]) -> None:
        """Send a bookmark: all matching changes up to the version of the store have been sent."""
        if not self._bookmarks:
            return
        await self._send_changes()
        self._seen = max(self._seen, self._current())
        kind = self._resource.kind
        noted = {"annotations": annotations} if annotations else {}
        metadata = {"name": "", "resourceVersion": str(self._seen), "creationTimestamp": None, **noted}
        await self._send_object("BOOKMARK", {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata})

    async def _send_object(self, kind: str, obj: Obj) -> None:
        await self._send(kind, shown_object(self._request, self._resource.kind, obj, headed=self._headed))
        self._headed = False

    async def _send(self, kind: str, obj: Any) -> None:
        if not self._muted:
            await self._response.write(msgspec.json.encode({"type": kind, "object": obj}) + b"\n")

"""Writes that wait in memory for the API server: the latest status of each object, and Kubernetes events.

The store already contains these statuses, so that reconciles and alerts continue while the API server is unavailable.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from nsg_baseline.api.common import ObjectKey, Resource
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.documents import merge_patch
from nsg_baseline.kube.errors import KubeError, in_time
from nsg_baseline.kube.merging import with_deliveries_only
from nsg_baseline.kube.store import Store, Stored

MAX_OBJECTS = 10_000
MAX_EVENTS = 1_000
RETRY_SECONDS = 2.0
REPORT_SECONDS = 60.0
_ATTEMPTS = 5
_NOT_FOUND = 404
_CONFLICT = 409
_TRIED_AGAIN = (401, 403, _CONFLICT)
"""A newly started API server may refuse all requests until it has loaded the permissions."""
_MAX_FAILURES = 20
log = structlog.get_logger(__name__)


class Backlog:
    """Unsaved objects and events. `may_save` returns whether this replica may write, and waits until this is known."""

    def __init__(self, kube: Kube, store: Store, may_save: Callable[[], Awaitable[bool]]) -> None:
        self._kube = kube
        self._store = store
        self._may_save = may_save
        self._objects: dict[tuple[type[Resource], ObjectKey], None] = {}
        self._events: deque[Mapping[str, Any]] = deque(maxlen=MAX_EVENTS)
        self._filled = asyncio.Event()
        self._reported_at = float("-inf")
        self._failure: KubeError | None = None
        self.is_unavailable = False
        """Whether the last request to the API server got no response."""

    @property
    def sizes(self) -> dict[str, int]:
        """The number of unsaved objects by kind, and of events that are not posted."""
        counts = Counter(kind.__name__ for kind, _ in self._objects)
        return {**counts, **({"Event": len(self._events)} if self._events else {})}

    async def is_needed(self, kind: type[Resource] | None = None, key: ObjectKey | None = None) -> bool:
        """Return whether a write must wait: the API server is unavailable, or an earlier write of the object waits."""
        return self.is_unavailable or (kind, key) in self._objects or not await self._may_save()

    def lost(self, error: KubeError) -> None:
        """Record that the API server did not respond."""
        if not self.is_unavailable:
            log.warning("Kubernetes API unavailable; continuing in memory", reason=error.reason, message=error.message)
        self.is_unavailable = True
        self._filled.set()

    def keep(self, kind: type[Resource], document: Mapping[str, Any]) -> None:
        """Store an object with its status in memory, to be saved later.

        Raises:
            KubeError: `BacklogFull`.
        """
        entry = kind, ObjectKey(str(document["metadata"].get("namespace") or ""), str(document["metadata"]["name"]))
        if entry not in self._objects and len(self._objects) >= MAX_OBJECTS:
            raise KubeError("BacklogFull", f"more than {MAX_OBJECTS} unsaved objects; the next reconcile tries again")
        self._objects[entry] = None
        self._store.put_unsaved(kind, document)
        self._filled.set()

    def keep_event(self, document: Mapping[str, Any]) -> None:
        """Keep an event to be posted later. Above `MAX_EVENTS`, the oldest event is dropped."""
        if len(self._events) == MAX_EVENTS:
            log.warning("event dropped", name=self._events[0]["metadata"]["name"], limit=MAX_EVENTS)
        self._events.append(document)
        self._filled.set()

    async def run(self) -> None:
        """Save the backlog whenever the API server is available, until cancelled."""
        while True:
            await self._filled.wait()
            await asyncio.sleep(RETRY_SECONDS)
            await self.flush()
            self._report()

    async def flush(self) -> None:
        """Save the backlog, incidents first. Stop when the API server is unavailable or has refused many writes."""
        failures = 0
        for kind, key in sorted(self._objects, key=lambda entry: entry[0] is not NSGIncident):
            if not await self._may_save():
                return
            failures += not await self._save(kind, key)
            if self.is_unavailable or failures >= _MAX_FAILURES:
                return
        while self._events and await self._may_save():
            if not await self._post(self._events[0]):
                return
            self._events.popleft()
        if not self._objects and not self._events:
            self.is_unavailable = False
            self._filled.clear()

    async def hand_over(self) -> None:
        """Save the new incidents and deliveries that only this replica has, after another replica became the leader."""
        for kind, key in tuple(self._objects):
            stored = self._store.find(kind, key)
            if kind is not NSGIncident or stored is None or stored.unsaved is None:
                continue
            if stored.uid:
                status = with_deliveries_only(msgspec.json.decode(stored.unsaved.base), stored.status())
                self._store.put_unsaved(kind, {**stored.document(), "status": status})
            await self._save(kind, key)
            if self.is_unavailable:
                break
        if self._objects:
            log.warning("objects not saved before the end of the process", **self.sizes)

    def _report(self) -> None:
        if not self._filled.is_set():
            log.info("all objects saved")
        elif time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self._reported_at = time.monotonic()
            reason = self._failure.reason if self._failure is not None else None
            log.warning("objects not saved", unavailable=self.is_unavailable, reason=reason, **self.sizes)

    async def _save(self, kind: type[Resource], key: ObjectKey) -> bool:
        """Save an object, and return False if it must be retried."""
        try:
            await self._write(kind, key)
        except KubeError as error:
            return await self._failed(kind, key, error)
        self.is_unavailable, self._failure = False, None
        stored = self._store.find(kind, key)
        if stored is None or stored.unsaved is None:
            self._objects.pop((kind, key), None)
        return True

    async def _failed(self, kind: type[Resource], key: ObjectKey, error: KubeError) -> bool:
        self._objects.pop((kind, key), None)
        self._failure = error
        if error.is_unavailable or error.status in _TRIED_AGAIN:
            # Move it to the end: an object that can never be saved must not delay the others.
            self._objects[kind, key] = None
            self.is_unavailable = error.is_unavailable and not await self._responds(kind, key, error)
            return False
        log.error("object not saved", kind=kind.__name__, key=key, reason=error.reason, message=error.message)
        stored = self._store.find(kind, key)
        if error.status == _NOT_FOUND and stored is not None:
            self._store.drop(kind, key, stored.uid)
        else:
            self._store.discard(kind, key)
        return True

    async def _responds(self, kind: type[Resource], key: ObjectKey, error: KubeError) -> bool:
        """Return whether the API server responds to a read: a webhook may affect only the write of a single object."""
        if error.reason == "Unreachable":
            return False
        try:
            await in_time(self._kube.get(kind, key))
        except KubeError as failure:
            return not failure.is_unavailable
        return True

    async def _write(self, kind: type[Resource], key: ObjectKey) -> None:
        for attempt in range(_ATTEMPTS):
            stored = self._store.find(kind, key)
            if stored is None or stored.unsaved is None:
                return
            try:
                await (self._patch(kind, stored) if stored.uid else self._create(kind, stored))
            except KubeError as error:
                if error.status != _CONFLICT or attempt == _ATTEMPTS - 1:
                    raise
                self._store.put(kind, await in_time(self._kube.get(kind, key)))

    async def _create(self, kind: type[Resource], stored: Stored) -> None:
        document = {name: part for name, part in stored.document().items() if name != "status"}
        self._store.put(kind, await in_time(self._kube.create(kind, document)))

    async def _patch(self, kind: type[Resource], stored: Stored) -> None:
        status = stored.status()
        base = msgspec.json.decode(stored.unsaved.base) if stored.unsaved is not None else {}
        patch = merge_patch(base, status)
        if patch:
            self._store.attempted(kind, stored.key, status)
            saved = await in_time(self._kube.patch_status(kind, stored.key, patch, stored.version))
            self._store.put(kind, saved)
        self._store.saved(kind, stored.key, status)

    async def _post(self, document: Mapping[str, Any]) -> bool:
        """Post an event, and return whether the API server responded."""
        try:
            await in_time(self._kube.post_event(document))
        except KubeError as error:
            if error.is_unavailable:
                self.is_unavailable = True
                return False
            if error.status != _CONFLICT:
                log.warning("event refused", name=document["metadata"]["name"], reason=error.reason)
        return True

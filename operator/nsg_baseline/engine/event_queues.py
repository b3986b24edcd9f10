"""The queues of all scopes: one consumer for each queue and identity, and which scopes its events concern."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from nsg_baseline.api.scope import Identity, NSGScope
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core import conditions
from nsg_baseline.core.assignment import Claim, is_ignored, scope_of
from nsg_baseline.core.azure_events import AttachmentHint, AzureEvent, GroupHint, NSGHint, hint_of
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.core.ids import NSGId
from nsg_baseline.engine.event_consumer import EventConsumer, Queue
from nsg_baseline.engine.event_statistics import QueueStatistics
from nsg_baseline.engine.scope_hints import LISTING

RESTART_SECONDS = 5.0
"""Pause after an unexpected exception."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QueueKey:
    """A queue, and the identity that receives its messages. Scopes may share both."""

    url: str
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Watched:
    """What the events may concern.

    Attributes:
        scopes: all scopes.
        baselines: folded ids of the NSGs with an active baseline, by scope.
        inactive: folded ids of the NSGs whose baselines are suspended or invalid, by scope.
        is_guarded: whether there are guardrails, which apply to NSGs without an active baseline too.
        attachments: folded ids of the NSGs that a subnet, an interface or a virtual network is approved for, by the
            folded id of that.
    """

    scopes: tuple[NSGScope, ...] = ()
    baselines: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    inactive: Mapping[str, frozenset[str]] = field(default_factory=dict)
    attachments: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_guarded: bool = False


@dataclass(frozen=True, slots=True)
class EventSettings:
    """How queues are consumed.

    Attributes:
        connect: returns the queue of a scope, or raises AzureError.
        idle_seconds: longest pause between two receptions of an empty queue.
        statistics: by the URL of the queue.
    """

    connect: Callable[[NSGScope], Queue]
    idle_seconds: float
    statistics: dict[str, QueueStatistics] = field(default_factory=dict)


class EventQueues:
    """Consumes the queues of the scopes.

    Args:
        settings: how.
        hint: requests a reading in a scope, by its name and the folded id of an NSG or `LISTING`; returns its result,
            or None if nothing is read.
        report: called with a scope's name and the state of its queue.
    """

    def __init__(
        self,
        settings: EventSettings,
        hint: Callable[[str, str], "asyncio.Future[bool] | None"],
        report: Callable[[str, ConditionState | None], None],
    ) -> None:
        self._settings = settings
        self._hint = hint
        self._report = report
        self._tasks: dict[QueueKey, asyncio.Task[None]] = {}
        self._states: dict[QueueKey, ConditionState] = {}
        self._watched = Watched()

    def match(self, watched: Watched) -> None:
        """Follow the scopes: start and stop consumers, and report the state of each scope's queue."""
        self._watched = watched
        wanted = {key: scope for scope in reversed(watched.scopes) if (key := _key(scope)) is not None}
        for key in self._tasks.keys() - wanted.keys():
            self._tasks.pop(key).cancel()
            self._states.pop(key, None)
            if all(other.url != key.url for other in self._tasks):
                self._settings.statistics.pop(key.url, None)
        for key, scope in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = asyncio.create_task(self._run(key, scope), name=f"events {key.url}")
        for scope in watched.scopes:
            own = _key(scope)
            if own is None or own in self._states:
                self._report(scope.metadata.name, self._states[own] if own is not None else None)

    async def aclose(self) -> None:
        """Stop all consumers. What they received appears again."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _run(self, key: QueueKey, scope: NSGScope) -> None:
        """Consume a queue. After an unexpected exception, report it and start again."""
        while True:
            try:
                await self._consumer(key, scope).run()
            except AzureError as error:
                self._set_state(key, conditions.no_events(error.reason, error.message))
            except Exception as error:
                log.exception("events not received", queue=key.url)
                self._set_state(key, conditions.no_events("InternalError", type(error).__name__))
            await asyncio.sleep(RESTART_SECONDS)

    def _consumer(self, key: QueueKey, scope: NSGScope) -> EventConsumer:
        statistics = self._settings.statistics.setdefault(key.url, QueueStatistics())

        def deliver(event: AzureEvent) -> "Sequence[asyncio.Future[bool]]":
            return tuple(self._readings(key, event))

        def report(state: ConditionState) -> None:
            self._set_state(key, state)

        queue = self._settings.connect(scope)
        return EventConsumer(key.url, queue, deliver, report, statistics, self._settings.idle_seconds)

    def _set_state(self, key: QueueKey, state: ConditionState) -> None:
        if key not in self._tasks or self._states.get(key) == state:
            return
        self._states[key] = state
        for scope in self._watched.scopes:
            if _key(scope) == key:
                self._report(scope.metadata.name, state)

    def _readings(self, key: QueueKey, event: AzureEvent) -> "Iterator[asyncio.Future[bool]]":
        """Request the readings that an event requires, in the scopes of this queue only."""
        for scope, what in dict.fromkeys(self._concerned(event)):
            if any(_key(candidate) == key for candidate in self._watched.scopes if candidate.metadata.name == scope):
                reading = self._hint(scope, what)
                if reading is not None:
                    yield reading

    def _concerned(self, event: AzureEvent) -> Iterator[tuple[str, str]]:
        """Yield the names of scopes, each with the folded id of an NSG or `LISTING`."""
        hint = hint_of(event)
        if isinstance(hint, NSGHint):
            yield from self._of_nsg(hint.nsg)
        elif isinstance(hint, GroupHint):
            yield from self._of_group(hint)
        elif isinstance(hint, AttachmentHint):
            for nsg in sorted(self._watched.attachments.get(hint.resource, ())):
                yield from self._of_nsg(NSGId.parse(nsg))

    def _of_nsg(self, nsg: NSGId) -> Iterator[tuple[str, str]]:
        scope = scope_of(nsg, self._watched.scopes)
        if scope is None:
            return
        name = scope.metadata.name
        if nsg.key in self._watched.baselines.get(name, {}):
            yield name, nsg.key
        elif self._is_judged_together(scope, nsg):
            yield name, LISTING

    def _is_judged_together(self, scope: NSGScope, nsg: NSGId) -> bool:
        """Return whether a listing judges an NSG without an active baseline."""
        if self._watched.is_guarded:
            return True
        is_inactive = nsg.key in self._watched.inactive.get(scope.metadata.name, frozenset())
        return not is_inactive and not is_ignored(scope.spec, nsg)

    def _of_group(self, hint: GroupHint) -> Iterator[tuple[str, str]]:
        scope = scope_of(NSGId(hint.subscription, hint.group, "any"), self._watched.scopes)
        if scope is not None:
            yield scope.metadata.name, LISTING


def attachments_of(claims: Iterable[Claim]) -> dict[str, frozenset[str]]:
    """Return the NSGs that subnets, interfaces and virtual networks are approved for, all as folded ids."""
    nsgs: dict[str, set[str]] = {}
    for claim in claims:
        for attachment in claim.attachments:
            network, _, _ = attachment.partition("/subnets/")
            for resource in {attachment, network}:
                nsgs.setdefault(resource, set()).add(claim.nsg.key)
    return {resource: frozenset(ids) for resource, ids in nsgs.items()}


def _key(scope: NSGScope) -> QueueKey | None:
    return QueueKey(scope.spec.events.queue_url, scope.spec.identity) if scope.spec.events is not None else None

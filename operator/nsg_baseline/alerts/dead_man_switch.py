"""Calls the URLs of dead man's switches after good reconciles: if the calls end, the service raises an alarm."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from nsg_baseline.alerts.channels import SEND_SECONDS, SENDER, Permissions, SendResult, result_of
from nsg_baseline.alerts.pending import route_name
from nsg_baseline.alerts.ports import Outbox, OutboxError
from nsg_baseline.alerts.sender.protocol import Answer, Call, Notice, Send
from nsg_baseline.alerts.switch_urls import parse_switches
from nsg_baseline.alerts.urls import ChannelURL, InvalidChannelError
from nsg_baseline.alerts.watch import FIRST_READING, ScopeWatch, WatchSource, problem
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.heartbeat import SecretKey
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.conditions import ConditionState, heartbeat

MIN_SECONDS = 60.0
"""Shortest time between two calls of a URL, in seconds."""
SHOWN_SCOPES = 5
WATCHDOG_TITLE = "The NSG baseline operator watches all its scopes"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _LastCall:
    """The last call of a URL: its time by the monotonic clock, the reconcile that led to it, and its result."""

    at: float
    cause: datetime
    result: SendResult


@dataclass(slots=True)
class DeadManSwitches:
    """The switches of all routes in the operator's namespace. One URL is called at a time.

    Attributes:
        conditions: The Heartbeat condition by route, as far as its switches are concerned.
    """

    outbox: Outbox
    watch: WatchSource
    clock: Callable[[], datetime]
    permissions: Permissions
    timer: Callable[[], float] = time.monotonic
    conditions: dict[ObjectKey, ConditionState] = field(default_factory=dict)
    _calls: dict[bytes, _LastCall] = field(default_factory=dict)
    _used: set[bytes] = field(default_factory=set)
    _started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Remember the start of the process."""
        self._started_at = self.clock()

    async def run(self) -> None:
        """Call the switches until cancelled."""
        while True:
            pause = await self.call_all()
            await self.watch.reconciled(pause)

    async def call_all(self) -> float:
        """Call each switch whose time has come; return the seconds until the next one may be called."""
        self._used = set()
        routes = {route.key: route for route in self.outbox.routes() if _has_switch(route, self.permissions.namespace)}
        self.conditions = {key: state for key, state in self.conditions.items() if key in routes}
        for key, route in routes.items():
            try:
                state = await self._call(route)
                self.conditions |= {key: state} if state is not None else {}
            except OutboxError as error:
                log.warning("switch not called", route=route_name(route), error=str(error))
            except Exception:
                # A defect must end the calls of this route only. The service then raises an alarm.
                log.exception("switch failed", route=route_name(route))
        self._calls = {id_: call for id_, call in self._calls.items() if id_ in self._used}
        rest = (call.at + MIN_SECONDS - self.timer() for call in self._calls.values())
        return min((seconds for seconds in rest if seconds > 0), default=MIN_SECONDS)

    async def _call(self, route: NSGAlertRoute) -> ConditionState | None:
        """Call the switches of a route; return its condition, or None while scopes are read for the first time."""
        source = route.spec.heartbeat.urls_from if route.spec.heartbeat is not None else None
        assert source is not None  # noqa: S101 - `_has_switch` selects the routes
        values = await self.outbox.secret(route.metadata.namespace, source.name)
        if values is None:
            return heartbeat("False", "SecretNotFound", f"Secret {source.name} does not exist in this namespace")
        if source.key not in values:
            return heartbeat("False", "KeyNotFound", f"Secret {source.name} has no key {source.key}")
        urls, errors = parse_switches(values[source.key])
        scopes = self.watch.scopes()
        if not errors and self._awaits_readings(scopes):
            return None
        withheld = _withheld(scopes, self.clock())
        results = [(url, None if withheld else await self._result(route, url, scopes)) for url in urls]
        return _condition(source, withheld, results, errors)

    def _awaits_readings(self, scopes: Sequence[ScopeWatch]) -> bool:
        is_new = self.clock() - self._started_at < FIRST_READING
        return is_new and not all(scope.has_ended for scope in scopes)

    async def _result(self, route: NSGAlertRoute, url: ChannelURL, scopes: Sequence[ScopeWatch]) -> SendResult | None:
        """Call a URL unless it was called within the last minute, or no reconcile has ended since."""
        id_ = hashlib.blake2b(url.url.encode(), digest_size=32).digest()
        self._used.add(id_)
        cause = max(scope.succeeded_at for scope in scopes if scope.succeeded_at is not None)
        last = self._calls.get(id_)
        if last is not None and (self.timer() - last.at < MIN_SECONDS or last.cause == cause):
            return last.result
        at = self.timer()
        result = result_of(await self._ask(url, scopes))
        self._calls[id_] = _LastCall(at, cause, result)
        if result.delivered:
            log.debug("switch called", route=route_name(route), line=url.line)
        else:
            log.warning("switch not called", route=route_name(route), line=url.line, reason=result.reason)
        return result

    async def _ask(self, url: ChannelURL, scopes: Sequence[ScopeWatch]) -> Answer:
        allowed = self.permissions
        limits: dict[str, Any] = {"seconds": SEND_SECONDS, "local": allowed.local, "private": allowed.private}
        async with SENDER.turn(allowed.namespace, is_operator=allowed.is_operator) as turn:
            if url.scheme in ("http", "https"):
                return await turn.call(Call(url.url, **limits))
            alerts = (_watchdog(scopes, self.clock()),)
            notice = Notice("Heartbeat", "none", WATCHDOG_TITLE, "watchdog", "watchdog", alerts=alerts)
            return await turn.send(
                Send(url.scheme, url.url, WATCHDOG_TITLE, WATCHDOG_TITLE, "text", "success", notice, **limits)
            )


def _has_switch(route: NSGAlertRoute, operator_namespace: str) -> bool:
    wanted = route.spec.heartbeat is not None and route.spec.heartbeat.urls_from is not None
    return wanted and not route.spec.suspend and route.metadata.namespace == operator_namespace


def _withheld(scopes: Sequence[ScopeWatch], now: datetime) -> str:
    """Return why the switches are not called now; empty if everything is watched."""
    if not scopes:
        return "there is no scope"
    problems = [f"scope {scope.name} is {text}" for scope in scopes if (text := problem(scope, now))]
    hidden = len(problems) - SHOWN_SCOPES
    return "; ".join([*problems[:SHOWN_SCOPES], *([f"and {hidden} more"] if hidden > 0 else [])])


def _condition(
    source: SecretKey,
    withheld: str,
    results: Sequence[tuple[ChannelURL, SendResult | None]],
    errors: Sequence[InvalidChannelError],
) -> ConditionState:
    place = f"Secret {source.name}, key {source.key}"
    if errors or not results:
        text = "; ".join(map(str, errors)) or "contains no URL"
        return heartbeat("False", "InvalidURL", f"{place}, {text}")
    if withheld:
        return heartbeat("False", "ScopeNotReady", f"the dead man's switches are not called: {withheld}")
    failed = [f"line {url.line}: {result.reason}" for url, result in results if result and not result.delivered]
    if failed:
        return heartbeat("False", "CallFailed", f"{place}, {'; '.join(failed)}")
    return heartbeat("True", "Beating", "all scopes are read, and the dead man's switches are called")


def _watchdog(scopes: Sequence[ScopeWatch], now: datetime) -> dict[str, Any]:
    """Return an alert that is always active. It ends when it was not sent again for a few intervals."""
    lifetime = 3 * max(scope.interval for scope in scopes) + timedelta(minutes=5)
    return {
        "labels": {"alertname": "NSGWatchdog", "severity": "none"},
        "annotations": {"summary": WATCHDOG_TITLE},
        "endsAt": (now + lifetime).isoformat(),
    }

"""The kopf handlers. They only copy the events of the watch streams into the store.

Only `on.event` is used: kopf's indices are quadratic in the number of objects, and its timers, daemons and change
handlers write an annotation to every object.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import kopf

from nsg_baseline.api.common import GROUP, VERSION, ObjectKey, Resource
from nsg_baseline.kube.admission import PatientServer, WebhookSettings
from nsg_baseline.kube.store import Store

# These timeouts end a stream that stopped silently. The periodic list adds the events that it missed.
SERVER_TIMEOUT_SECONDS = 300
CLIENT_TIMEOUT_SECONDS = 360
BACKOFF_SECONDS = (1.0, 2.0, 5.0)
LAST_BACKOFF_SECONDS = 10.0


class Backoffs:
    """Pauses without an end. kopf exits after the last pause, but an outage of the API server can last for hours."""

    def __iter__(self) -> Iterator[float]:
        """Yield the pauses in seconds."""
        return itertools.chain(BACKOFF_SECONDS, itertools.repeat(LAST_BACKOFF_SECONDS))


Login = Callable[[], Awaitable[kopf.ConnectionInfo]]


def registry(store: Store, kinds: Iterable[type[Resource]], login: Login) -> kopf.OperatorRegistry:
    """Return the handlers that keep a store up to date."""
    handlers = kopf.OperatorRegistry()

    async def logged_in(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    kopf.on.login(registry=handlers)(logged_in)
    for kind in kinds:
        _hand_over(store, kind, handlers)
    kopf.on.event("", "v1", "namespaces", registry=handlers)(_namespace_handler(store))
    return handlers


def settings(webhook: WebhookSettings | None = None) -> kopf.OperatorSettings:
    """Return the settings of kopf for an operator that only watches, and reviews baselines if there is a webhook."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    chosen.watching.client_timeout = CLIENT_TIMEOUT_SECONDS
    chosen.networking.error_backoffs = Backoffs()
    if webhook is not None:
        chosen.admission.server = PatientServer(webhook)
    return chosen


def _hand_over(store: Store, kind: type[Resource], handlers: kopf.OperatorRegistry) -> None:
    @kopf.on.event(GROUP, VERSION, kind.plural, id=kind.plural, registry=handlers)
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        document: dict[str, Any] = dict(event["object"])
        if event["type"] == "DELETED":
            meta = document["metadata"]
            key = ObjectKey(str(meta.get("namespace") or ""), str(meta["name"]))
            store.drop(kind, key, str(meta.get("uid") or ""))
        else:
            store.put(kind, document)


def _namespace_handler(store: Store) -> Any:
    async def namespace_changed(event: kopf.RawEvent, **_: Any) -> None:
        meta: dict[str, Any] = dict(event["object"]["metadata"])
        if event["type"] == "DELETED":
            store.forget_namespace(str(meta["name"]))
        else:
            store.put_namespace(str(meta["name"]), dict(meta.get("labels") or {}))

    return namespace_changed

"""What an event subscription of Event Grid delivers to a queue, and what the operator needs of it.

Source: Microsoft's reference of event subscriptions (`Microsoft.EventGrid/eventSubscriptions`) and of their filters.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nsg_baseline.core.ids import fold

_NETWORK = "Microsoft.Network"
WRITE, DELETE = "Microsoft.Resources.ResourceWriteSuccess", "Microsoft.Resources.ResourceDeleteSuccess"
_GROUP = "/subscriptions/{}/resourceGroups/any"
_NSG = f"{_GROUP}/providers/{_NETWORK}/networkSecurityGroups/any"
_ATTACHED = f"{_GROUP}/providers/{_NETWORK}"
_NEEDED = (
    (f"{_NETWORK}/networkSecurityGroups/write", _NSG),
    (f"{_NETWORK}/networkSecurityGroups/delete", _NSG),
    (f"{_NETWORK}/networkSecurityGroups/securityRules/write", f"{_NSG}/securityRules/any"),
    (f"{_NETWORK}/networkSecurityGroups/securityRules/delete", f"{_NSG}/securityRules/any"),
    ("Microsoft.Resources/tags/write", f"{_NSG}/providers/Microsoft.Resources/tags/default"),
    ("Microsoft.Resources/subscriptions/resourceGroups/delete", _GROUP),
    (f"{_NETWORK}/virtualNetworks/write", f"{_ATTACHED}/virtualNetworks/any"),
    (f"{_NETWORK}/virtualNetworks/subnets/write", f"{_ATTACHED}/virtualNetworks/any/subnets/any"),
    (f"{_NETWORK}/virtualNetworks/subnets/delete", f"{_ATTACHED}/virtualNetworks/any/subnets/any"),
    (f"{_NETWORK}/networkInterfaces/write", f"{_ATTACHED}/networkInterfaces/any"),
    (f"{_NETWORK}/networkInterfaces/delete", f"{_ATTACHED}/networkInterfaces/any"),
)
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringIn": str.__eq__,
    "StringContains": str.__contains__,
    "StringBeginsWith": str.startswith,
    "StringEndsWith": str.endswith,
}
"""How a text is compared with a value, by the operator of a filter."""
_NEGATED = {name.replace("String", "StringNot", 1): test for name, test in _TESTS.items()}


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """A queue by its storage account and its name, in lower case."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class EventSubscription:
    """An event subscription as Azure returned it."""

    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document.get("name") or "")

    @property
    def queue(self) -> QueueAddress | None:
        """The Storage Queue that it delivers to; None if it delivers elsewhere."""
        destination = _object(self._properties.get("destination"))
        if destination.get("endpointType") is None:
            # With a managed identity for the delivery, Azure returns the destination in another property.
            delivery = _object(self._properties.get("deliveryWithResourceIdentity"))
            destination = _object(delivery.get("destination"))
        if destination.get("endpointType") != "StorageQueue":
            return None
        target = _object(destination.get("properties"))
        account = fold(str(target.get("resourceId") or "")).rpartition("/")[2]
        return QueueAddress(account, str(target.get("queueName") or "").lower())

    def faults(self, subscription_id: str, now: datetime) -> Iterator[str]:
        """Yield why events of a subscription that the operator needs are not delivered."""
        state = self._properties.get("provisioningState")
        if state not in (None, "Succeeded"):
            yield f"its provisioningState is {state}"
        expires = str(self._properties.get("expirationTimeUtc") or "")
        if expires and _moment(expires) <= now:
            yield f"it expired at {expires}"
        filters = _object(self._properties.get("filter"))
        unknown = sorted({key for key in map(_unknown, _list(filters.get("advancedFilters"))) if key})
        if unknown:
            yield f"its filter on {', '.join(unknown)} is not evaluated here; compare it with the documentation"
        missed = [
            operation
            for operation, resource in _NEEDED
            if not _delivers(filters, operation, resource.format(subscription_id))
        ]
        if missed:
            yield f"its filter excludes {', '.join(missed)}"

    @property
    def _properties(self) -> Mapping[str, Any]:
        return _object(self.document.get("properties"))


def _moment(text: str) -> datetime:
    """Return a time; the beginning of time if it is none, so that it counts as over."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def to_queue(documents: Iterable[Mapping[str, Any]], queue: QueueAddress) -> list[EventSubscription]:
    """Return the event subscriptions that deliver to a queue."""
    subscriptions = map(EventSubscription, documents)
    return [subscription for subscription in subscriptions if subscription.queue == queue]


def _delivers(filters: Mapping[str, Any], operation: str, resource: str) -> bool:
    event_type = DELETE if operation.endswith("/delete") else WRITE
    included = filters.get("includedEventTypes")
    if included is not None and event_type not in included:
        return False
    folded = (lambda text: text) if filters.get("isSubjectCaseSensitive") else str.lower
    subject = folded(resource)
    if not subject.startswith(folded(str(filters.get("subjectBeginsWith") or ""))):
        return False
    if not subject.endswith(folded(str(filters.get("subjectEndsWith") or ""))):
        return False
    values = {
        "data.operationname": operation,
        "data.resourceprovider": operation.partition("/")[0],
        "data.resourceuri": resource,
        "data.status": "Succeeded",
        "eventtype": event_type,
        "subject": resource,
    }
    return all(
        _passes(advanced, values) for advanced in _list(filters.get("advancedFilters")) if not _unknown(advanced)
    )


def _passes(advanced: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    operator, text = str(advanced.get("operatorType")), values[_key(advanced)].lower()
    matches = _TESTS.get(operator) or _NEGATED[operator]
    is_matched = any(matches(text, str(value).lower()) for value in _list(advanced.get("values")))
    return is_matched if operator in _TESTS else not is_matched


def _unknown(advanced: Mapping[str, Any]) -> str:
    """Return the key of a filter that is not evaluated; empty if it is."""
    keys = ("data.operationname", "data.resourceprovider", "data.resourceuri", "data.status", "eventtype", "subject")
    is_known = advanced.get("operatorType") in {*_TESTS, *_NEGATED} and _key(advanced) in keys
    return "" if is_known else str(advanced.get("key") or "an unnamed property")


def _key(advanced: Mapping[str, Any]) -> str:
    return str(advanced.get("key") or "").lower()


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

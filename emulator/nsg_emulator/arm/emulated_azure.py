"""The complete state that requests read and change."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from nsg_emulator.arm.activity import ActivityLog
from nsg_emulator.arm.events import EventSource
from nsg_emulator.arm.faults import FailOperation, Faults, StickOperation
from nsg_emulator.arm.identity import Identity
from nsg_emulator.arm.listings import Listings
from nsg_emulator.arm.messages import ArmRequest
from nsg_emulator.arm.operations import Terms
from nsg_emulator.arm.requests import RequestLog
from nsg_emulator.arm.settings import Settings
from nsg_emulator.arm.store import Store


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class EmulatedAzure:
    """The emulated Azure.

    Attributes:
        clock: Returns the current time; tests may replace it.
    """

    settings: Settings
    store: Store
    clock: Callable[[], datetime] = utc_now
    faults: Faults = field(default_factory=Faults)
    requests: RequestLog = field(default_factory=RequestLog)
    activity: ActivityLog = field(init=False)
    events: EventSource = field(init=False)
    identity: Identity = field(init=False)
    listings: Listings = field(init=False)

    def __post_init__(self) -> None:
        """Create the parts that depend on the settings and the store."""
        self.apply(self.settings)
        self.listings = Listings(self.store)

    def apply(self, settings: Settings) -> None:
        """Change the settings. The rows of the Activity Log are kept."""
        self.settings = settings
        delay = timedelta(seconds=settings.activity_delay)
        if hasattr(self, "activity"):
            # Open requests add their EndRequest rows to this log later.
            self.activity = replace(self.activity, delay=delay, body_limit=settings.activity_body_limit)
        else:
            self.activity = ActivityLog(settings.tenant, delay, body_limit=settings.activity_body_limit)
            self.events = EventSource(settings.tenant)
            self.activity.listeners.append(self.events.publish)
        self.identity = Identity(settings.tenant, settings.secrets)

    def terms(self, request: ArmRequest) -> Terms:
        """Return how the operation of a write proceeds, including injected faults."""
        failure = self.faults.strike(request, FailOperation)
        terms = Terms(
            due=self.clock() + timedelta(seconds=self.settings.operation_delay),
            stuck=self.faults.strike(request, StickOperation) is not None,
            retry_after=self.settings.retry_after,
            request=request.id,
        )
        return replace(terms, error={"code": failure.code, "message": failure.message}) if failure else terms

    def settle(self, due: datetime | None = None) -> None:
        """End the operations that are due now, or at a given later time, and add their rows to the Activity Log."""
        now = self.clock()
        for operation in self.store.settle(due or now):
            error = operation.error or {}
            self.activity.end(
                operation.request, now, self.store.new_id(), 500 if error else 200, error.get("message", "")
            )

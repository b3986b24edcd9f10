"""What can be set about the emulator as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DEFAULT_TENANT = "72f988bf-0000-4000-8000-000000000001"
DEFAULT_SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"


@dataclass(frozen=True, slots=True)
class Settings:
    """How the emulator behaves.

    Attributes:
        tenant: The directory that tokens come from.
        page_size: NSGs a page of a listing.
        operation_delay: Seconds until a long-running operation ends; 0: it has ended at the first poll.
        retry_after: Seconds in the Retry-After header for pollers; None leaves the header out, as Azure sometimes does.
        activity_delay: Seconds until a change can be read in the Activity Log (in Azure 13 to 53 s, at times minutes).
        secrets: Client id to its secret; a client that is not named here may use any.
        roles: Client id to the actions that it is granted, `*` standing for anything; one that is not named may do all.
    """

    tenant: str = DEFAULT_TENANT
    page_size: int = 100
    operation_delay: float = 0.0
    retry_after: int | None = 1
    activity_delay: float = 0.0
    secrets: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse sizes and times that make no sense."""
        if self.page_size < 1:
            raise ValueError("page_size: must be at least 1")
        if self.operation_delay < 0 or self.activity_delay < 0:
            raise ValueError("operation_delay, activity_delay: must not be negative")

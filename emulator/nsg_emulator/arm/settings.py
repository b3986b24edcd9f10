"""The settings of the emulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DEFAULT_TENANT = "72f988bf-0000-4000-8000-000000000001"
DEFAULT_SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"


@dataclass(frozen=True, slots=True)
class Settings:
    """The behaviour of the emulator.

    Attributes:
        tenant: The tenant that issues tokens.
        page_size: Number of NSGs per page of a listing.
        operation_delay: Seconds until a long-running operation ends; with 0, it has ended at the first poll.
        retry_after: Seconds in the Retry-After header for polls; None omits the header, as Azure sometimes does.
        activity_delay: Seconds until a change appears in the Activity Log (in Azure 13 to 53 s, sometimes minutes).
        activity_body_limit: Number of characters of a request body in the Activity Log; None: all; 0: no bodies.
        secrets: Secret by client id. Other clients may use any secret.
        roles: Granted actions by client id; `*` matches any text. Other clients have all permissions.
    """

    tenant: str = DEFAULT_TENANT
    page_size: int = 100
    operation_delay: float = 0.0
    retry_after: int | None = 1
    activity_delay: float = 0.0
    activity_body_limit: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Reject invalid sizes and times.

        Raises:
            ValueError: A value is too low.
        """
        if self.page_size < 1:
            raise ValueError("page_size: must be at least 1")
        if self.operation_delay < 0 or self.activity_delay < 0:
            raise ValueError("operation_delay, activity_delay: must not be negative")
        if self.activity_body_limit is not None and self.activity_body_limit < 0:
            raise ValueError("activity_body_limit: must not be negative")

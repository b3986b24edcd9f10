"""When the approved rules of a baseline are due for a review."""

from datetime import UTC, datetime, timedelta
from typing import Any

from nsg_baseline.api.baseline import Review
from nsg_baseline.api.common import format_time


def due(review: Review) -> datetime:
    """Return the time at which the next review is due."""
    period = timedelta(days=review.every_days)
    return min(review.last_reviewed, datetime.max.replace(tzinfo=UTC) - period) + period


def review_document(review: Review, until: datetime) -> dict[str, Any]:
    """Return the form of `-o json`."""
    return {
        "everyDays": review.every_days,
        "lastReviewed": format_time(review.last_reviewed),
        "by": review.by,
        "due": format_time(due(review)),
        "overdue": due(review) <= until,
    }


def review_text(review: Review | None, until: datetime) -> str:
    """Return who reviewed the rules, and when the next review is due."""
    if review is None:
        return "no review planned"
    state = "overdue since" if due(review) <= until else "next due"
    return f"by {review.by} at {format_time(review.last_reviewed)}; {state} {format_time(due(review))}"

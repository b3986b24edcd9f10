"""Durations as Kubernetes users write them: 90s, 30m, 1h30m, 24h."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

PATTERN = r"^([0-9]{1,8}h)?([0-9]{1,8}m)?([0-9]{1,8}s)?$"


def parse(text: str) -> timedelta:
    """Return the duration that a text such as 1h30m names.

    Raises:
        ValueError: the text is not a duration.
    """
    found = re.fullmatch(PATTERN, text, re.ASCII)
    if not text or found is None:
        raise ValueError("must be a duration such as 30s, 5m or 1h30m")
    hours, minutes, seconds = (int(part[:-1]) if part else 0 for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _checked(text: str) -> str:
    parse(text)
    return text


Duration = Annotated[
    str,
    StringConstraints(min_length=2, max_length=24),
    AfterValidator(_checked),
    Field(json_schema_extra={"pattern": PATTERN}),
]


def between(least: str, most: str) -> AfterValidator:
    """Return a validator that keeps a duration within two others, ends included."""
    low, high = parse(least), parse(most)

    def check(text: str) -> str:
        if not low <= parse(text) <= high:
            raise ValueError(f"must be {least} to {most}")
        return text

    return AfterValidator(check)

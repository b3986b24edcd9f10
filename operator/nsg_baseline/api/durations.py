"""Durations in the notation of Kubernetes: 90s, 30m, 1h30m, 24h."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from nsg_baseline.api.cel import Cel

PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"


def parse(text: str) -> timedelta:
    """Parse a duration such as 1h30m.

    Raises:
        ValueError: the text is not a duration.
    """
    match = re.fullmatch(PATTERN, text)
    if not text or match is None:
        raise ValueError("must be a duration such as 30s, 5m or 1h30m")
    hours, minutes, seconds = (int(part[:-1]) if part else 0 for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Between:
    """Constrains a text to a duration within two bounds, inclusive."""

    least: str
    most: str

    @property
    def words(self) -> str:
        """The message for an invalid duration."""
        return f"must be a duration from {self.least} to {self.most}, such as 30s, 5m or 1h30m"

    def check(self, text: str) -> str:
        """Return the text if it is a duration within the bounds.

        Raises:
            ValueError: the text is not a duration within the bounds.
        """
        try:
            within = parse(self.least) <= parse(text) <= parse(self.most)
        except ValueError:
            within = False
        if not within:
            raise ValueError(self.words)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Add the check to the validators of the value."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the same check as a CEL rule, whose message is easier to read than a pattern."""
        bounds = f"duration('{self.least}') <= duration(self) && duration(self) <= duration('{self.most}')"
        rule = Cel(f"self != '' && self.matches('{PATTERN}') && {bounds}", self.words)
        return rule.__get_pydantic_json_schema__(core, handler)


Duration = Annotated[str, StringConstraints(max_length=18)]


def between(least: str, most: str) -> Between:
    """Return the constraint on a duration within two bounds, inclusive."""
    return Between(least, most)

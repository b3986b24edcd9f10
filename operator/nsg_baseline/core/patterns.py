"""Name patterns with the wildcards * and ?."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(pattern: str, name: str) -> bool:
    """Return whether a name matches a pattern, without regard to case. Brackets are not special."""
    return fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))


def any_matches(patterns: Iterable[str], name: str) -> bool:
    """Return whether a name matches one of the patterns."""
    return any(matches(pattern, name) for pattern in patterns)

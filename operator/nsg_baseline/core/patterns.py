"""Patterns with * and ?, as users write them for names."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(pattern: str, name: str) -> bool:
    """Say whether a name fits a pattern. Case means nothing; brackets stand for themselves."""
    return fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))


def any_matches(patterns: Iterable[str], name: str) -> bool:
    """Say whether a name fits one of the patterns."""
    return any(matches(pattern, name) for pattern in patterns)

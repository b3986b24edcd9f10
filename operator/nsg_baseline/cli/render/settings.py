"""Renders changed settings of a baseline. Of a list, only the added and removed entries are shown."""

from collections.abc import Iterator, Mapping
from typing import Any

from nsg_baseline.core.changes import Change
from nsg_baseline.core.text.rule_lines import rule_line, side_line


def sides(change: Change) -> tuple[str, str]:
    """Return the values before and after; empty if a side has no value."""
    before, after = change.approved or {}, change.live or {}
    (name,) = change.fields if len(change.fields) == 1 else ("",)
    if change.rule or name not in before or name not in after:
        return side_line(change.approved) or "", side_line(change.live) or ""
    old, new = before[name], after[name]
    return "; ".join(_only_in(old, new)), "; ".join(_only_in(new, old))


def _only_in(side: Any, reference: Any) -> Iterator[str]:
    """Yield the entries of `side` that `reference` does not have."""
    if isinstance(side, list):
        yield from (_entry(entry) for entry in side if entry not in (reference or ()))
    elif isinstance(side, Mapping):
        differing = {key: value for key, value in side.items() if value != (reference or {}).get(key)}
        yield from (_entry({key: value}) for key, value in differing.items())
    elif side is not None:
        yield _word(side)


def _entry(entry: Mapping[str, Any]) -> str:
    if "rule" in entry:
        rule = entry["rule"]
        approval = f", approved by {entry['approvedBy']}: {entry['reason']}"
        return f"{rule['name']} {rule_line(rule)}, until {entry['until']}{approval}"
    return ", ".join(f"{key} {_word(value)}" for key, value in entry.items() if value not in ([], "", None))


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    if isinstance(value, Mapping):
        return "-".join(map(_word, value.values()))
    return str(value).lower() if isinstance(value, bool) else str(value)

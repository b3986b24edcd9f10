"""Settings of a baseline in words: of a list only the entries that come and go, of an entry only what it says."""

from collections.abc import Iterator, Mapping
from typing import Any

from nsg_baseline.core.changes import Change
from nsg_baseline.core.text.rule_lines import rule_line, side_line


def sides(change: Change) -> tuple[str, str]:
    """Return what stood there before and what stands there after; empty for nothing."""
    before, after = change.approved or {}, change.live or {}
    (name,) = change.fields if len(change.fields) == 1 else ("",)
    if change.rule or name not in before or name not in after:
        return side_line(change.approved) or "", side_line(change.live) or ""
    old, new = before[name], after[name]
    return "; ".join(_only_in(old, new)), "; ".join(_only_in(new, old))


def _only_in(mine: Any, other: Any) -> Iterator[str]:
    """Yield what one side says and the other does not."""
    if isinstance(mine, list):
        yield from (_entry(one) for one in mine if one not in (other or ()))
    elif isinstance(mine, Mapping):
        apart = {key: value for key, value in mine.items() if value != (other or {}).get(key)}
        yield from (_entry({key: value}) for key, value in apart.items())
    elif mine is not None:
        yield _word(mine)


def _entry(entry: Mapping[str, Any]) -> str:
    if "rule" in entry:
        rule = entry["rule"]
        why = f", approved by {entry['approvedBy']}: {entry['reason']}"
        return f"{rule['name']} {rule_line(rule)}, until {entry['until']}{why}"
    return ", ".join(f"{key} {_word(value)}" for key, value in entry.items() if value not in ([], "", None))


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    if isinstance(value, Mapping):
        return "-".join(map(_word, value.values()))
    return str(value).lower() if isinstance(value, bool) else str(value)

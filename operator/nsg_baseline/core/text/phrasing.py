"""Texts for people: lists and lengths."""

from collections.abc import Sequence
from datetime import timedelta


def listed(texts: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def cut(text: str, length: int) -> str:
    """Return a text of at most this length; the last character is an ellipsis if the text was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def counted(count: int, noun: str) -> str:
    """Return `1 baseline` or `2 baselines`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def after(time: timedelta) -> str:
    """Return `after 41 s`; for a time that is shorter than the operator's clock can tell, `within a second`."""
    return f"after {lasting(time)}" if time >= timedelta(seconds=1) else "within a second"


def lasting(time: timedelta) -> str:
    """Return `41 s`, `5 min 3 s`, `2 h 5 min` or `3 d 4 h`: the two largest units."""
    rest = max(0, int(time.total_seconds()))
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        parts += [f"{count} {unit}"] if count or (parts and len(parts) < 2) else []  # noqa: PLR2004 - two units
        if len(parts) == 2:  # noqa: PLR2004 - two units
            break
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"

"""Violations of guardrails as text and as JSON."""

from collections.abc import Sequence
from typing import Any

from nsg_baseline.core.guardrails import Violation
from nsg_baseline.core.text.box_phrases import phrase
from nsg_baseline.core.text.exposure_lines import box_document
from nsg_baseline.core.text.phrasing import counted
from nsg_baseline.core.traffic.model import DIRECTIONS, Entry

LINES = 5
"""The maximum number of lines about one NSG; the rest is counted."""


def traffic(violation: Violation) -> str:
    """Return the traffic of a violation as a phrase: `inbound TCP 22 from Internet to any`."""
    direction = next(name for name in DIRECTIONS if name == violation.direction)
    entry = Entry(violation.effect, direction, None, decider(violation), violation.boxes, conditional=False)
    more = "" if violation.exact else "; the rest is too complex to check"
    return f"{violation.direction.lower()} {phrase(entry)}{more}"


def decider(violation: Violation) -> str | None:
    """Return the name of the deciding rule; None if no rule of the NSG decides."""
    return violation.rule.name if violation.rule is not None else None


def sentence(violation: Violation) -> str:
    """Return a violation without its guardrail: `rule open-ssh allows inbound TCP 22 from Internet to any`."""
    verb = "allows" if violation.effect == "Allowed" else "blocks"
    rule = decider(violation)
    return f"{f'rule {rule}' if rule else 'the platform'} {verb} {traffic(violation)}"


def line(violation: Violation) -> str:
    """Return a violation in one line, with the guardrail and the clause."""
    return f"guardrail {violation.guardrail} ({violation.clause}): {sentence(violation)}"


def lines(violations: Sequence[Violation]) -> tuple[str, ...]:
    """Return at most `LINES` lines."""
    if len(violations) <= LINES:
        return tuple(map(line, violations))
    return (*map(line, violations[: LINES - 1]), f"and {counted(len(violations) - LINES + 1, 'more violation')}")


def document(violation: Violation) -> dict[str, Any]:
    """Return a violation in the form of `-o json`."""
    return {
        "guardrail": violation.guardrail,
        "clause": violation.clause,
        "severity": violation.severity,
        "effect": violation.effect,
        "direction": violation.direction,
        "rule": decider(violation),
        "text": traffic(violation),
        "exact": violation.exact,
        "boxes": [box_document(box) for box in violation.boxes],
    }

"""Which modules are judged together, and which tests judge them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path("operator/nsg_baseline")


@dataclass(frozen=True)
class Part:
    """Patterns of source files below the package, and of test files below `tests`.

    Laws of hypothesis take seconds for each mutant, so they judge only where `laws` says that they are the tests.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]
    laws: bool = False

    @property
    def markers(self) -> str:
        """The expression that selects the tests by their markers."""
        return "not slow and not cluster" + ("" if self.laws else " and not hypothesis")

    def source_files(self, root: Path) -> list[Path]:
        """Return the source files, relative to `root`."""
        return sorted(_matches(root, PACKAGE, self.sources))

    def test_files(self, root: Path) -> list[Path]:
        """Return the test files, relative to `root`."""
        return sorted(_matches(root, Path("tests"), self.tests))


def _matches(root: Path, folder: Path, patterns: tuple[str, ...]) -> set[Path]:
    paths = {path.relative_to(root) for pattern in patterns for path in (root / folder).glob(pattern)}
    if not paths:
        raise FileNotFoundError(f"{folder}: no file matches {', '.join(patterns)}; correct {__file__}")
    return paths


_ALERT_POLICY = (
    "backoff",
    "deduplication",
    "delivery_record",
    "digest",
    "grouping",
    "heartbeat",
    "in_flight",
    "pager_acknowledgements",
    "pager_state",
    "pending",
    "watch",
)
_DECISIONS = ("core/test_decisions_*.py", "core/test_notices.py", "core/test_rollout_grace.py")

PARTS: Mapping[str, Part] = {
    "core/decisions": Part(("core/decisions/*.py",), (*_DECISIONS, "core/test_incident*.py")),
    "core/remediation": Part(
        (
            "core/remediation.py",
            "core/remediation_choice.py",
            "core/remediation_limits.py",
            "core/restored_document.py",
        ),
        (*_DECISIONS, "core/test_remediation*.py", "core/test_restored_document*.py"),
    ),
    "core/scope_decisions": Part(("core/scope_decisions.py",), ("core/test_scope_decisions*.py",)),
    "core/conditions": Part(
        ("core/conditions.py",), (*_DECISIONS, "core/test_conditions*.py", "core/test_scope_decisions*.py")
    ),
    "azure": Part(
        ("azure/paging.py", "azure/errors.py"),
        ("azure/test_bounds.py", "azure/test_errors*.py", "azure/test_paging*.py"),
    ),
    "alerts": Part(
        tuple(f"alerts/{name}.py" for name in _ALERT_POLICY),
        # Without the tests of the dispatcher, which send through child processes and take seconds.
        tuple(f"alerts/test_{name}.py" for name in (*_ALERT_POLICY, "backoff_limits", "pending_edges", "critical")),
    ),
    "engine/leader_election": Part(
        ("engine/leader_election.py", "kube/lease.py"), ("engine/test_leader_election*.py", "kube/test_lease*.py")
    ),
    "engine/cleanup": Part(("engine/cleanup.py",), ("engine/test_cleanup*.py", "engine/test_missing_targets.py")),
    "engine/health": Part(("engine/health.py",), ("engine/test_health*.py", "engine/test_cleanup*.py")),
    "core/incidents": Part(
        ("core/incident*.py", "core/observations.py"),
        ("core/test_incident*.py", *_DECISIONS, "core/test_scope_decisions*.py"),
    ),
    "core/attribution": Part(
        ("core/attribution/*.py", "core/rule_authors.py"),
        tuple(
            f"core/test_{name}*.py"
            for name in ("attribution", "authorship", "brief_drift", "brief_openings", "request_bodies", "rule_authors")
        ),
    ),
    "core/assignment": Part(
        ("core/assignment.py", "core/ids.py", "core/patterns.py"),
        ("core/test_assignment*.py", "core/test_ids*.py", "core/test_scope_decisions*.py"),
    ),
    "core/events": Part(
        (
            *("core/azure_events.py", "core/event_subscription.py", "core/missing_events.py"),
            *("azure/event_messages.py", "engine/scope_hints.py"),
        ),
        (
            *("core/test_azure_events.py", "core/test_event_subscription.py", "core/test_missing_events.py"),
            *("azure/test_event_messages.py", "engine/test_scope_hints.py"),
        ),
    ),
    "core/shares": Part(("core/shares.py",), ("core/test_shares*.py",)),
    "core/permissions": Part(("core/permissions.py",), ("core/test_permissions*.py",)),
    "core/verdict": Part(
        ("core/verdict.py", "core/changes.py", "core/classification.py", "core/nsg.py", "core/approval.py"),
        (
            *("core/test_changes*.py", "core/test_drift_origin*.py", "core/test_verdict*.py"),
            *("core/test_exposure_of_many*.py", "core/test_nsg*.py", "core/test_approval*.py"),
        ),
    ),
    "core/rules": Part(
        ("core/rules.py", "core/intervals.py", "core/tolerations.py"),
        (
            *("core/test_normal_form*.py", "core/test_intervals*.py", "core/test_tolerations*.py"),
            *("core/test_rules*.py", "core/test_changes*.py", *_DECISIONS),
        ),
    ),
    "core/severity": Part(
        (
            *("core/severity*.py", "core/box_severity.py", "core/assessment.py", "core/attachment.py"),
            *("core/tolerated_set.py", "core/echoes.py"),
        ),
        (
            *("core/test_severity*.py", "core/test_verdict*.py", "core/test_exposure_of_many*.py"),
            *("core/test_lint*.py", "core/test_tolerated_set*.py", "core/test_echoes*.py"),
        ),
    ),
    "core/text": Part(
        ("core/text/[!g]*.py",), ("core/test_exposure_lines*.py", "core/test_text*.py", "core/test_lint*.py")
    ),
    "core/guardrails": Part(
        ("core/guardrails/*.py", "core/guardrail_decisions.py", "core/text/guardrail_lines.py"),
        ("core/test_guardrail*.py", "cli/test_guardrail_output.py"),
    ),
    "core/presets": Part(("core/presets/*.py",), ("core/test_presets*.py", "core/test_tolerations*.py")),
    "core/lint": Part(("core/lint.py",), ("core/test_lint*.py", "cli/test_lint_output.py")),
    "core/diff": Part(
        ("core/baseline_diff.py", "core/baseline_export.py", "core/az_cli_format.py"),
        (
            *("core/test_baseline_diff*.py", "core/test_baseline_export*.py", "core/test_az_cli_format*.py"),
            "cli/test_diff_output.py",
        ),
    ),
}
"""In the order of their danger: what writes to Azure comes first."""

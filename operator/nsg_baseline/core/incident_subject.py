"""The identity of what an incident is about."""

from dataclasses import dataclass

from typing_extensions import override

from nsg_baseline.api.incident import IncidentKind, IncidentSpec


@dataclass(frozen=True, slots=True, eq=False)
class IncidentSubject:
    """A baseline or a scope, and the kind of incident.

    Two incidents about one baseline have the same subject, whatever the scope of the baseline's NSG was.

    Attributes:
        namespace: where the incident is stored: the baseline's namespace, or the operator's for a scope.
        scope: name of the scope.
        baseline: name of the baseline; None for an incident of a whole scope.
        guardrail: name of the guardrail, for an incident of a scope about one.
        subscription: id of the scope's subscription, for an incident of a whole scope.
    """

    kind: IncidentKind
    namespace: str
    scope: str
    baseline: str | None = None
    guardrail: str | None = None
    subscription: str | None = None

    @override
    def __eq__(self, other: object) -> bool:
        """Compare without the scope of a baseline."""
        return isinstance(other, IncidentSubject) and self._identity == other._identity

    @override
    def __hash__(self) -> int:
        """Hash without the scope of a baseline."""
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str, str, str | None, str | None]:
        return self.kind, self.namespace, "" if self.baseline else self.scope, self.baseline, self.guardrail

    @property
    def name(self) -> str:
        """Name of the baseline, or else of the scope; of a guardrail with its scope."""
        # A slash is in no name, so that two guardrails in two scopes have different names.
        return f"{self.guardrail}/{self.scope}" if self.guardrail else self.baseline or self.scope

    @classmethod
    def of(cls, namespace: str, spec: IncidentSpec) -> "IncidentSubject":
        """Return the subject of a stored incident."""
        return cls(spec.kind, namespace, spec.scope, spec.baseline, spec.guardrail, spec.subscription)

    def spec(self, nsg: str | None = None) -> IncidentSpec:
        """Return the spec of a new incident about this subject."""
        return IncidentSpec(
            kind=self.kind,
            scope=self.scope,
            subscription=self.subscription,
            baseline=self.baseline,
            guardrail=self.guardrail,
            nsg=nsg,
        )

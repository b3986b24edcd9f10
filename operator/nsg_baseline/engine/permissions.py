"""Whether a scope's identity has the permissions that the scope requires: read at the start, then every hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.conditions import ConditionState, find_condition, permissions
from nsg_baseline.core.permissions import ENFORCE, WATCH, missing
from nsg_baseline.engine.ports import Dependencies

PERMITTED = "Permitted"
ASK_EVERY = timedelta(hours=1)


@dataclass(slots=True)
class PermissionCache:
    """The last response. Missing permissions never stop a reconcile: Azure refuses the requests that need them."""

    _state: ConditionState | None = None
    _asked: tuple[datetime, int] | None = None

    async def condition(self, dependencies: Dependencies, scope: NSGScope) -> ConditionState | None:
        """Return the scope's condition; None if permissions are not read.

        Azure is asked when the response is unknown, older than an hour, not `True`, or of another generation.

        Raises:
            KubeError: the event about missing permissions could not be posted.
        """
        if dependencies.rights is None:
            return None
        now, generation = dependencies.clock(), scope.metadata.generation
        if self._state is None or self._state.status != "True" or self._is_old(now, generation):
            self._asked = (now, generation)
            self._state = await _asked_for(dependencies, scope)
            before = find_condition(scope.status.conditions, PERMITTED)
            if self._state.status == "False" and (before is None or before.status != "False"):
                await dependencies.records.post_event(scope, self._state.reason, self._state.message, now)
        return self._state

    def _is_old(self, now: datetime, generation: int) -> bool:
        return self._asked is None or self._asked[1] != generation or now - self._asked[0] >= ASK_EVERY


async def _asked_for(dependencies: Dependencies, scope: NSGScope) -> ConditionState:
    spec = scope.spec
    required = ENFORCE if spec.max_mode == "Enforce" else WATCH
    missing_actions: dict[str, None] = {}
    try:
        for group in spec.resource_groups or (None,):
            if dependencies.rights is not None:
                grants = await dependencies.rights.grants(spec.subscription_id, group)
                missing_actions |= dict.fromkeys(missing(grants, required))
    except AzureError as error:
        return permissions(
            "Unknown", error.reason, f"the permissions of the identity could not be read: {error.message}"
        )
    if not missing_actions:
        return permissions("True", "AllRights", "the identity has all permissions that this scope requires")
    role = "azure-role-enforce.json" if spec.max_mode == "Enforce" else "azure-role-watch.json"
    text = f"the identity lacks {', '.join(missing_actions)}; assign it the role in examples/{role}"
    return permissions("False", "MissingRights", text)

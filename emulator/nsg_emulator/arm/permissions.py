"""The permissions API, and the rejection of actions that no role grants."""

import re
from collections.abc import Sequence

from nsg_emulator.arm.errors import ArmError
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.settings import Settings

_ALL = ("*",)


def granted(settings: Settings, request: ArmRequest) -> Sequence[str]:
    """Return the actions that the roles of the caller grant."""
    return settings.roles.get(request.principal.label, _ALL)


def answer(settings: Settings, request: ArmRequest) -> ArmResponse:
    """GET of the permissions of the caller."""
    permission = {
        "actions": list(granted(settings, request)),
        "notActions": [],
        "dataActions": [],
        "notDataActions": [],
    }
    return ArmResponse(200, {"value": [permission]})


def check(settings: Settings, request: ArmRequest, action: str) -> None:
    """Reject an action that no role grants.

    Raises:
        ArmError: 403 of the gateway, as recorded.
    """
    patterns = (re.escape(pattern).replace(r"\*", ".*") for pattern in granted(settings, request))
    if any(re.fullmatch(pattern, action, re.IGNORECASE) for pattern in patterns):
        return
    caller = request.principal.label
    message = (
        f"The client '{caller}' with object id '{caller}' does not have authorization to perform "
        f"action '{action}' over "
        f"scope '{request.path}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials."
    )
    raise ArmError(403, "AuthorizationFailed", message, cause="gateway")

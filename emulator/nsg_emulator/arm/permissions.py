"""Who may do what: the permissions API, and refusals of what no role grants."""

import re
from collections.abc import Sequence

from nsg_emulator.arm.calls import Call, Reply
from nsg_emulator.arm.errors import ArmError
from nsg_emulator.arm.settings import Settings

_ALL = ("*",)


def granted(settings: Settings, call: Call) -> Sequence[str]:
    """The actions that the caller's roles grant."""
    return settings.roles.get(call.principal.label, _ALL)


def answer(settings: Settings, call: Call) -> Reply:
    """GET of the caller's permissions."""
    one = {"actions": list(granted(settings, call)), "notActions": [], "dataActions": [], "notDataActions": []}
    return Reply(200, {"value": [one]})


def check(settings: Settings, call: Call, action: str) -> None:
    """Refuse what no role grants, as recorded: 403 of the gateway."""
    patterns = (re.escape(one).replace(r"\*", ".*") for one in granted(settings, call))
    if any(re.fullmatch(pattern, action, re.IGNORECASE) for pattern in patterns):
        return
    who = call.principal.label
    message = (
        f"The client '{who}' with object id '{who}' does not have authorization to perform action '{action}' over "
        f"scope '{call.path}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    )
    raise ArmError(403, "AuthorizationFailed", message, cause="gateway")

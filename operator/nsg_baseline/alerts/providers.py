"""The services that may be used: plugins of Apprise and our own that the project tests, each loaded at its first use.

Others are refused: each is code that a Secret could set to work, and loading them all costs a second and 30 MiB.
"""

from importlib import import_module
from types import ModuleType

from apprise import AppriseAsset, NotifyBase

from nsg_baseline.alerts import egress_guard

_OURS = "nsg_baseline.alerts.plugins"
_APPRISE = "apprise.plugins"
# Schemes of URLs, and where their plugin is.
_PLUGINS = {
    ("form", "forms"): (f"{_APPRISE}.custom_form", "NotifyForm"),
    ("jira",): (f"{_OURS}.opsgenie", "Jira"),
    ("json", "jsons"): (f"{_APPRISE}.custom_json", "NotifyJSON"),
    ("mailto", "mailtos"): (f"{_APPRISE}.email", "NotifyEmail"),
    ("opsgenie",): (f"{_OURS}.opsgenie", "Opsgenie"),
    ("pagerduty",): (f"{_OURS}.pagerduty", "PagerDuty"),
    ("plivo",): (f"{_APPRISE}.plivo", "NotifyPlivo"),
    ("servicenow",): (f"{_OURS}.servicenow", "ServiceNow"),
    ("sinch",): (f"{_APPRISE}.sinch", "NotifySinch"),
    ("slack",): (f"{_APPRISE}.slack", "NotifySlack"),
    ("sns",): (f"{_APPRISE}.sns", "NotifySNS"),
    ("twilio",): (f"{_APPRISE}.twilio", "NotifyTwilio"),
    ("vonage",): (f"{_APPRISE}.vonage", "NotifyVonage"),
    ("workflow", "workflows"): (f"{_APPRISE}.workflows", "NotifyWorkflows"),
    ("xml", "xmls"): (f"{_APPRISE}.custom_xml", "NotifyXML"),
    ("zendesk",): (f"{_OURS}.zendesk", "Zendesk"),
}
_BY_SCHEME = {scheme: place for schemes, place in _PLUGINS.items() for scheme in schemes}
SCHEMES = frozenset(_BY_SCHEME)
THREADED = frozenset(scheme for scheme, (module, _) in _BY_SCHEME.items() if module.startswith(_OURS))
"""Where alerts or tickets live on, and are opened and closed."""
# Where plugins speak to the world: modules of theirs that import these.
_GUARDED = {"requests": egress_guard.REQUESTS, "smtplib": egress_guard.SMTPLIB}
_ALSO = {f"{_APPRISE}.email": (f"{_APPRISE}.email.smtp",)}


def service(scheme: str, url: str) -> NotifyBase | None:
    """Return the service that a URL of a known scheme names; None when its plugin does not accept the URL."""
    module, name = _BY_SCHEME[scheme]
    plugin = getattr(_guarded(module), name)
    # As Apprise itself reads a URL, without the search through all its plugins. A # in a path names a channel there.
    parsed = plugin.parse_url(url.replace("/#", "/%23"))
    if not parsed:
        return None
    try:
        found: NotifyBase = plugin(**parsed, asset=AppriseAsset(http_redirects=False, async_mode=True))
    except (TypeError, ValueError):
        # Apprise's word for a URL that lacks something. Its text may hold the URL.
        return None
    return found


def _guarded(name: str) -> ModuleType:
    """Import a plugin's module and hand it guarded libraries in place of those that it imported."""
    module = import_module(name)
    if name.startswith(_APPRISE):
        for one in (module, *map(import_module, _ALSO.get(name, ()))):
            for library, ours in _GUARDED.items():
                if hasattr(one, library):
                    setattr(one, library, ours)
    return module

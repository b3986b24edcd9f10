"""The supported services: plugins of Apprise and of this project, each loaded at its first use.

Other services are refused: each is code that a Secret could activate. Loading all takes a second and 30 MiB.
"""

from importlib import import_module
from types import ModuleType

from apprise import AppriseAsset, NotifyBase

from nsg_baseline.alerts import egress_guard

_OURS = "nsg_baseline.alerts.plugins"
_APPRISE = "apprise.plugins"
# The module and class of the plugin for each group of URL schemes.
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
"""Schemes of services with alerts or tickets, which are opened and closed."""
# The libraries that plugins use for network access, and their replacements.
_GUARDED = {"requests": egress_guard.REQUESTS, "smtplib": egress_guard.SMTPLIB}
_ALSO = {f"{_APPRISE}.email": (f"{_APPRISE}.email.smtp",)}


def service(scheme: str, url: str) -> NotifyBase | None:
    """Return the plugin for a URL of a supported scheme; None if it does not accept the URL."""
    module, name = _BY_SCHEME[scheme]
    plugin = getattr(_guarded(module), name)
    # Parses a URL like Apprise, without loading all plugins. A # in a path starts the name of a Slack channel.
    parsed = plugin.parse_url(url.replace("/#", "/%23"))
    if not parsed:
        return None
    try:
        instance: NotifyBase = plugin(**parsed, asset=AppriseAsset(http_redirects=False, async_mode=True))
    except (TypeError, ValueError):
        # Apprise raises these for an incomplete URL. Their text may contain the URL.
        return None
    return instance


def _guarded(name: str) -> ModuleType:
    """Import a plugin's module and replace its network libraries with guarded ones."""
    module = import_module(name)
    if name.startswith(_APPRISE):
        for plugin_module in (module, *map(import_module, _ALSO.get(name, ()))):
            for library, replacement in _GUARDED.items():
                if hasattr(plugin_module, library):
                    setattr(plugin_module, library, replacement)
    return module

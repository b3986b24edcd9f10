"""The supported services: plugins of Apprise and of this project, each loaded at its first use.

Other services are refused: each is code that a Secret could activate. Loading all takes a second and 30 MiB.
"""

from importlib import import_module

from apprise import AppriseAsset, NotifyBase

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


def service(scheme: str, url: str) -> NotifyBase | None:
    """Return the plugin for a URL of a supported scheme; None if it does not accept the URL."""
    module, name = _BY_SCHEME[scheme]
    plugin = getattr(import_module(module), name)
    # Parses a URL like Apprise, without loading all plugins. A # in a path starts the name of a Slack channel.
    parsed = plugin.parse_url(url.replace("/#", "/%23"))
    if not parsed:
        return None
    try:
        instance: NotifyBase = plugin(**parsed, asset=AppriseAsset(http_redirects=False, storage_mode="memory"))
    except (TypeError, ValueError):
        # Apprise raises these for an incomplete URL. Their text may contain the URL.
        return None
    return instance

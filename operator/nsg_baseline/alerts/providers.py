"""The supported services: plugins of Apprise and of this project, each loaded at its first use in a child process."""

from importlib import import_module

from apprise import AppriseAsset, NotifyBase

from nsg_baseline.alerts.apprise_services import SERVICES

_OURS = "nsg_baseline.alerts.plugins"
_APPRISE = "apprise.plugins"
# This project's plugins, for services that Apprise does not support, or whose alerts it cannot close.
_OWN_PLUGINS = {
    "jira": (f"{_OURS}.opsgenie", "Jira"),
    "opsgenie": (f"{_OURS}.opsgenie", "Opsgenie"),
    "pagerduty": (f"{_OURS}.pagerduty", "PagerDuty"),
    "servicenow": (f"{_OURS}.servicenow", "ServiceNow"),
    "zendesk": (f"{_OURS}.zendesk", "Zendesk"),
}
_BY_SCHEME = {
    scheme: (f"{_APPRISE}.{module}", name) for module, (name, schemes) in SERVICES.items() for scheme in schemes.split()
} | _OWN_PLUGINS
SCHEMES = frozenset(_BY_SCHEME)
OWN_FORM = frozenset(
    {
        *(
            "form",
            "forms",
            "json",
            "jsons",
            "mailto",
            "mailtos",
            "nexmo",
            "plivo",
            "sinch",
            "slack",
            "sns",
            "twilio",
            "vonage",
        ),
        *("workflow", "workflows", "xml", "xmls", *_OWN_PLUGINS),
    }
)
"""Schemes with a specific format. Their plugins only parse a URL when they are built, so the operator may do so."""
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

"""The services that may be used: of Apprise's 140 plugins those that the project tests, each loaded at its first use.

Others are refused: each is code that a Secret could set to work, and loading them all costs a second and 30 MiB.
"""

from importlib import import_module

from apprise import AppriseAsset, NotifyBase

# Schemes of URLs, and where in Apprise their plugin is.
_PLUGINS = {
    ("form", "forms"): ("custom_form", "NotifyForm"),
    ("jira",): ("jira", "NotifyJira"),
    ("json", "jsons"): ("custom_json", "NotifyJSON"),
    ("mailto", "mailtos"): ("email", "NotifyEmail"),
    ("opsgenie",): ("opsgenie", "NotifyOpsgenie"),
    ("pagerduty",): ("pagerduty", "NotifyPagerDuty"),
    ("plivo",): ("plivo", "NotifyPlivo"),
    ("sinch",): ("sinch", "NotifySinch"),
    ("slack",): ("slack", "NotifySlack"),
    ("sns",): ("sns", "NotifySNS"),
    ("twilio",): ("twilio", "NotifyTwilio"),
    ("vonage",): ("vonage", "NotifyVonage"),
    ("workflow", "workflows"): ("workflows", "NotifyWorkflows"),
    ("xml", "xmls"): ("custom_xml", "NotifyXML"),
}
_BY_SCHEME = {scheme: place for schemes, place in _PLUGINS.items() for scheme in schemes}
SCHEMES = frozenset(_BY_SCHEME)


def service(scheme: str, url: str) -> NotifyBase | None:
    """Return the service that a URL of a known scheme names; None when Apprise does not accept the URL."""
    module, name = _BY_SCHEME[scheme]
    plugin = getattr(import_module(f"apprise.plugins.{module}"), name)
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

"""The URL schemes of channels. No plugin of Apprise is loaded here: the operator does not load any."""

from nsg_baseline.alerts.apprise_services import SERVICES

_OURS = "nsg_baseline.alerts.plugins"
_APPRISE = "apprise.plugins"
# This project's plugins, for services that Apprise does not support, or whose alerts it cannot close.
_OWN_PLUGINS = {
    "alertmanager": (f"{_OURS}.alertmanager", "Alertmanager"),
    "alertmanagers": (f"{_OURS}.alertmanager", "Alertmanager"),
    "azurelogs": (f"{_OURS}.azure_logs", "AzureLogs"),
    "cloudevent": (f"{_OURS}.cloudevents", "CloudEvents"),
    "cloudevents": (f"{_OURS}.cloudevents", "CloudEvents"),
    "jira": (f"{_OURS}.opsgenie", "Jira"),
    "opsgenie": (f"{_OURS}.opsgenie", "Opsgenie"),
    "pagerduty": (f"{_OURS}.pagerduty", "PagerDuty"),
    "servicenow": (f"{_OURS}.servicenow", "ServiceNow"),
    "zendesk": (f"{_OURS}.zendesk", "Zendesk"),
}
PLUGINS = {
    scheme: (f"{_APPRISE}.{module}", name)
    for module, (name, schemes, _) in SERVICES.items()
    for scheme in schemes.split()
} | _OWN_PLUGINS
"""The module and the class of the plugin, by scheme."""
SCHEMES = frozenset(PLUGINS)
OWN_FORM = frozenset(
    {
        *("form", "forms", "json", "jsons", "mailto", "mailtos", "nexmo", "plivo", "sinch", "slack", "sns", "twilio"),
        *("vonage", "workflow", "workflows", "xml", "xmls", *_OWN_PLUGINS),
    }
)
"""Schemes with a specific format."""
LENGTHS = {"workflow": 4000, "workflows": 4000}
"""The longest text of services that accept more than Apprise assumes, by scheme. Teams accepts cards of 28 KB."""
STATEFUL = frozenset({"alertmanager", "alertmanagers"})
"""Schemes of services that need the state of the incidents again and again."""
SIGNED = frozenset({"json", "jsons", "cloudevent", "cloudevents"})
"""Schemes of webhooks, whose requests have an id, and a signature if the URL has a secret (`hmac=`)."""
PAGERS = {"pagerduty": "PagerDuty", "opsgenie": "Opsgenie", "jira": "Jira Service Management"}
"""Services whose alerts people acknowledge, by scheme."""
THREADED = frozenset({"jira", "opsgenie", "pagerduty", "servicenow", "zendesk"})
"""Schemes of services with alerts or tickets, which are opened and closed."""
RECIPIENTS = {
    scheme: tuple(lists.split())
    for _, (_, schemes, lists) in SERVICES.items()
    for scheme in schemes.split()
    if scheme not in _OWN_PLUGINS
}
"""The attributes of a plugin with its recipients, by scheme; empty if one request serves all of them."""
_DEFAULT_DESTINATION = (
    "betterstack dingtalk flock jira kakaotalk kook mastodon matrix mattermost opsgenie pushed rocketchat simplepush"
    " twitter webexteams wpush xmatters"
)
HAVE_DEFAULT = frozenset(scheme for module in _DEFAULT_DESTINATION.split() for scheme in SERVICES[module][1].split())
"""Schemes whose URL needs no recipient, such as those of a webhook that belongs to a channel."""

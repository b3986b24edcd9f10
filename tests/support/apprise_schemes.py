"""The services of the installed Apprise. `python -m tests.support.apprise_schemes` writes the operator's table of them,
and the page that lists them."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apprise
from apprise.manager_plugins import NotificationManager

from nsg_baseline.alerts import apprise_services
from nsg_baseline.alerts.apprise_refusals import REFUSED
from nsg_baseline.alerts.schemes import OWN_FORM

PAGE = Path(__file__).parents[2] / "docs" / "services.md"
_INTRODUCTION = """# Services

Every URL of these services can be a channel. [Alerts](alerts.md#channels) describes those with a specific form. The
others get a plain form: title and text, cut to the length that the service accepts. Services that read Markdown get it
as one block of code. Services that accept less than 640 characters get one line of ASCII. Where the last column is
empty, the recipients of a URL share one request. The documentation of Apprise describes the URLs.

| Service | URL schemes | Form | Recipients of a URL |
|---|---|---|---|
"""
_REFUSALS = """
## Refused

| URL schemes | Reason |
|---|---|
"""
_OPTIONS = """
Options that make Apprise read a file or a URL are refused in all URLs: `keyfile`, `pgpkey`, `pgpprv`, `pgppub`,
`subfile`, `template` and `wkd`. `verify=no` is refused, too.
"""


@dataclass(frozen=True, slots=True)
class Service:
    """One service: the module of its plugin, the plugin, and its URL schemes."""

    module: str
    plugin: Any
    schemes: tuple[str, ...]

    @property
    def row(self) -> str:
        lists = " ".join(recipient_lists(self.module, self.plugin))
        return f'    "{self.module}": ("{self.plugin.__name__}", "{" ".join(self.schemes)}", "{lists}"),'

    @property
    def documentation(self) -> str:
        name = str(self.plugin.service_name).replace("|", "/")
        lists = recipient_lists(self.module, self.plugin)
        return f"| {name} | {_listed(self.schemes)} | {self._form()} | {'separate channels |' if lists else '|'}"

    def _form(self) -> str:
        if OWN_FORM.issuperset(self.schemes):
            return "specific"
        length = self.plugin.body_maxlen
        return f"plain, {length:,} characters" if isinstance(length, int) else "plain"


OURS = {
    "Alertmanager": "alertmanager alertmanagers",
    "Azure Monitor Logs": "azurelogs",
    "CloudEvents": "cloudevent cloudevents",
    "ServiceNow": "servicenow",
    "Zendesk": "zendesk",
}
"""Services that Apprise does not support."""
# One request makes one alert or one post for all recipients: divided, it would make several.
TOGETHER = ("dingtalk", "jira", "mastodon", "one_signal", "opsgenie", "twitter", "xmatters")
# Services for which it is not proven that a plugin with one recipient sends the same.
UNPROVEN = ("burstsms", "dot", "matrix", "office365", "revolt", "ringcentral", "sfr", "twist", "vapid", "voipms")
_NO_LISTS = frozenset({"batch", "batch_size", "default_batch_size", "mode", "retry"})


def recipient_lists(module: str, plugin: Any) -> list[str]:
    """Return the attributes with recipients: those that the plugin counts in its `__len__`."""
    if module in (*TOGETHER, *UNPROVEN):
        return []
    for base in plugin.__mro__:
        if "__len__" in base.__dict__ and base.__name__ not in ("NotifyBase", "URLBase"):
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
            (method,) = (
                node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__len__"
            )
            names = {
                node.attr
                for node in ast.walk(method)
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
            }
            return sorted(names - _NO_LISTS)
    return []


def installed() -> Iterator[Service]:
    """Yield every service of the installed Apprise."""
    manager: Any = NotificationManager  # Apprise does not annotate it
    services = manager()
    services.load_modules()
    for module, entry in sorted(services._module_map.items()):  # the only place that has the module's name
        (plugin,) = entry["plugin"]
        yield Service(module, plugin, tuple(sorted(plugin.schemas(plugin))))


def table() -> str:
    """Return the text of the operator's table of services."""
    head = [
        f'"""Services of Apprise {apprise.__version__} over HTTP and SMTP, generated."""',
        "",
        "# The class of the plugin, its URL schemes, and its lists of recipients, by its module.",
        "SERVICES: dict[str, tuple[str, str, str]] = {",
    ]
    return "\n".join([*head, *(service.row for service in installed() if service.module not in REFUSED), "}", ""])


def page() -> str:
    """Return the page that lists the services."""
    allowed = sorted(
        (service for service in installed() if service.module not in REFUSED),
        key=lambda service: str(service.plugin.service_name).lower(),
    )
    rows = [service.documentation for service in allowed]
    rows += [f"| {name} | {_listed(schemes.split())} | specific | |" for name, schemes in OURS.items()]
    refusals = [f"| {_listed(schemes.split())} | {reason} |" for reason, schemes in REFUSED.values()]
    return _INTRODUCTION + "\n".join(rows) + "\n" + _REFUSALS + "\n".join(refusals) + "\n" + _OPTIONS


def _listed(schemes: Any) -> str:
    return ", ".join(f"`{scheme}`" for scheme in schemes)


if __name__ == "__main__":
    Path(apprise_services.__file__).write_text(table())
    PAGE.write_text(page())

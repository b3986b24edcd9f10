"""The filters of templates. Import it only in a child of the sender."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from jinja2.exceptions import FilterArgumentError
from jinja2.filters import FILTERS as JINJA_FILTERS

from nsg_baseline.alerts.sender.marks import LINK_STARTS, URL_CHARACTERS
from nsg_baseline.alerts.sender.template_values import Marked

# The names before the values of `/subscriptions/ID/resourceGroups/GROUP/providers/.../networkSecurityGroups/NAME`.
_SUBSCRIPTION, _GROUP = "subscriptions", "resourcegroups"


def _link(text: object, url: Any) -> Marked:
    if not str(url).startswith(LINK_STARTS):
        raise FilterArgumentError("link needs an http or https URL")
    # `quote` keeps these two, which are markup in some formats.
    encoded = quote(str(url), safe=URL_CHARACTERS).replace("_", "%5F").replace("~", "%7E")
    return Marked("l", text, encoded)


def _after(segment: str, resource_id: object) -> str:
    """Return the part of a resource id after a segment; empty if there is none."""
    parts = str(resource_id).split("/")
    return next((value for name, value in pairwise(parts) if name.lower() == segment), "")


def _name(resource_id: object) -> str:
    return str(resource_id).rstrip("/").rpartition("/")[2]


MARKS = frozenset({"bold", "code", "link"})
"""Filters whose result can only be printed."""
_SHARED = (
    *("count", "d", "default", "first", "join", "last", "length", "lower", "map", "rejectattr", "replace"),
    *("selectattr", "sort", "trim", "truncate", "unique", "upper"),
)
FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **{name: JINJA_FILTERS[name] for name in _SHARED},
        "bold": partial(Marked, "b"),
        "code": partial(Marked, "c"),
        "link": _link,
        "resource_name": _name,
        "resource_group": partial(_after, _GROUP),
        "subscription": partial(_after, _SUBSCRIPTION),
    }
)

"""Which incidents a route, or a group of its channels, is notified of."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from nsg_baseline.api.common import UNIQUE, UNIQUE_RULE, Severity, SpecShape, without_nulls
from nsg_baseline.api.guardrail import Patterns, Scopes
from nsg_baseline.api.heartbeat import SecretKey
from nsg_baseline.api.incident import IncidentKind
from nsg_baseline.api.message_templates import MessageTemplates
from nsg_baseline.api.patterns import CHANNELS_NAME_PATTERN


class RouteMatch(SpecShape):
    """Incidents to notify about. An incident must fulfil each part that is set."""

    min_severity: Annotated[Severity | None, Field(description="Ignore incidents below this severity.")] = None
    max_severity: Annotated[
        Severity | None,
        Field(description="Ignore incidents above this severity, for example because another route pages for them."),
    ] = None
    kinds: Annotated[
        tuple[IncidentKind, ...] | None,
        Field(
            description="Kinds of incident. If unset, all kinds of the route.", min_length=1, max_length=4, strict=False
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = None
    scopes: Annotated[Scopes | None, Field(description="Names of scopes. If unset, all scopes.")] = None
    resource_groups: Annotated[
        Patterns | None,
        Field(description="Resource groups, case-insensitive. Patterns may contain * and ?. If unset, all."),
    ] = None
    names: Annotated[
        Patterns | None,
        Field(description="Names of NSGs, case-insensitive. Patterns may contain * and ?. If unset, all."),
    ] = None
    tags: Annotated[
        dict[str, Annotated[str, StringConstraints(max_length=256)]] | None,
        Field(
            description="Resource tags that the baseline of the NSG approves (`spec.tags`), all of them. Values are "
            "case-insensitive patterns. Tags in Azure do not count, because their editor could redirect alerts. An NSG "
            "without an approved value matches in critical incidents only.",
            min_length=1,
            max_length=20,
        ),
        BeforeValidator(without_nulls),
    ] = None


class ChannelGroup(SpecShape):
    """Channels of a route that are notified of some of its incidents only."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=30, pattern=CHANNELS_NAME_PATTERN),
        Field(description="Name of the group, such as pager. The records of deliveries contain it."),
    ]
    urls_from: Annotated[SecretKey, Field(description="Key of a Secret that contains Apprise URLs, one per line.")]
    match: Annotated[
        RouteMatch | None, Field(description="Incidents of the route to notify about; all of them if unset.")
    ] = None
    templates: Annotated[
        MessageTemplates | None,
        Field(description="Templates of this group. The route's title or body applies if the group sets none."),
    ] = None

"""Objects that must be refused, each with the field that its refusal must name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from tests.api.objects import GROUP, NSG, REMOVED, RULES, Document, Place, good, put

RULE: Place = ("spec", "rules", 0)
SECOND: Place = ("spec", "rules", 1)
OTHER = {**RULES[1], "name": "other"}
LONG = "x" * 600


@dataclass(frozen=True, slots=True)
class Bad:
    """A good object with one thing spoilt.

    Attributes:
        why: what somebody may well write.
        kind: the kind of the object.
        place: what is spoilt.
        value: what stands there.
        field: what the refusal must name.
        says: words that the models and the API server share, where the message is this project's own.
    """

    why: str
    kind: str
    place: Place
    value: Any
    field: str
    says: str = ""

    @property
    def document(self) -> Document:
        """The whole object."""
        return put(good(self.kind, "bad"), self.place, self.value)

    @override
    def __str__(self) -> str:
        return f"{self.kind}-{self.why}".replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Forbidden:
    """An update that must be refused."""

    kind: str
    place: Place
    value: Any
    field: str

    @override
    def __str__(self) -> str:
        return f"{self.kind}-{self.field}"


def _baselines() -> Iterator[Bad]:
    def bad(why: str, place: Place, value: Any, field: str, says: str = "") -> Bad:
        return Bad(why, "NSGBaseline", place, value, field, says)

    target = ("spec", "target", "resourceId")
    yield bad("no target", ("spec", "target"), REMOVED, "spec.target")
    yield bad("target is a name", target, "web", "spec.target.resourceId", "must be the resource id")
    yield bad("target is a rule", target, f"{NSG}/securityRules/a", "spec.target.resourceId", "must be the resource id")
    yield bad("target with a query", target, f"{NSG}?x=y", "spec.target.resourceId", "must be the resource id")
    yield bad("target climbs", target, NSG.replace("rg-web", ".."), "spec.target.resourceId", "must be the resource id")
    yield bad("target too long", target, NSG + LONG, "spec.target.resourceId")
    yield bad("no rules at all", ("spec", "rules"), REMOVED, "spec.rules")
    yield bad("rules null", ("spec", "rules"), None, "spec.rules")
    yield bad("rules as a map", ("spec", "rules"), {"a": RULES[0]}, "spec.rules")
    yield bad("too many rules", ("spec", "rules"), RULES * 501, "spec.rules")
    yield bad("unknown field", ("spec", "rule"), [], "spec.rule")
    yield bad("misspelt field of a rule", (*RULE, "sourceAddressPrefixs"), [], "spec.rules[0].sourceAddressPrefixs")
    yield bad("mode in lower case", ("spec", "mode"), "enforce", "spec.mode")
    yield bad("suspend in quotes", ("spec", "suspend"), "true", "spec.suspend")
    yield bad("tag is a number", ("spec", "tags", "cost"), 7, "spec.tags.cost")
    yield bad("grace without a unit", ("spec", "rolloutGrace"), "30", "spec.rolloutGrace", "must be a duration from 0s")
    yield bad("grace too long", ("spec", "rolloutGrace"), "25h", "spec.rolloutGrace", "must be a duration from 0s")
    yield bad("grace empty", ("spec", "rolloutGrace"), "", "spec.rolloutGrace", "must be a duration from 0s")
    yield bad(
        "tolerates nobody", ("spec", "tolerate", 0), {}, "spec.tolerate[0].name", "exactly one of preset and name"
    )
    yield bad("tolerates twice", ("spec", "tolerate", 0, "name"), "a", "spec.tolerate[0].name", "exactly one of preset")
    yield bad("unknown preset", ("spec", "tolerate", 0, "preset"), "aks", "spec.tolerate[0].preset")
    yield bad("reverts nonsense", ("spec", "enforcement", "revert"), ["All"], "spec.enforcement.revert[0]")
    yield bad(
        "reverts twice", ("spec", "enforcement", "revert"), ["RuleCreated"] * 2, "spec.enforcement.revert", "item twice"
    )
    yield bad("reverts some", ("spec", "enforcement", "only"), "Denials", "spec.enforcement.only")
    yield bad("no change may be made", ("spec", "enforcement", "maxChanges"), 0, "spec.enforcement.maxChanges")
    yield bad("until a day", ("spec", "exceptions", 0, "until"), "2026-12-01", "spec.exceptions[0].until")
    yield bad(
        "until February 30", ("spec", "exceptions", 0, "until"), "2026-02-30T00:00:00Z", "spec.exceptions[0].until"
    )
    yield bad("nobody approved", ("spec", "exceptions", 0, "approvedBy"), REMOVED, "spec.exceptions[0].approvedBy")
    yield bad("reviewed each minute", ("spec", "review", "everyDays"), 0, "spec.review.everyDays")
    yield bad("reviewed on a day", ("spec", "review", "lastReviewed"), "2026-06-01", "spec.review.lastReviewed")
    yield bad("reviewed by nobody", ("spec", "review", "by"), "", "spec.review.by")
    yield bad("subnet by name", ("spec", "associations", "subnets", 0), "web", "spec.associations.subnets[0]")
    yield bad(
        "exception of a bad rule",
        ("spec", "exceptions", 0, "rule", "destinationPortRange"),
        "http",
        "spec.exceptions[0].rule.destinationPortRange",
        "must be *, a port",
    )


def _rules() -> Iterator[Bad]:
    def bad(why: str, name: str, value: Any, says: str = "", at: str = "", rule: int = 0) -> Bad:
        place = ("spec", "rules", rule, name)
        return Bad(why, "NSGBaseline", place, value, f"spec.rules[{rule}].{at or name}", says)

    yield bad("nameless rule", "name", REMOVED)
    yield bad("rule name with a blank", "name", "allow https")
    yield bad("rule name ends in a hyphen", "name", "allow-")
    yield bad("description too long", "description", "x" * 141)
    yield bad("priority below 100", "priority", 99)
    yield bad("priority of a default rule", "priority", 65000)
    yield bad("priority in quotes", "priority", "100")
    yield bad("priority with a fraction", "priority", 100.5)
    yield bad("direction in lower case", "direction", "inbound")
    yield bad("access in lower case", "access", "allow")
    yield bad("no access", "access", REMOVED)
    yield bad("two protocols", "protocol", "Tcp,Udp")
    yield bad("port without quotes", "destinationPortRange", 443)
    yield bad("port too high", "destinationPortRange", "65536", "must be *, a port such as 443")
    yield bad("port by name", "destinationPortRange", "https", "must be *, a port such as 443")
    yield bad("two ports in one text", "destinationPortRange", "80,443", "must be *, a port such as 443")
    yield bad("port range downwards", "destinationPortRange", "444-443", "must be *, a port such as 443")
    yield bad("no port", "destinationPortRange", REMOVED, "exactly one of destinationPortRange, destinationPortRanges")
    yield bad("port and ports", "destinationPortRanges", ["80"], "exactly one of", at="destinationPortRange")
    yield bad("empty port", "sourcePortRange", "", "exactly one of sourcePortRange, sourcePortRanges")
    yield bad("any port in a list", "sourcePortRanges", ["*"], at="sourcePortRanges[0]", rule=1)
    yield bad("port in a list too high", "sourcePortRanges", ["80", "70000"], at="sourcePortRanges[1]", rule=1)
    yield bad("mask too long", "sourceAddressPrefix", "10.0.0.0/33", "must be *, an IP address")
    yield bad("octet too high", "sourceAddressPrefix", "10.0.0.256", "must be *, an IP address")
    yield bad("netmask", "sourceAddressPrefix", "10.0.0.0/255.0.0.0", "must be *, an IP address")
    yield bad("mask with a zero", "sourceAddressPrefix", "10.0.0.0/08", "must be *, an IP address")
    yield bad("two addresses in one text", "sourceAddressPrefix", "10.0.0.1,10.0.0.2", "must be *, an IP address")
    yield bad("blank after a tag", "sourceAddressPrefix", "Internet ", "must be *, an IP address")
    yield bad("bad IPv6", "sourceAddressPrefix", "2001:db8:::/32", "must be *, an IP address")
    yield bad("IPv4 as IPv6", "sourceAddressPrefix", "::ffff:10.0.0.1", "must be *, an IP address")
    yield bad("source null", "sourceAddressPrefix", None, "exactly one of sourceAddressPrefix, sourceAddressPrefixes")
    yield bad("prefix and prefixes", "sourceAddressPrefixes", ["10.0.0.1"], "exactly one of", at="sourceAddressPrefix")
    yield bad("prefix and group", "destinationAddressPrefix", "*", "exactly one of")
    yield bad("no source", "sourceAddressPrefixes", [], "exactly one of", at="sourceAddressPrefix", rule=1)
    yield bad("any address in a list", "sourceAddressPrefixes", ["*"], at="sourceAddressPrefixes[0]", rule=1)
    yield bad("host name in a list", "sourceAddressPrefixes", ["a-b.c"], at="sourceAddressPrefixes[0]", rule=1)
    yield bad("addresses as a text", "sourceAddressPrefixes", "10.0.0.1", rule=1)
    groups = "destinationApplicationSecurityGroups"
    yield bad("group as a text", groups, [f"{GROUP}/applicationSecurityGroups/a"], at=f"{groups}[0]")
    yield bad("group is an NSG", groups, [{"id": NSG}], at=f"{groups}[0].id")
    yield bad("group without an id", groups, [{"name": "shop"}], at=f"{groups}[0]")
    yield bad("too many groups", groups, [{"id": f"{GROUP}/applicationSecurityGroups/g{n}"} for n in range(11)])


def _scopes() -> Iterator[Bad]:
    def bad(why: str, place: Place, value: Any, field: str, says: str = "") -> Bad:
        return Bad(why, "NSGScope", ("spec", *place), value, f"spec.{field}", says)

    allowed = "allowedNamespaces"
    yield bad("no subscription", ("subscriptionId",), REMOVED, "subscriptionId")
    yield bad("subscription by name", ("subscriptionId",), "production", "subscriptionId")
    yield bad("no groups in the list", ("resourceGroups",), [], "resourceGroups")
    yield bad("group pattern", ("resourceGroups",), ["rg-*"], "resourceGroups[0]")
    yield bad("group twice", ("resourceGroups",), ["a", "a"], "resourceGroups", "must not contain an item twice")
    yield bad("interval too short", ("interval",), "1s", "interval", "must be a duration from 10s to 24h")
    yield bad("interval a number", ("interval",), 60, "interval")
    yield bad("interval in days", ("interval",), "1d", "interval", "must be a duration from 10s to 24h")
    yield bad("identity without a tenant", ("identity", "tenantId"), REMOVED, "identity.tenantId")
    yield bad("nobody allowed", (allowed,), {}, f"{allowed}.names", "exactly one of names, selector and all")
    yield bad("names and all", (allowed, "all"), True, f"{allowed}.names", "exactly one of names, selector and all")
    yield bad("all but false", (allowed,), {"all": False}, f"{allowed}.all")
    yield bad("namespace in capitals", (allowed, "names"), ["Team"], f"{allowed}.names[0]")
    yield bad("namespace twice", (allowed, "names"), ["a", "a"], f"{allowed}.names", "must not contain an item twice")
    yield bad("empty selector", (allowed,), {"selector": {"matchLabels": {}}}, f"{allowed}.selector.matchLabels")
    most = "maxBaselinesPerNamespace"
    yield bad("no baselines per namespace", (allowed, most), 0, f"{allowed}.{most}")
    yield bad("too many baselines per namespace", (allowed, most), 100_001, f"{allowed}.{most}")
    yield bad("only a limit", (allowed,), {most: 1}, f"{allowed}.names", "exactly one of names, selector and all")
    yield bad("bad label", (allowed,), {"selector": {"matchLabels": {"a": "-"}}}, f"{allowed}.selector.matchLabels.a")
    yield bad("unknown mode", ("maxMode",), "Audit", "maxMode")
    yield bad("unknown way with the rest", ("unbaselined", "mode"), "Enforce", "unbaselined.mode")
    yield bad("too many patterns", ("unbaselined", "ignoreNames"), ["a"] * 101, "unbaselined.ignoreNames")


def _routes() -> Iterator[Bad]:
    def bad(why: str, place: Place, value: Any, field: str, says: str = "") -> Bad:
        return Bad(why, "NSGAlertRoute", ("spec", *place), value, f"spec.{field}", says)

    no_channels = {"minSeverity": "low"}
    yield bad("no Secret", (), no_channels, "urlsFrom", "urlsFrom or channels must be set")
    yield bad("group in capitals", ("channels", 0, "name"), "Pager", "channels[0].name")
    yield bad("group without a Secret", ("channels", 0, "urlsFrom"), REMOVED, "channels[0].urlsFrom")
    yield bad("two groups of one name", ("channels", 1, "name"), "pager", "channels", "two groups of the same name")
    yield bad("no groups", ("channels",), [], "channels")
    yield bad(
        "unknown severity of a group", ("channels", 0, "match", "minSeverity"), "worst", "channels[0].match.minSeverity"
    )
    yield bad("kind of a group twice", ("channels", 0, "match", "kinds"), ["Drift"] * 2, "channels[0].match.kinds")
    yield bad("no tags", ("channels", 0, "match", "tags"), {}, "channels[0].match.tags")
    yield bad("URL instead of a Secret", ("urlsFrom",), "slack://token", "urlsFrom")
    yield bad("Secret of another namespace", ("urlsFrom", "namespace"), "ops", "urlsFrom.namespace")
    yield bad("Secret name in capitals", ("urlsFrom", "name"), "Chat", "urlsFrom.name")
    yield bad("unknown severity", ("minSeverity",), "warning", "minSeverity")
    yield bad("no kinds", ("kinds",), [], "kinds")
    yield bad("kind twice", ("kinds",), ["Drift", "Drift"], "kinds", "must not contain an item twice")
    yield bad("unknown event", ("send",), ["Closed"], "send[0]")
    yield bad("reminder too often", ("remindEvery",), "1m", "remindEvery", "must be a duration from 5m to 720h")
    yield bad("wait too long", ("groupWait",), "1h", "groupWait", "must be a duration from 0s to 10m")
    yield bad("no messages", ("maxMessagesPerHour",), 0, "maxMessagesPerHour")
    yield bad("unknown acknowledgements", ("acknowledgements",), "Webhook", "acknowledgements")
    yield bad("time of another day", ("heartbeat", "at"), "24:00", "heartbeat.at")
    yield bad("time with seconds", ("heartbeat", "at"), "08:00:00", "heartbeat.at")
    yield bad("empty heartbeat", ("heartbeat",), {}, "heartbeat.at", "at or urlsFrom must be set")
    yield bad("empty templates", ("templates",), {}, "templates.title", "title or body must be set")
    yield bad("empty title", ("templates",), {"title": ""}, "templates.title")
    yield bad("long title", ("templates",), {"title": "x" * 501}, "templates.title")
    yield bad("long body", ("templates",), {"body": "x" * 4001}, "templates.body")
    yield bad("unknown template", ("templates",), {"title": "x", "subject": "x"}, "templates.subject")
    yield bad("empty templates of a group", ("channels", 0, "templates"), {}, "channels[0].templates.title")
    yield bad("switch without a key", ("heartbeat", "urlsFrom"), {"name": "switches"}, "heartbeat.urlsFrom.key")


def _guardrails() -> Iterator[Bad]:
    def bad(why: str, place: Place, value: Any, field: str, says: str = "") -> Bad:
        return Bad(why, "NSGGuardrail", ("spec", *place), value, f"spec.{field}", says)

    never, always = ("never", 0), ("always", 0)
    yield bad("unknown direction", (*never, "direction"), "inbound", "never[0].direction")
    yield bad("no direction", (*always, "direction"), REMOVED, "always[0].direction")
    yield bad("protocol in lower case", (*never, "protocols"), ["tcp"], "never[0].protocols[0]")
    yield bad("no protocol", (*never, "protocols"), [], "never[0].protocols")
    yield bad("protocol twice", (*never, "protocols"), ["Tcp", "Tcp"], "never[0].protocols", "item twice")
    yield bad("ports of ICMP", (*never, "protocols"), ["Tcp", "Icmp"], "never[0].ports", "separate clause")
    yield bad("port by name", (*never, "ports"), ["ssh"], "never[0].ports", "must be *, a port")
    yield bad("port downwards", (*always, "ports"), ["90-80"], "always[0].ports", "must be *, a port")
    yield bad("no ports", (*never, "ports"), [], "never[0].ports")
    yield bad("empty port", (*never, "ports"), [""], "never[0].ports")
    yield bad("port without quotes", (*never, "ports"), [22], "never[0].ports[0]")
    yield bad("source with a blank", (*never, "source"), "Internet ", "never[0].source", "must be *, an IP address")
    yield bad("source empty", (*never, "source"), "", "never[0].source")
    yield bad("mask too long", (*always, "source"), "10.0.0.0/33", "always[0].source", "must be *, an IP address")
    yield bad("inbound to the Internet", (*never, "destination"), "Internet", "never[0].destination", "side of the NSG")
    yield bad("outbound from a service", ("always", 1, "source"), "Storage", "always[1].source", "the side of the NSG")
    yield bad("size of always", (*always, "sourceSize"), "Any", "always[0].sourceSize")
    yield bad("unknown size", (*never, "sourceSize"), "Wide", "never[0].sourceSize")
    outbound = [{"direction": "Outbound", "destination": "Internet", "sourceSize": "InternetWide"}]
    yield bad("size of outbound", ("never",), outbound, "never[0].sourceSize", "requires direction Inbound")
    yield bad("too many clauses", ("never",), [{"direction": "Inbound"}] * 21, "never")
    yield bad("excluded by a tag", ("exclude", "tags"), {"guardrail": "off"}, "exclude.tags")
    yield bad("matches no scope", ("match", "scopes"), [], "match.scopes")
    yield bad("tag is a number", ("match", "tags", "env"), 1, "match.tags.env")
    yield bad("unknown severity", ("severity",), "warning", "severity")
    exception = ("exceptions", 0)
    yield bad("exception for a name", (*exception, "resourceId"), "web", "exceptions[0].resourceId", "resource id")
    yield bad("exception without an end", (*exception, "until"), REMOVED, "exceptions[0].until")
    yield bad("exception until a day", (*exception, "until"), "2026-12-01", "exceptions[0].until")
    yield bad("exception of nobody", (*exception, "approvedBy"), "", "exceptions[0].approvedBy")


def _incidents() -> Iterator[Bad]:
    def bad(why: str, place: Place, value: Any, field: str) -> Bad:
        return Bad(why, "NSGIncident", ("spec", *place), value, f"spec.{field}")

    yield bad("no scope", ("scope",), REMOVED, "scope")
    yield bad("unknown kind", ("kind",), "Deviation", "kind")
    yield bad("acknowledged by nobody", ("acknowledged",), {"note": "x"}, "acknowledged.by")
    yield bad("acknowledged with a word", ("acknowledged",), True, "acknowledged")
    yield bad("note too long", ("acknowledged", "note"), "x" * 1025, "acknowledged.note")


BAD = (*_baselines(), *_rules(), *_scopes(), *_guardrails(), *_routes(), *_incidents())
FORBIDDEN = (
    Forbidden("NSGBaseline", ("spec", "target", "resourceId"), f"{NSG}2", "spec.target.resourceId"),
    Forbidden("NSGScope", ("spec", "subscriptionId"), "2" * 8 + "-2222-2222-2222-" + "2" * 12, "spec.subscriptionId"),
    Forbidden("NSGIncident", ("spec", "kind"), "Unbaselined", "spec.kind"),
    Forbidden("NSGIncident", ("spec", "scope"), "test", "spec.scope"),
    Forbidden("NSGIncident", ("spec", "baseline"), REMOVED, "spec.baseline"),
    Forbidden("NSGIncident", ("spec", "guardrail"), "other", "spec.guardrail"),
    Forbidden("NSGIncident", ("spec", "nsg"), f"{NSG}2", "spec.nsg"),
)

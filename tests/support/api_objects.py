"""Good objects of all kinds, at random, with any of their fields."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Obj = dict[str, Any]

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
NETWORK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Network"


def _ids(kind: str) -> SearchStrategy[str]:
    path = st.sampled_from(
        [f"{NETWORK}/{kind}/a", f"{NETWORK}/{kind}/web_1", f"{NETWORK.upper()}/{kind.lower()}/A.b-c_"]
    )
    return path | st.just(f"{NETWORK.replace('rg-web', 'rg-(blue)')}/{kind}/a")


NSGS, ASGS = _ids("networkSecurityGroups"), _ids("applicationSecurityGroups")
ADDRESSES = st.sampled_from(
    ["10.0.0.0/8", "10.1.2.3/8", "192.168.0.1", "0.0.0.0/0", "255.255.255.255/32", "::/0", "2001:db8::1", "::1/128"]
)
WORDS = st.sampled_from(["*", "Internet", "VirtualNetwork", "Storage.WestEurope", "AzureLoadBalancer"])
PORTS = st.sampled_from(["0", "22", "443", "65535", "0-65535", "8000-8099", "080", "22-22"])
GUIDS = st.sampled_from([SUBSCRIPTION, "ABCDEF01-2345-6789-abcd-ef0123456789"])
NAMES = st.sampled_from(["a", "allow-https", "deny_rest", "A.b-c_", "0"])
NAMESPACES = st.sampled_from(["a", "team-web", "0", "x" * 63])


def _some(
    item: SearchStrategy[Any], most: int = 3, *, least: int = 0, unique: bool = False
) -> SearchStrategy[list[Any]]:
    return st.lists(item, min_size=least, max_size=most, unique=unique)


def _options(*names: str) -> SearchStrategy[str]:
    return st.sampled_from(names)


@st.composite
def rules(draw: st.DrawFn) -> Obj:
    """Return one rule."""
    rule: Obj = {
        "name": draw(NAMES),
        "priority": draw(st.integers(100, 4096)),
        "direction": draw(_options("Inbound", "Outbound")),
        "access": draw(_options("Allow", "Deny")),
        "protocol": draw(_options("Tcp", "udp", "*", "ICMP", "50")),
    }
    if draw(st.booleans()):
        rule["description"] = draw(st.text(max_size=140))
    for side in ("source", "destination"):
        rule |= _pick(draw, f"{side}AddressPrefix", f"{side}AddressPrefixes", ADDRESSES | WORDS, ADDRESSES)
        if draw(st.integers(0, 3)) == 0:
            _clear(rule, side)
            rule[f"{side}ApplicationSecurityGroups"] = draw(_some(st.fixed_dictionaries({"id": ASGS}), least=1))
        rule |= _pick(draw, f"{side}PortRange", f"{side}PortRanges", PORTS | st.just("*"), PORTS)
    return rule


def _pick(draw: st.DrawFn, singular: str, plural: str, value: SearchStrategy[str], item: SearchStrategy[str]) -> Obj:
    """Say it in the singular or in the plural, at times with the other one empty."""
    spare = draw(st.booleans())
    if draw(st.booleans()):
        return {singular: draw(value), **({plural: []} if spare else {})}
    return {plural: draw(_some(item, least=1)), **({singular: ""} if spare else {})}


def _clear(rule: Obj, side: str) -> None:
    for name in (f"{side}AddressPrefix", f"{side}AddressPrefixes"):
        rule.pop(name, None)


DURATIONS = {"0s 10m": _options("0s", "10s", "10m", "1m30s"), "5m 720h": _options("5m", "24h", "720h", "300s")}
DURATIONS |= {"0s 24h": _options("0s", "30m", "24h", "1h30m5s"), "10s 24h": _options("10s", "60s", "24h", "1m")}
TIMES = _options("2026-12-01T00:00:00Z", "2026-12-01t00:00:00.5+02:00", "0001-01-01T00:00:00Z", "2024-02-29T23:59:59Z")

_WRITERS = st.fixed_dictionaries(
    {
        "preset": _options(
            "AKS", "ARO", "ClusterAPI", "DefenderJIT", "EntraDomainServices", "NRMS", "SQLManagedInstance"
        )
    },
) | st.fixed_dictionaries(
    {"name": st.text("ab*?-", min_size=1, max_size=80)},
    optional={"direction": _options("Inbound", "Outbound"), "access": _options("Allow", "Deny")},
)
_TEXTS = st.text(min_size=1, max_size=256)
_EXCEPTIONS = st.fixed_dictionaries({"rule": rules(), "until": TIMES, "reason": _TEXTS, "approvedBy": _TEXTS})
_REVERTS = _options("RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated")

BASELINES = st.fixed_dictionaries(
    {"target": st.fixed_dictionaries({"resourceId": NSGS}), "rules": _some(rules())},
    optional={
        "mode": _options("Alert", "Enforce"),
        "suspend": st.booleans(),
        "tags": st.dictionaries(st.text(max_size=20), st.text(max_size=256), max_size=3),
        "associations": st.fixed_dictionaries({}, optional={"subnets": _some(NSGS), "networkInterfaces": _some(NSGS)}),
        "tolerate": _some(_WRITERS),
        "exceptions": _some(_EXCEPTIONS, 2),
        "review": st.fixed_dictionaries({"everyDays": st.integers(1, 3650), "lastReviewed": TIMES, "by": _TEXTS}),
        "comparison": st.fixed_dictionaries(
            {}, optional={"descriptions": st.booleans(), "anyEqualsAllAddresses": st.booleans()}
        ),
        "rolloutGrace": DURATIONS["0s 24h"],
        "enforcement": st.fixed_dictionaries(
            {},
            optional={
                "revert": _some(_REVERTS, 4, unique=True),
                "only": _options("All", "Openings"),
                "delay": DURATIONS["0s 24h"],
                "maxChanges": st.integers(1, 1000),
            },
        ),
    },
)
_LABELS = st.dictionaries(st.text(max_size=20), _options("", "a", "a.b_c-d", "x" * 63), min_size=1, max_size=3)
_LIMIT = {"maxBaselinesPerNamespace": st.integers(1, 100_000)}
_ALLOWED = st.one_of(
    st.fixed_dictionaries({"names": _some(NAMESPACES, least=1, unique=True)}, optional=_LIMIT),
    st.fixed_dictionaries({"selector": st.fixed_dictionaries({"matchLabels": _LABELS})}, optional=_LIMIT),
    st.fixed_dictionaries({"all": st.just(value=True)}, optional=_LIMIT),
)
_PATTERNS = _some(st.text("ab*?", min_size=1, max_size=90))
SCOPES = st.fixed_dictionaries(
    {"subscriptionId": GUIDS},
    optional={
        "resourceGroups": _some(_options("rg", "rg-(blue)", "Ä", "a.b"), least=1, unique=True),
        "identity": st.fixed_dictionaries({"clientId": GUIDS, "tenantId": GUIDS}),
        "interval": DURATIONS["10s 24h"],
        "allowedNamespaces": _ALLOWED,
        "maxMode": _options("Alert", "Enforce"),
        "suspendEnforcement": st.booleans(),
        "unbaselined": st.fixed_dictionaries(
            {},
            optional={
                "mode": _options("Alert", "Ignore"),
                "ignoreResourceGroups": _PATTERNS,
                "ignoreNames": _PATTERNS,
            },
        ),
    },
)
_FAR, _NEAR = ADDRESSES | WORDS, ADDRESSES | _options("*", "VirtualNetwork", "virtualNETWORK")
_CLAUSE_PORTS = _some(PORTS | st.just("*"), least=1)
_SIZES = {"sourceSize": _options("Any", "InternetWide")}


def _clauses(direction: str, far: str, near: str, more: Obj) -> SearchStrategy[Obj]:
    optional: Obj = {far: _FAR, near: _NEAR, **more}
    with_ports = {"protocols": _some(_options("Tcp", "Udp", "*"), least=1, unique=True), "ports": _CLAUSE_PORTS}
    without_ports = {"protocols": _some(_options("Tcp", "Icmp", "Esp", "Ah"), 4, least=1, unique=True)}
    fixed = {"direction": st.just(direction)}
    return st.fixed_dictionaries(fixed, optional={**optional, **with_ports}) | st.fixed_dictionaries(
        fixed, optional={**optional, **without_ports, "ports": st.just(["*"])}
    )


_ALWAYS = _clauses("Inbound", "source", "destination", {}) | _clauses("Outbound", "destination", "source", {})
_NEVER = _clauses("Inbound", "source", "destination", _SIZES) | _clauses(
    "Outbound", "destination", "source", {"sourceSize": st.just("Any")}
)
_EXCLUDE = {
    "scopes": _some(st.text(min_size=1, max_size=253), least=1),
    "resourceGroups": _some(st.text("ab*?", min_size=1, max_size=90), least=1),
    "names": _some(st.text("ab*?", min_size=1, max_size=90), least=1),
}
_GUARDRAIL_TAGS = st.dictionaries(st.text(max_size=20), st.text(max_size=256), min_size=1, max_size=3)
_GUARDRAIL_PARTS: Obj = {
    "description": st.text(max_size=256),
    "match": st.fixed_dictionaries({}, optional={**_EXCLUDE, "tags": _GUARDRAIL_TAGS}),
    "exclude": st.fixed_dictionaries({}, optional=_EXCLUDE),
    "severity": _options("critical", "high", "medium", "low", "info"),
    "exceptions": _some(
        st.fixed_dictionaries({"resourceId": NSGS, "until": TIMES, "reason": _TEXTS, "approvedBy": _TEXTS}), 2
    ),
}
GUARDRAILS = st.fixed_dictionaries(
    {"never": _some(_NEVER, least=1)}, optional={"always": _some(_ALWAYS), **_GUARDRAIL_PARTS}
) | st.fixed_dictionaries({"always": _some(_ALWAYS, least=1)}, optional={"never": _some(_NEVER), **_GUARDRAIL_PARTS})
_SECRET_KEYS = st.fixed_dictionaries({"name": _options("a", "chat-urls", "a.b"), "key": _options("k", ".A_-b")})
_MATCH = st.fixed_dictionaries(
    {},
    optional={
        "minSeverity": _options("critical", "info"),
        "kinds": _some(_options("Drift", "WatchLost"), least=1, unique=True),
        "tags": _GUARDRAIL_TAGS,
    },
)
_TEMPLATES = st.fixed_dictionaries(
    {"title": _options("x", "{{ incident.name }}", "x" * 500)}, optional={"body": _options("x", "a\nb\n", "x" * 4000)}
)
_GROUPS = st.fixed_dictionaries(
    {"name": _options("a", "pager", "b-2"), "urlsFrom": _SECRET_KEYS},
    optional={"match": _MATCH, "templates": _TEMPLATES},
)
_AT = _options("00:00", "09:59", "23:59")
ROUTES = st.fixed_dictionaries(
    {"urlsFrom": _SECRET_KEYS},
    optional={
        "channels": st.lists(_GROUPS, min_size=1, max_size=3, unique_by=lambda group: str(group["name"])),
        "match": _MATCH,
        "templates": _TEMPLATES,
        "heartbeat": st.fixed_dictionaries({"at": _AT}, optional={"urlsFrom": _SECRET_KEYS})
        | st.fixed_dictionaries({"urlsFrom": _SECRET_KEYS}),
        "minSeverity": _options("critical", "high", "medium", "low", "info"),
        "kinds": _some(_options("Drift", "Unbaselined", "WatchLost", "Guardrail"), least=1, unique=True),
        "send": _some(
            _options("Opened", "Updated", "Attributed", "Remediated", "Resolved", "Reminder"), 6, least=1, unique=True
        ),
        "groupWait": DURATIONS["0s 10m"],
        "remindEvery": DURATIONS["5m 720h"],
        "maxMessagesPerHour": st.integers(1, 1000),
        "acknowledgements": _options("Ignore", "Poll"),
        "suspend": st.booleans(),
    },
)
INCIDENTS = st.fixed_dictionaries(
    {"kind": _options("Drift", "Unbaselined", "WatchLost", "Guardrail"), "scope": st.text(min_size=1, max_size=253)},
    optional={
        "baseline": st.text(min_size=1, max_size=253),
        "guardrail": st.text(min_size=1, max_size=253),
        "nsg": st.text(max_size=512),
        "acknowledged": st.fixed_dictionaries({"by": _TEXTS}, optional={"note": st.text(max_size=1024)}),
    },
)
SPECS = {
    "NSGBaseline": BASELINES,
    "NSGScope": SCOPES,
    "NSGGuardrail": GUARDRAILS,
    "NSGAlertRoute": ROUTES,
    "NSGIncident": INCIDENTS,
}


@st.composite
def objects(draw: st.DrawFn) -> Obj:
    """Return a good object of any kind."""
    kind = draw(st.sampled_from(sorted(SPECS)))
    namespace = {} if kind in ("NSGScope", "NSGGuardrail") else {"namespace": "default"}
    return {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "any", **namespace},
        "spec": draw(SPECS[kind]),
    }

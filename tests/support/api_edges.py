"""Values at the edges of what the kinds take, where two readers of one object are likeliest to part."""

from typing import Any

from tests.api.objects import REMOVED, Place

_GROUP = "/subscriptions/a/resourceGroups/b/providers/Microsoft.Network"
_RULE: Place = ("spec", "rules", 0)
_LISTS: Place = ("spec", "rules", 1)

_TIMES = (
    *("2024-02-29T24:00:00Z", "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "0000-01-01T00:00:00Z"),
    *("2016-12-31T23:59:60Z", "2024-01-01T23:59:60Z", "2024-01-01T00:00:00z", "2024-01-01t00:00:00Z"),
    *("2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+23:60", "2024-01-01T00:00:00-00:00"),
    *("2024-01-01T00:00:00+99:99", "2024-01-01 00:00:00Z", "2024-01-01T0:00:00Z", "2024-01-01T00:00:00"),
    *("2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00,5Z", "2024-01-01T00:00:00.Z", 1, None),
    "2024-01-01T00:00:00.1234567890123456789Z",
)
_DURATIONS = (
    *("99999h", "24h0m1s", "86400s", "1440m", "1441m", "00000h", "00024h", "1s1h", "-1h", "1.5h", "1H"),
    *("٣h", "1h\n", " 1h", "000000001s", "99999h99999m99999s"),
)
_ADDRESSES = (
    *("10.0.0.0/08", "10.0.0.01", "1.2.3", "1", "a", "٣", "é", "%", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/ 8"),
    *("10.0.0.0/8/8", "10.0.0.0/32", "10.0.0.0/33", "256.0.0.1", "0x1.2.3.4", ":", "::", "::/0", "::/", "0000::/00"),
    *("1::2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "00001::", "ABCD::"),
    *("fe80::1%eth0", "::ffff:1.2.3.4", "::ffff:0102:0304", "::ffff:0:0/96", "::ffff:1.2.3.4/128", "::1.2.3.4"),
    *("64:ff9b::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "2001:db8::/128", "2001:db8::/129", "Internet\n", "Internet", "*"),
    *("Storage..West", "Storage.1", "1Storage", ""),
)
_PORTS = (
    *("00080", "000080", "0", "0-0", "65535-65535", "65536", "99999", "1-65536", "22-21", "1-", "-1", "1-2-3"),
    *("1 - 2", " 1", "1\n", "+1", "0x1", "٣", "*", ""),
)
_IDS = (
    f"{_GROUP}/networkSecurityGroups/c",
    f"{_GROUP}/networkSecurityGroups/c\n",
    f"{_GROUP}/networkSecurityGroups/c/",
    f"{_GROUP}/networkSecurityGroups/é",
    f"{_GROUP}/networkSecurityGroups/c".replace("/b/", "/b\n/"),
    f"{_GROUP}/networkSecurityGroups/c".replace("/subs", "/\N{LATIN SMALL LETTER LONG S}ubs"),  # folds to an s
    f"{_GROUP}/networkSecurityGroups/c".replace("work/", "wor\N{KELVIN SIGN}/"),
)
_QUEUES = (
    *(
        "https://a.queue.core.windows.net/abc",
        "https://a.queue.core.windows.net/ab",
        "https://a.b/abc/",
        "https://a/abc",
    ),
    *("http://a.b/abc", "https://a.b/abc?sig=1", "https://a.b/abc#", "https://a.b/a--b", "https://a.b/-abc"),
    *("https://a.b/abc-", "https://a.b/Abc", "https://A.b/abc", "https://a.b:1/c/abc", "https://a.b:123456/abc"),
    *(
        "https://a@b/abc",
        "https://a.b/c/d/abc",
        "https://a.b/" + "a" * 63,
        "https://a.b/" + "a" * 64,
        "https://a.b/abc\n",
    ),
    *("https://a.b./abc", "https://-a/abc", "", 1),
)
_ALLOWED: tuple[Any, ...] = (
    *({"all": 1}, {"all": 1.0}, {"all": False}, {"all": None, "names": ["a"]}, {"names": None, "all": True}, None),
    *({"selector": None}, {"selector": {}}, {"selector": {"matchLabels": None}}, {"names": ["a"], "typo": None}),
    *({"selector": {"matchLabels": {"a": None}}}, {"selector": {"matchLabels": {"a": None, "b": ""}}}),
    {"selector": {"matchLabels": {"a": "b"}, "matchExpressions": []}},
    *(
        {"all": True, "maxBaselinesPerNamespace": limit}
        for limit in (1, 1.0, 100_000, 100_001, 0, 1.5, "1", True, None)
    ),
)
_GROUPS: tuple[Any, ...] = (["a\n"], ["a "], ["a."], ["Ä"], ["😀" * 90], ["😀" * 91], ["a", "A"], None, [None], {})
_TAGS: tuple[Any, ...] = (
    {"a": None},
    {"": "x"},
    {"a": 1},
    {"x" * 300: "y"},
    dict.fromkeys(map(str, range(51)), ""),
    [],
    None,
)

EDGES: tuple[tuple[str, Place, tuple[Any, ...]], ...] = (
    ("NSGBaseline", ("spec",), (None, [], "x", REMOVED)),
    ("NSGBaseline", ("spec", "target", "resourceId"), _IDS),
    ("NSGBaseline", ("spec", "tags"), _TAGS),
    ("NSGBaseline", ("spec", "rolloutGrace"), _DURATIONS),
    ("NSGBaseline", ("spec", "exceptions", 0, "until"), _TIMES),
    ("NSGBaseline", ("spec", "review", "lastReviewed"), _TIMES),
    ("NSGBaseline", (*_RULE, "priority"), (100.0, 4096.0, 4096.5, 1e300, "100", True, None)),
    ("NSGBaseline", (*_RULE, "sourceAddressPrefix"), _ADDRESSES),
    ("NSGBaseline", (*_RULE, "destinationPortRange"), _PORTS),
    ("NSGBaseline", (*_LISTS, "sourceAddressPrefixes"), tuple([prefix] for prefix in (*_ADDRESSES, None))),
    ("NSGBaseline", (*_LISTS, "sourcePortRanges"), tuple([port] for port in (*_PORTS, None))),
    ("NSGScope", ("spec", "allowedNamespaces"), _ALLOWED),
    ("NSGScope", ("spec", "resourceGroups"), _GROUPS),
    ("NSGScope", ("spec", "events"), ({}, None, {"queueUrl": None}, {"queueUrl": "a", "typo": 1})),
    ("NSGScope", ("spec", "events"), tuple({"queueUrl": url} for url in _QUEUES)),
    ("NSGScope", ("typo",), (None, 1)),
    ("NSGGuardrail", ("spec",), ({}, {"never": []}, {"never": [], "always": []}, {"never": None}, None)),
    ("NSGGuardrail", ("spec", "never", 0, "source"), _ADDRESSES),
    ("NSGGuardrail", ("spec", "never", 0, "destination"), (*_ADDRESSES, "VirtualNetwork", "VIRTUALNETWORK")),
    ("NSGGuardrail", ("spec", "always", 1, "source"), (*_ADDRESSES, "VirtualNetwork")),
    ("NSGGuardrail", ("spec", "never", 0, "ports"), tuple([port] for port in (*_PORTS, None))),
    ("NSGGuardrail", ("spec", "never", 0, "protocols"), (["*"], ["Tcp", "Ah"], None, ["Tcp", None])),
    ("NSGGuardrail", ("spec", "match", "tags"), _TAGS),
    ("NSGGuardrail", ("spec", "exceptions", 0, "until"), _TIMES),
    ("NSGGuardrail", ("spec", "exceptions", 0, "resourceId"), _IDS),
    ("NSGAlertRoute", ("spec", "maxMessagesPerHour"), (1.0, 1000.0, 0.0, 1001.0, "1", False)),
)

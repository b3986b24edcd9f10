"""Objects of all kinds with one thing changed at random."""

import copy
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.support.api_objects import NETWORK, Obj, objects

Place = tuple[int | str, ...]


@st.composite
def spoilt(draw: st.DrawFn) -> Obj:
    """Return an object with one thing changed at random, which may leave it good."""
    good = draw(objects())
    # First what, then which: else the many fields of many rules would leave the others little chance.
    alike = defaultdict(list)
    for candidate in _places(good["spec"], ("spec",)):
        alike[tuple("*" if isinstance(part, int) else part for part in candidate)].append(candidate)
    place = draw(st.sampled_from(alike[draw(st.sampled_from(sorted(alike)))]))
    return _put(good, place, lambda value: draw(_changed(value)))


_ODD: SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1,
        99,
        100,
        4096,
        4097,
        2**31,
        2**63,
        100.0,
        1e300,
        100.5,
        "",
        " ",
        "*",
        "true",
        "100",
        [],
        {},
    ]
)
_LETTERS = st.sampled_from(
    ["\n", " ", "\t", ".", "-", "/", ":", "é", "٣", "K", "A", "z", "0", "9", "_", "*", "?", "\x00", ",", "😀"]
)
REMOVED = object()
_GROUP = {"id": f"{NETWORK}/applicationSecurityGroups/a"}
# Each is good somewhere, and one too many beside what it excludes.
_EXTRA: SearchStrategy[Obj] = st.sampled_from(
    [
        {"typo": None},
        {"": 1},
        {"status": {}},
        {"name": "a"},
        {"preset": "AKS"},
        {"all": True},
        {"names": ["a"]},
        {"selector": {"matchLabels": {"a": "b"}}},
        *(
            {f"{side}{field}": value}
            for side in ("source", "destination")
            for field, value in (
                ("PortRange", "1"),
                ("PortRanges", ["1"]),
                ("AddressPrefix", "*"),
                ("AddressPrefixes", ["::1"]),
                ("ApplicationSecurityGroups", [_GROUP]),
            )
        ),
    ]
)


def _changed(value: Any) -> SearchStrategy[Any]:
    kinds = [_ODD, st.just(REMOVED), st.just([value]), st.just({"name": value})]
    match value:
        case bool():
            pass
        case str():
            kinds += [st.text(sorted({*value[:200], *"0:./-*hms"}), max_size=24)] * 3
            kinds += [_edited(value)] * 4 + [st.just(value * n) for n in (2, 50)]
            kinds.append(st.sampled_from([value.lower(), value.upper(), value.title(), f" {value}", f"{value}\n"]))
        case int():
            kinds.append(st.sampled_from([value + 0.5, float(value), str(value), value + 5000, -value]))
        case list():
            kinds += [
                st.just(value + value),
                st.just([*value, *value[:1]]),
                st.just(value * 400 or [""] * 1001),
                st.just([*value, None]),
            ]
            kinds.append(_ODD.map(lambda odd: [*value, odd]))
        case dict():
            kinds += [_EXTRA.map(lambda extra: {**value, **extra})] * 3
            kinds.append(st.builds(lambda extra, odd: {**value, **dict.fromkeys(extra, odd)}, _EXTRA, _ODD))
        case _:
            pass
    return st.one_of(kinds)


def _edited(text: str) -> SearchStrategy[str]:
    at = st.integers(0, len(text))
    inserted = st.builds(lambda place, letter: text[:place] + letter + text[place:], at, _LETTERS)
    replaced = st.builds(lambda place, letter: text[:place] + letter + text[place + 1 :], at, _LETTERS)
    return (
        inserted
        | replaced
        | at.map(lambda place: text[:place] + text[place + 1 :])
        | at.map(lambda place: text[:place])
    )


def _places(value: Any, place: Place) -> Iterator[Place]:
    yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*place, key))


def _put(document: Obj, place: Place, change: Any) -> Obj:
    changed = copy.deepcopy(document)
    holder: Any = changed
    for part in place[:-1]:
        holder = holder[part]
    value = change(holder[place[-1]])
    if value is REMOVED:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return changed

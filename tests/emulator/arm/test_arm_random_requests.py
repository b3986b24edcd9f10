"""For any request, the emulator responds as ARM does: with a reason, and never with a traceback."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulator.arm.direct import GROUP, WEB, azure, nsg, rule

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1, 70000)
    | st.text(max_size=5)
    | st.sampled_from(["*", "Tcp", "10.0.0.0/8"])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
rule_keys = st.sampled_from(
    [*rule(), "description", "sourceAddressPrefixes", "destinationPortRanges", "sourceApplicationSecurityGroups"]
)
bad_rules = st.dictionaries(rule_keys, anything, max_size=3).map(lambda changes: {**rule(), **changes})


@settings(deadline=None, max_examples=200)
@given(bad_rules)
def test_any_rule_is_accepted_or_refused_with_a_code(properties: dict[str, Any]) -> None:
    target = azure()
    answer = target("PUT", WEB, nsg(properties))
    assert answer.status in {201, 400}
    if answer.status == 400:
        assert answer.code.startswith(("SecurityRule", "Invalid", "Overlapping", "ApplicationSecurityGroups"))
        return
    shown = target("GET", WEB).body["properties"]["securityRules"][0]["properties"]
    assert target("PUT", WEB, nsg(shown)).body["properties"]["provisioningState"] == "Succeeded", (
        "what was taken is stable"
    )


@settings(deadline=None, max_examples=100)
@given(st.fixed_dictionaries({}, optional={"location": anything, "tags": anything, "properties": anything}) | anything)
@pytest.mark.parametrize(
    ("method", "path"), [("PUT", WEB), ("PATCH", WEB), ("PUT", f"{WEB}/securityRules/r"), ("PUT", GROUP)]
)
def test_any_body_is_accepted_or_refused_with_a_code(method: str, path: str, body: Any) -> None:
    target = azure()
    target("PUT", WEB, nsg(rule()))
    answer = target(method, path, body)
    assert answer.status in {200, 201} or answer.code


@settings(deadline=None, max_examples=50)
@given(st.lists(anything, max_size=2), st.sampled_from(["securityRules", "subnets"]))
def test_any_list_is_accepted_or_refused_with_a_code(items: list[Any], name: str) -> None:
    answer = azure()("PUT", WEB, {"location": "westeurope", "properties": {name: items}})
    assert answer.status == 201 or answer.code

"""What the real kube-apiserver refuses, accepts and defaults under the CRDs; the emulated one must agree."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from nsg_baseline.api.crds import KINDS
from tests.api.invalid_objects import BAD, FORBIDDEN, Bad, Forbidden
from tests.api.objects import NSG, REMOVED, RULES, SPECS, Document, Place, good, put
from tests.api.refusals import refusal
from tests.cluster.devcluster import Cluster
from tests.cluster.direct import Direct
from tests.cluster.programs import Program
from tests.support.api_edges import EDGES
from tests.support.api_invalid import spoilt

pytestmark = pytest.mark.cluster

MOST_RULES = 1000
_LIST_FOR_TIME = '.until in body must be of type string: "array"'
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def direct(cluster: Cluster, kubectl: Program) -> Iterator[Direct]:
    kubectl("apply", "--server-side", "-f", ROOT / "crds")
    names = [f"crd/{kind.plural}.nsg-baseline.io" for kind in KINDS]
    kubectl("wait", "--for=condition=Established", *names, "--timeout=300s")
    connection = Direct.connect(cluster, "default")
    yield connection
    connection.connection.close()
    kubectl("delete", *names, "--timeout=300s")


@pytest.mark.parametrize("kind", SPECS)
def test_a_valid_object_is_accepted(direct: Direct, kind: str) -> None:
    assert direct.refusal(good(kind)) == ""


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_an_invalid_object_is_refused_at_its_field(direct: Direct, bad: Bad) -> None:
    # Users of kubectl and Argo CD see only this message.
    message = direct.refusal(bad.document)
    assert bad.field in message
    assert bad.says in message


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=str)
def test_the_subject_of_an_object_cannot_change(direct: Direct, forbidden: Forbidden) -> None:
    name = "fixed"
    direct.create(good(forbidden.kind, name))
    try:
        value = None if forbidden.value is REMOVED else forbidden.value
        message = direct.change_refusal(forbidden.kind, name, _nested(forbidden.place, value))
    finally:
        direct.delete(forbidden.kind, name)
    assert forbidden.field in message
    assert "cannot change" in message


def test_the_case_of_a_target_may_change(direct: Direct) -> None:
    direct.create(good("NSGBaseline", "case"))
    try:
        message = direct.change_refusal("NSGBaseline", "case", {"spec": {"target": {"resourceId": NSG.upper()}}})
    finally:
        direct.delete("NSGBaseline", "case")
    assert message == ""


@pytest.mark.parametrize("kind", [kind for kind in SPECS if kind != "NSGIncident"])
def test_an_unprocessed_object_has_a_pending_status(direct: Direct, kind: str) -> None:
    # Without it, Flux and Helm treat an object as finished before the operator has processed it.
    stored = direct.create(good(kind, "unseen"))
    direct.delete(kind, "unseen")
    assert stored["status"]["observedGeneration"] == -1
    assert {condition["reason"] for condition in stored["status"]["conditions"]} == {"Pending"}


@pytest.mark.parametrize(("kind", "place", "values"), EDGES, ids=[f"{kind}-{place[-1]}" for kind, place, _ in EDGES])
def test_edge_cases_have_the_verdict_of_the_embedded_server(
    direct: Direct, kind: str, place: Place, values: tuple[Any, ...]
) -> None:
    # The fast tests compare the models with the emulated server; this test compares the models with the real one.
    for value in values:
        _alike(direct, put(good(kind), place, value))


@settings(
    max_examples=400, suppress_health_check=[*settings().suppress_health_check, HealthCheck.function_scoped_fixture]
)
@given(spoilt())
def test_changed_objects_have_the_verdict_of_the_embedded_server(direct: Direct, document: Document) -> None:
    _alike(direct, document)


def test_the_largest_baseline_is_accepted(direct: Direct, kubectl: Program) -> None:
    # Azure accepts 1,000 rules in one NSG: neither CEL's cost budget nor server-side apply may refuse them.
    document = put(good("NSGBaseline", "large"), ("spec", "rules"), [_rule(at) for at in range(MOST_RULES)])
    assert "serverside-applied" in kubectl.apply(document)
    try:
        assert "serverside-applied" in kubectl.apply(put(document, ("spec", "rules", 0, "priority"), 4096))
        stored = kubectl.json("get", "nsgbaseline", "large")
    finally:
        direct.delete("NSGBaseline", "large")
    assert len(stored["spec"]["rules"]) == MOST_RULES


def test_one_rule_more_is_refused(kubectl: Program, direct: Direct) -> None:
    document = put(good("NSGBaseline", "larger"), ("spec", "rules"), [_rule(at) for at in range(MOST_RULES + 1)])
    assert "spec.rules" in direct.refusal(document)


def _rule(at: int) -> Document:
    addresses = [f"10.{at % 250}.{octet}.0/24" for octet in range(4)]
    return {**RULES[1], "name": f"rule-{at}", "priority": 100 + at, "sourceAddressPrefixes": addresses}


def _nested(place: Place, value: Any) -> dict[str, Any]:
    for name in reversed(place):
        value = {name: value}
    document: dict[str, Any] = value
    return document


def _alike(direct: Direct, document: Document) -> None:
    real, embedded = direct.refusal(document), refusal(document["kind"], document)
    # The real server accepts any list for a string with a format. The emulated server and the models are stricter:
    # such a baseline becomes InvalidSpec.
    if not real and _LIST_FOR_TIME in embedded:
        return
    assert bool(real) == bool(embedded), f"the real server: {real or 'fine'}\nthe embedded: {embedded or 'fine'}"

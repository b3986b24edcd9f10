"""Writes to Azure after a watch was cut off: the store has what users asked for before that."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.engine.guardrail_catalog import versions_in_force
from nsg_baseline.engine.intent import read_intent
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.store import resource
from tests.support.in_process_operator import API, InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
TEAM = "team-web"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    """An NSG in enforce mode in which SSH was opened. The operator has no watch, so its store becomes old."""
    async with in_process_operator(tmp_path, {"web": WEB}, "json://127.0.0.1:9") as started:
        started.azure.writable = True
        await started.edit("NSGScope", "production", {"maxMode": "Enforce"})
        await started.edit("NSGBaseline", "web", {"mode": "Enforce"}, TEAM)
        await started.reconcile()
        started.azure.nsgs["web"] = [*WEB, SSH]
        yield started


def scope_of(operator: InProcessOperator) -> NSGScope:
    stored = operator.records.store.find(NSGScope, ObjectKey("", "production"))
    assert stored is not None
    return resource(NSGScope, stored)


def stalled(operator: InProcessOperator) -> list[str]:
    return [condition.reason for condition in operator.baseline("web").status.conditions if condition.type == "Stalled"]


def _alert_only(operator: InProcessOperator) -> None:
    operator.api.patch(API, "NSGBaseline", "web", {"spec": {"mode": "Alert"}}, TEAM)


def _approve(operator: InProcessOperator) -> None:
    operator.api.patch(API, "NSGBaseline", "web", {"spec": {"rules": [*WEB, SSH]}}, TEAM)


def _confirm_other_plan(operator: InProcessOperator) -> None:
    annotations = {"nsg-baseline.io/confirm": "0123456789abcdef"}
    operator.api.patch(API, "NSGBaseline", "web", {"metadata": {"annotations": annotations}}, TEAM)


def _suspend(operator: InProcessOperator) -> None:
    operator.api.patch(API, "NSGScope", "production", {"spec": {"suspendEnforcement": True}})


def _forbid_namespace(operator: InProcessOperator) -> None:
    operator.api.patch(API, "NSGScope", "production", {"spec": {"allowedNamespaces": {"all": None, "names": ["x"]}}})


def _delete(operator: InProcessOperator) -> None:
    operator.api.delete(API, "NSGBaseline", "web", TEAM)


def _create_a_more_specific_scope(operator: InProcessOperator) -> None:
    scope = operator.api.get(API, "NSGScope", "production")
    spec = {**scope["spec"], "resourceGroups": ["rg-web"], "maxMode": "Alert"}
    operator.api.apply({"apiVersion": API, "kind": "NSGScope", "metadata": {"name": "web"}, "spec": spec})


EDITS: dict[str, Callable[[InProcessOperator], None]] = {
    "the baseline only alerts": _alert_only,
    "the rule is approved": _approve,
    "another plan is confirmed": _confirm_other_plan,
    "the baseline is deleted": _delete,
    "enforcement is suspended": _suspend,
    "the namespace is no longer allowed": _forbid_namespace,
    "a more specific scope exists": _create_a_more_specific_scope,
}


# The confirmation of another plan does not forbid this one.
@pytest.mark.parametrize("name", sorted(EDITS.keys() - {"another plan is confirmed"}))
async def test_nothing_is_written_by_an_old_approval(operator: InProcessOperator, name: str) -> None:
    EDITS[name](operator)
    await operator.reconcile()
    assert operator.azure.written == []


@pytest.mark.parametrize("name", EDITS)
async def test_an_edit_is_detected_when_the_intent_is_read(operator: InProcessOperator, name: str) -> None:
    # A reconcile stores a status before it writes, and the response shows some edits. A write must not depend on that.
    scope, baseline = scope_of(operator), operator.baseline("web")
    assert await read_intent(operator.records, scope, baseline, ()) == "Current"
    EDITS[name](operator)
    assert await read_intent(operator.records, scope, baseline, ()) == "Changed"


def forbid_https(operator: InProcessOperator, name: str = "no-https") -> None:
    never = [{"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["443"]}]
    operator.api.apply(
        {"apiVersion": API, "kind": "NSGGuardrail", "metadata": {"name": name}, "spec": {"never": never}}
    )


def _edit_guardrail(operator: InProcessOperator) -> None:
    operator.api.patch(API, "NSGGuardrail", "no-https", {"spec": {"match": {"names": ["other-*"]}}})


def _delete_guardrail(operator: InProcessOperator) -> None:
    operator.api.delete(API, "NSGGuardrail", "no-https")


async def test_a_guardrail_of_the_last_second_forbids_a_write(operator: InProcessOperator) -> None:
    # The write would restore what a security engineer has just forbidden, even though the watch does not say so yet.
    operator.azure.nsgs["web"] = [SSH]
    forbid_https(operator)
    await operator.reconcile()
    assert operator.azure.written == []
    assert stalled(operator) == ["IntentChanged"]
    operator.clock.advance(seconds=15)
    await operator.reconcile()
    assert operator.azure.written == []
    assert stalled(operator) == ["GuardrailViolated"]


@pytest.mark.parametrize("edit", [forbid_https, _edit_guardrail, _delete_guardrail])
async def test_an_edit_of_a_guardrail_is_detected_when_the_intent_is_read(
    operator: InProcessOperator, edit: Callable[[InProcessOperator], None]
) -> None:
    # Also an edit that forbids less: what the operator decided from is not what the API server has.
    if edit is not forbid_https:
        forbid_https(operator)
        await operator.refresh()
    scope, baseline, guardrails = scope_of(operator), operator.baseline("web"), operator.catalog.current().guardrails
    assert await read_intent(operator.records, scope, baseline, guardrails) == "Current"
    edit(operator)
    assert await read_intent(operator.records, scope, baseline, guardrails) == "Changed"


async def test_an_invalid_guardrail_blocks_no_write(operator: InProcessOperator) -> None:
    # An object from before an upgrade of the CRD may be invalid. It is not in force, and its own status says so.
    forbid_https(operator)
    await operator.refresh()
    store = operator.records.store
    broken = {
        "apiVersion": API,
        "kind": "NSGGuardrail",
        "metadata": {"name": "broken", "uid": "1"},
        "spec": {"never": 1},
    }
    store.put(NSGGuardrail, broken)
    in_force = {guardrail.version for guardrail in operator.catalog.current().guardrails}
    assert versions_in_force(store) == in_force
    assert len(in_force) == 1


async def test_the_namespaces_of_a_selector_are_read_again(operator: InProcessOperator) -> None:
    selector = {"all": None, "selector": {"matchLabels": {"tier": "web"}}}
    operator.api.patch("v1", "Namespace", TEAM, {"metadata": {"labels": {"tier": "web"}}})
    await operator.edit("NSGScope", "production", {"allowedNamespaces": selector})
    operator.api.patch("v1", "Namespace", TEAM, {"metadata": {"labels": {"tier": None}}})
    await operator.reconcile()
    assert operator.azure.written == []
    assert stalled(operator) == ["IntentChanged"]
    operator.api.patch("v1", "Namespace", TEAM, {"metadata": {"labels": {"tier": "web"}}})
    operator.clock.advance(seconds=15)
    await operator.reconcile()
    assert operator.azure.written == ["web"]


async def test_an_approval_that_cannot_be_read_blocks_until_it_can(
    operator: InProcessOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The reason ends by itself: the status says so, and no route is notified.
    async def unavailable(*_: object) -> None:
        raise KubeError("Unreachable", "the connection was cut")

    with monkeypatch.context() as patched:
        patched.setattr(Kube, "get", unavailable)
        await operator.reconcile()
    assert operator.azure.written == []
    assert stalled(operator) == ["IntentNotConfirmed"]
    (incident,) = operator.records.incidents.all()
    assert incident.status.revision == 1, "the drift alone is reported"
    (observation,) = operator.memory.values()
    assert observation.due is not None
    assert (observation.due - operator.clock()).total_seconds() == 15
    operator.clock.advance(seconds=15)
    await operator.reconcile()
    assert operator.azure.written == ["web"]


async def test_a_current_approval_is_written_at_once(operator: InProcessOperator) -> None:
    await operator.reconcile()
    assert operator.azure.written == ["web"]

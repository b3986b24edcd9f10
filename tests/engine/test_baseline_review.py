"""The answer of the webhook about a baseline."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG
from nsg_baseline.engine.baseline_review import BaselineReviewer
from nsg_baseline.engine.guardrail_catalog import GuardrailCatalog
from nsg_baseline.engine.settings import SettingError, from_environment
from nsg_baseline.kube.store import Store
from tests.api.objects import good
from tests.support.guardrails import guardrail_document
from tests.support.rule_shorthand import arm_rule

WEB, SSH = arm_rule("100 web allow tcp Internet -> *:443"), arm_rule("200 ssh allow tcp Internet -> *:22")
SMALL = arm_rule("200 ssh allow tcp 203.0.113.7 -> *:22")
TEXT = "guardrail no-ssh (never[0]): rule ssh allows inbound TCP 22 from Internet to any"


def reviewer(**spec: Any) -> BaselineReviewer:
    store = Store((NSGScope, NSGGuardrail))
    scope = good("NSGScope", "production")
    scope["spec"] = {"subscriptionId": scope["spec"]["subscriptionId"]}
    store.put(NSGScope, {**scope, "metadata": {"name": "production", "uid": "1", "resourceVersion": "1"}})
    guardrail = guardrail_document(**spec)
    store.put(NSGGuardrail, {**guardrail, "metadata": {"name": "no-ssh", "uid": "2", "resourceVersion": "1"}})
    now = datetime(2026, 11, 25, tzinfo=UTC)
    return BaselineReviewer(store, GuardrailCatalog(store), DEFAULT_SEVERITY_CONFIG, lambda: now)


def baseline(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    document = good("NSGBaseline")
    document["spec"] = {"target": document["spec"]["target"], "rules": list(rules), **spec}
    return document


async def test_a_new_violation_is_refused_with_guardrail_and_rule() -> None:
    # The author of the baseline sees only this text.
    answer = await reviewer()(baseline(WEB, SSH), None)
    assert answer.refusal == f"{TEXT}. See kubectl get nsgguardrail no-ssh -o yaml"
    assert (await reviewer()(baseline(WEB), None)).refusal is None


async def test_an_earlier_violation_only_warns() -> None:
    # A guardrail that is created later must not block an edit of another field, or a repair in steps.
    answer = await reviewer()(baseline(WEB, SSH, mode="Enforce"), baseline(WEB, SSH))
    assert (answer.refusal, answer.warnings) == (None, (TEXT,))


async def test_a_wider_violation_is_refused() -> None:
    # Otherwise a small exemption of the past would be a licence.
    assert (await reviewer()(baseline(WEB, SSH), baseline(WEB, SMALL))).refusal is not None


@pytest.mark.parametrize(
    ("match", "is_refused"), [({"scopes": ["production"]}, True), ({"scopes": ["test"]}, False), ({}, True)]
)
async def test_the_scope_of_the_nsg_decides(match: dict[str, Any], *, is_refused: bool) -> None:
    assert ((await reviewer(match=match)(baseline(SSH), None)).refusal is not None) == is_refused


async def test_tags_that_are_not_approved_do_not_refuse() -> None:
    # The live tags are not known here; the reconcile checks them.
    tagged = reviewer(match={"tags": {"env": "prod"}})
    assert (await tagged(baseline(SSH), None)).refusal is None
    assert (await tagged(baseline(SSH, tags={"env": "prod"}), None)).refusal is not None


async def test_an_invalid_baseline_is_left_to_the_api_server() -> None:
    assert (await reviewer()({"kind": "NSGBaseline", "spec": 7}, None)).refusal is None


def test_the_webhook_is_off_without_certificates() -> None:
    assert from_environment({"NSGB_WEBHOOK_PORT": "9443"}).webhook is None
    served = from_environment({"NSGB_WEBHOOK_CERTIFICATES": "/certs"}).webhook
    assert served is not None
    assert served.port == 9443
    with pytest.raises(SettingError, match="NSGB_WEBHOOK_PORT"):
        from_environment({"NSGB_WEBHOOK_CERTIFICATES": "/certs", "NSGB_WEBHOOK_PORT": "x"})

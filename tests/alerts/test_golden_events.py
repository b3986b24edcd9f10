"""Each channel with its own form has a golden message for each of the 14 events, and each title stands for itself."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from nsg_baseline.alerts.alert_states import alert_states
from nsg_baseline.alerts.azure_links import AzureLinks
from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.schemes import OWN_FORM
from nsg_baseline.api.route import NotificationEvent
from tests.support.alert_scenarios import DELIVERIES, EVENTS, SCENARIOS
from tests.support.alerts import START, SUBSCRIPTION

GOLDEN = Path(__file__).parent / "golden"
FILES: dict[str, tuple[str, ...]] = {
    "alertmanager": ("alertmanager", "alertmanagers"),
    "azurelogs": ("azurelogs",),
    "cloudevents": ("cloudevent", "cloudevents"),
    "form": ("form", "forms"),
    "jira": ("jira",),
    "json": ("json", "jsons"),
    "mail": ("mailto", "mailtos"),
    "opsgenie": ("opsgenie",),
    "pagerduty": ("pagerduty",),
    "plivo": ("plivo",),
    "servicenow": ("servicenow",),
    "sinch": ("sinch",),
    "slack": ("slack",),
    "sns": ("sns",),
    "teams": ("workflow", "workflows"),
    "twilio": ("twilio",),
    "vonage": ("nexmo", "vonage"),
    "xml": ("xml", "xmls"),
    "zendesk": ("zendesk",),
}
"""The golden file of each channel with its own form, and the schemes of its URLs."""
GOVERNMENT = AzureLinks("https://portal.azure.us", "AzureUSGovernment")


def test_each_scheme_with_its_own_form_has_a_golden_file() -> None:
    assert {scheme for schemes in FILES.values() for scheme in schemes} == OWN_FORM


def test_the_events_are_those_of_a_route_and_four_cases_that_read_differently() -> None:
    assert set(EVENTS) == {*get_args(NotificationEvent), "Digest", "WatchLost", "Unbaselined", "Contested"}
    assert len(EVENTS) == 14


@pytest.mark.parametrize("file", [*FILES, "text"])
def test_a_golden_file_shows_each_event(file: str) -> None:
    text = (GOLDEN / f"{file}.txt").read_text(encoding="utf-8")
    shown = set(re.findall(r"^# (.+)$", text, re.MULTILINE))
    assert {*EVENTS.values(), "guardrail", "fixed"} <= shown


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_title_says_what_is_open_and_where(name: str) -> None:
    # It is read on a phone at night by somebody who has never seen this product.
    title = SCENARIOS[name].title
    assert "(rg-web)" in title or f"(subscription {SUBSCRIPTION})" in title
    assert re.search(r"TCP \d+ from|ICMP from|all traffic from|watched|approved|no longer violated", title)
    assert not re.search(r"\b(blind|0 s)\b", title)


def test_the_end_of_an_incident_does_not_read_like_its_begin() -> None:
    for name in ("resolved", "fixed", "resolved-after-easing", "watch-lost-resolved", "guardrail-resolved"):
        facts = SCENARIOS[name].facts
        assert not [fact for fact in facts if fact.startswith("Severity: ") or "neither detected" in fact], name


def test_links_and_commands_are_those_of_the_cloud() -> None:
    # A link to the public portal shows an error about an NSG of another cloud, and so does the CLI.
    opened: Any = DELIVERIES["opened"][0]
    message = alert_message(opened, links=GOVERNMENT)
    assert message.link is not None
    assert message.link.startswith("https://portal.azure.us/#resource/subscriptions/")
    undo = next(step.text for step in message.next_steps if step.label == "Undo")
    assert undo.startswith("AZURE_CLOUD_NAME=AzureUSGovernment az network nsg rule delete --subscription ")
    (alert,) = alert_states([opened.incident], START, GOVERNMENT)
    assert alert["generatorURL"] == message.link
    assert undo in alert["annotations"]["description"]
    public = alert_message(opened)
    assert [step.text for step in public.next_steps if step.label == "Undo"] == [undo.split(" ", 1)[1]]

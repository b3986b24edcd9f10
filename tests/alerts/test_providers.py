"""The requests of each channel: the notifications as each provider receives them, as golden files."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nsg_baseline.alerts.channels import disable_url_logging, parse_channels
from nsg_baseline.alerts.formats import SMS_LENGTH, as_mail, as_sms, plain
from tests.support.alert_scenarios import SCENARIOS
from tests.support.golden import compare
from tests.support.providers import ProviderRequest, Providers, providers

GOLDEN = Path(__file__).parent / "golden"
URLS = {
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts",
    "pagerduty": "pagerduty://INTEGRATIONKEY@APIKEY/nsg-baseline/azure",
    "opsgenie": "opsgenie://a1b2c3d4-0000-0000-0000-000000000000/%23night-shift",
    "jira": "jira://a1b2c3d4-0000-0000-0000-000000000000",
    "teams": "workflows://prod-01.westeurope.logic.azure.com:443/643e69f83c8944/signature",
    "twilio": "twilio://ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@15551230000/15551231111",
    "sinch": "sinch://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@15551230000/15551231111",
    "plivo": "plivo://MAAAAAAAAAAAAAAAAAAA@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/15551230000/15551231111",
    "sns": "sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVy/wmNsdljF4C07D3bndi9PQJ9/us-east-1/15551231111",
    "vonage": "vonage://abcdef12:ABCDEFGHIJ123456@15551230000/15551231111",
    "json": "jsons://hooks.example.com/nsg",
    "cloudevents": "cloudevents://events.example.com/nsg?hmac=MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "xml": "xmls://hooks.example.com/nsg",
    "form": "forms://hooks.example.com/nsg",
    "azurelogs": "azurelogs://app:SECRETSECRET1@nsgb.westeurope-1.ingest.monitor.azure.com/tenant/dcr-0123/Custom-NSG_CL",
}


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    async with providers(monkeypatch) as servers:
        yield servers


@pytest.mark.parametrize("channel", URLS)
async def test_each_provider_receives_the_notifications(channel: str, internet: Providers) -> None:
    # People read what a provider receives. A change of a single character shows here first.
    internet.answer = _answer(channel)
    sender = parse_channels(URLS[channel], allow_local=True)[0][0]
    texts = []
    for name, message in SCENARIOS.items():
        internet.requests.clear()
        assert (await sender.send(message)).delivered, name
        # An alert that was acknowledged is closed, so that the new one notifies again. What remains of the eased one is
        # acknowledged.
        is_pair = name in ("escalated", "eased") and channel in ("pagerduty", "opsgenie", "jira")
        # Azure Monitor Logs needs a token first.
        expected = 2 if is_pair or channel == "azurelogs" else 1
        assert len(internet.requests) == expected, name
        # SNS signs with the time.
        texts += [f"# {name}", *(request.text(signed=channel == "sns") for request in internet.requests), ""]
    compare(GOLDEN / f"{channel}.txt", "\n".join(texts))


def _answer(channel: str) -> Any:
    if channel == "slack":
        return lambda _: (200, "ok")
    if channel == "vonage":
        return lambda _: (200, {"messages": [{"status": "0"}]})
    if channel == "azurelogs":
        return lambda request: (200, {"access_token": "t0k3n"}) if "oauth2" in request.url else (204, "")
    if channel in ("opsgenie", "jira"):
        return lambda _: (202, {"result": "Request will be processed", "requestId": "43a29c5c"})
    return lambda request: (
        202 if "pagerduty" in request.url else 201 if "twilio" in request.url else 200,
        {"ok": True},
    )


@pytest.mark.parametrize("channel", URLS)
async def test_a_refusal_of_a_provider_reveals_no_secret(
    channel: str, internet: Providers, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    # Its response quotes the whole request, as some proxies do.
    caplog.set_level(logging.DEBUG)
    disable_url_logging()
    internet.answer = lambda request: (500, {"asked": request.text(), "headers": request.headers})
    with capture_logs() as logs:
        for _ in range(20):
            sent = await parse_channels(URLS[channel], allow_local=True)[0][0].send(SCENARIOS["opened"])
            assert not sent.delivered
    outputs = "\n".join([repr(logs), repr(sent), caplog.text, *capfd.readouterr()])
    secrets = [part for part in re.split(r"[:/@?&=%#]+", URLS[channel]) if len(part) > 12 and "." not in part]
    assert channel in ("json", "xml", "form") or secrets
    assert [part for part in secrets if part in outputs] == []


def test_the_notifications_as_mail() -> None:
    # Subject and HTML. The protocol is in test_webhook_and_mail.
    texts = [
        f"# {name}\nSubject: {as_mail(message).title}\n\n{as_mail(message).body}\n"
        for name, message in SCENARIOS.items()
    ]
    compare(GOLDEN / "mail.txt", "\n".join(texts))


def test_the_notifications_as_plain_text() -> None:
    # The text of xml, form and JSON channels, which the demo also shows.
    compare(
        GOLDEN / "text.txt",
        "\n".join(f"# {name}\n{message.title}\n\n{plain(message)}\n" for name, message in SCENARIOS.items()),
    )


def test_each_text_fits_into_one_sms_and_names_the_exposure() -> None:
    # An SMS has 160 characters of the basic alphabet. One more makes two, and another alphabet halves the length.
    texts = []
    for name, message in SCENARIOS.items():
        text = as_sms(message).body
        assert len(text) <= SMS_LENGTH
        assert text.isascii()
        assert not set(text) & set("[]{}|~^\\")
        texts.append(f"{name}: {text}")
    compare(GOLDEN / "sms.txt", "\n".join([*texts, ""]))


async def test_a_pager_has_one_alert_for_an_incident(internet: Providers) -> None:
    # People mute a pager with a second alert for one incident, or with an alert that never ends.
    sender = parse_channels(URLS["pagerduty"], allow_local=True)[0][0]
    for name in ("opened", "blocked", "remediated", "resolved"):
        assert (await sender.send(SCENARIOS[name])).delivered
    events: list[ProviderRequest] = internet.requests
    assert [request.body["event_action"] for request in events] == ["trigger", "trigger", "trigger", "resolve"]
    assert {request.body["dedup_key"] for request in events} == {"team-web/web-1"}


async def test_a_restarted_process_closes_an_opsgenie_alert(internet: Providers) -> None:
    # The alias belongs to the incident, not to the process.
    internet.answer = _answer("opsgenie")
    for name in ("opened", "resolved"):
        assert (await parse_channels(URLS["opsgenie"], allow_local=True)[0][0].send(SCENARIOS[name])).delivered
    opened, closed = internet.requests
    assert opened.body["alias"] == "team-web.web-1"
    assert closed.url.endswith("/v2/alerts/team-web.web-1/close?identifierType=alias")

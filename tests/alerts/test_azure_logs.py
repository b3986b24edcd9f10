"""Azure Monitor Logs: a token for the endpoint's cloud, and one record per incident of a message."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from nsg_baseline.alerts.channels import Permissions
from nsg_baseline.alerts.resolving import resolve_channels
from tests.support.alert_scenarios import SCENARIOS
from tests.support.providers import Providers, providers

PLACE = "nsgb-abcd.westeurope-1.ingest.monitor.azure.com"
URL = f"azurelogs://app:s3cr3t@{PLACE}/tenant/dcr-0123/Custom-NSGIncidents_CL"


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    async with providers(monkeypatch) as servers:
        servers.answer = lambda request: (200, {"access_token": "t0k3n"}) if "oauth2" in request.url else (204, "")
        yield servers


async def test_each_incident_of_a_digest_is_a_record(internet: Providers) -> None:
    digest = next(message for message in SCENARIOS.values() if len(message.payload.get("incidents") or ()) > 1)
    (channel,), errors = await resolve_channels(URL, Permissions(local=True))
    assert errors == []
    assert (await channel.send(digest)).delivered
    token, records = internet.requests
    assert token.url == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert token.body["client_secret"] == "s3cr3t"
    assert token.body["scope"] == "https://monitor.azure.com/.default"
    path = "dataCollectionRules/dcr-0123/streams/Custom-NSGIncidents_CL?api-version=2023-01-01"
    assert records.url == f"https://{PLACE}/{path}"
    assert records.headers["Authorization"] == "Bearer t0k3n"
    assert [record["Incident"] for record in records.body] == [
        incident["name"] for incident in digest.payload["incidents"]
    ]
    assert {record["Key"] for record in records.body} == {digest.key}
    assert all(record["TimeGenerated"] and record["Alert"]["namespace"] for record in records.body)


async def test_a_refused_token_or_record_is_not_delivered(internet: Providers) -> None:
    (channel,), _ = await resolve_channels(URL, Permissions(local=True))
    for part in ("oauth2", "dataCollectionRules"):
        internet.answer = lambda request, part=part: (  # type: ignore[misc]
            (403, {}) if part in request.url else (200, {"access_token": "t"})
        )
        result = await channel.send(replace(SCENARIOS["opened"], key=part))
        assert (result.delivered, result.reason) == (False, "refused or unavailable, status 403")


async def test_an_endpoint_outside_of_azure_gets_no_token() -> None:
    # The secret of the application goes to the authority of the cloud only.
    lines = [URL.replace(PLACE, "logs.example.com"), URL.replace("/dcr-0123", ""), URL.replace(":s3cr3t", "")]
    _, errors = await resolve_channels("\n".join(lines))
    assert [error.line for error in errors] == [1, 2, 3]

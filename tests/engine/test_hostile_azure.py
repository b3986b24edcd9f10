"""A reconcile over wrong responses from Azure: the readable NSGs are judged, the scope says what is wrong."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure import client
from nsg_baseline.azure.client import ArmClient, new_session
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.read import ArmReader, NSGPage
from nsg_baseline.kube.store import resource
from tests.azure.test_hostile_responses import FixedToken
from tests.hostile.responses import HostileResponse, encode, nsg, table
from tests.hostile.server import HostileServer, serve_hostile
from tests.support.in_process_operator import Azure, InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
TABLE = {response.name: response for response in table()}
FAILURES = (
    "body: html",
    "body: deep value",
    "value: null",
    "nextLink: to another host",
    "nextLink: to itself",
    "redirect: 302",
    "status: 204",
    "status: 503",
    "encoding: gzip bomb",
    "Retry-After: 'inf'",
    "error body: details number",
    "connection: no http",
    "connection: body without end",
)
ELEMENTS: dict[str, Any] = {
    "null": None,
    "id null": {"id": None},
    "id empty": {"id": ""},
    "id too long": nsg("x" * 2000),
    "id with an escape": nsg("we\x1b[2Jb"),
    "nested too deeply": nsg("odd", note="@DEEP@"),
}
DEEP = b"[" * 100_000 + b"]" * 100_000
CONTENTS: dict[str, Any] = {
    "properties null": {**nsg("odd"), "properties": None},
    "priority null": nsg("odd", securityRules=[{"name": "a", "properties": {"priority": None}}]),
    "lone surrogate": nsg("odd", note="\ud800"),
}


@dataclass(slots=True)
class HostileAzure(Azure):
    """Reads the listing from a hostile server, and single NSGs from memory."""

    connect: Callable[[], ArmReader] | None = None
    reader: ArmReader | None = None

    def reconnect(self) -> None:
        """Start without the pause that Azure asked for."""
        assert self.connect is not None
        self.reader = self.connect()

    @override
    async def pages(self, subscription_id: str, resource_group: str | None = None) -> AsyncIterator[NSGPage]:
        assert self.reader is not None
        async for page in self.reader.pages(subscription_id, resource_group):
            yield page

    def listing(self, *elements: Any) -> HostileResponse:
        """Return a listing of the elements and of all NSGs in memory."""
        body = encode({"value": [*elements, *map(self._document, self.nsgs)]})
        return HostileResponse("", "", body.replace(b'"@DEEP@"', DEEP))


@pytest.fixture
async def hostile(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostileServer]:
    monkeypatch.setattr(client, "REQUEST_DEADLINE_SECONDS", 60)
    monkeypatch.setattr(client, "RETRY_BACKOFF_SECONDS", 0)
    async with serve_hostile() as elsewhere, serve_hostile(elsewhere.url) as server:
        yield server


@pytest.fixture
async def operator(hostile: HostileServer, tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    """Two NSGs that match their baselines, and SSH opened on one of them since."""
    session = new_session()

    def connect() -> ArmReader:
        return ArmReader(ArmClient(Cloud(hostile.url, "s", "a"), FixedToken(), session, RateLimiter()))

    async with in_process_operator(tmp_path, {"web": WEB, "db": WEB}, "json://127.0.0.1:9") as operator:
        azure = HostileAzure({"web": WEB, "db": WEB}, connect=connect)
        azure.reconnect()
        operator.azure = azure
        hostile.response = azure.listing()
        await operator.reconcile()
        azure.nsgs["web"] = [*WEB, SSH]
        yield operator
    await session.close()


def ready(operator: InProcessOperator) -> tuple[str, str, str]:
    stored = operator.records.store.find(NSGScope, ObjectKey("", "production"))
    assert stored is not None
    scope = resource(NSGScope, stored)
    (condition,) = [item for item in scope.status.conditions if item.type == "Ready"]
    return condition.status, condition.reason, condition.message


def drifting(operator: InProcessOperator) -> set[str]:
    return {
        str(incident.spec.baseline)
        for incident in operator.records.incidents.all()
        if incident.spec.kind == "Drift" and incident.status.state == "Open"
    }


def azure_of(operator: InProcessOperator) -> HostileAzure:
    assert isinstance(operator.azure, HostileAzure)
    return operator.azure


async def repair(operator: InProcessOperator, hostile: HostileServer) -> None:
    azure = azure_of(operator)
    hostile.response = azure.listing()
    azure.reconnect()
    operator.clock.advance(minutes=1)
    await operator.reconcile()


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failed_listing_is_reported_and_concludes_nothing(
    operator: InProcessOperator, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # A scope that cannot be read must not say that all is well, nor that its NSGs were deleted.
    hostile.response = TABLE[name]
    if hostile.response.ending == "drip":
        monkeypatch.setattr(client, "REQUEST_DEADLINE_SECONDS", 0.3)
    await operator.reconcile()
    assert ready(operator)[:2] == ("False", hostile.response.reason)
    assert not any("NSGDeleted" in incident.model_dump_json() for incident in operator.records.incidents.all())
    await repair(operator, hostile)
    assert ready(operator)[0] == "True"
    assert drifting(operator) == {"web"}


@pytest.mark.parametrize("name", ELEMENTS)
async def test_an_element_without_an_id_does_not_hide_the_others(
    operator: InProcessOperator, hostile: HostileServer, name: str
) -> None:
    # One malformed element used to silence the whole subscription while the scope was Ready.
    hostile.response = azure_of(operator).listing(ELEMENTS[name])
    await operator.reconcile()
    assert drifting(operator) == {"web"}
    assert "1 element of the listing has no valid NSG id" in ready(operator)[2]
    await repair(operator, hostile)
    assert ready(operator)[0] == "True"
    assert "no valid NSG id" not in ready(operator)[2]


@pytest.mark.parametrize("name", CONTENTS)
async def test_an_nsg_that_cannot_be_parsed_does_not_hide_the_others(
    operator: InProcessOperator, hostile: HostileServer, name: str
) -> None:
    # The id is readable, so the malformed NSG is reported as unbaselined and the scope stays Ready.
    hostile.response = azure_of(operator).listing(CONTENTS[name])
    await operator.reconcile()
    assert drifting(operator) == {"web"}
    assert ready(operator)[0] == "True"
    unbaselined = [item for item in operator.records.incidents.all() if item.spec.kind == "Unbaselined"]
    assert len(unbaselined) == 1


async def test_a_baselined_nsg_with_a_malformed_rule_is_an_incident_that_cannot_be_judged(
    operator: InProcessOperator, hostile: HostileServer
) -> None:
    # One rule without a priority used to hide the SSH that was opened beside it from everybody but the baseline.
    azure = azure_of(operator)
    malformed = {"name": "a", "properties": {"priority": None}}
    hidden = {"name": "open-ssh", "properties": {key: value for key, value in SSH.items() if key != "name"}}
    element = nsg("db", securityRules=[malformed, hidden])
    del azure.nsgs["db"]
    hostile.response = azure.listing(element)
    await operator.reconcile()
    assert drifting(operator) == {"web", "db"}
    incident = next(item for item in operator.records.incidents.all() if item.spec.baseline == "db")
    assert (incident.status.severity, incident.status.event) == ("high", "Opened")
    assert "cannot be judged: Unreadable" in str(incident.status.summary)
    azure.nsgs["db"] = WEB
    await repair(operator, hostile)
    assert drifting(operator) == {"web"}

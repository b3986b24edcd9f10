"""incidents, approve, notify and report against the emulated cluster and Azure."""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.api.durations import parse
from nsg_baseline.cli.demo.environment import (
    OPERATOR_NAMESPACE,
    TEAM_NAMESPACE,
    DemoEnvironment,
    demo_environment,
    objects,
    operator_environment,
)
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.support.alert_scenarios import OPEN, RESOLVED, SSH

WHO = {
    "name": "jo@example.com",
    "kind": "User",
    "client": "the Azure portal",
    "address": "203.0.113.7",
    "at": "2026-03-01T02:59:00Z",
    "operation": "Microsoft.Network/networkSecurityGroups/securityRules/write",
    "rule": "open-ssh",
    "correlationId": "c-1",
}
COMMON = {
    "summary": "RuleCreated open-ssh",
    "openedAt": "2026-03-01T03:00:00Z",
    "updatedAt": "2026-03-01T03:00:00Z",
    "changeCount": 1,
    "changes": [{"kind": "RuleCreated", "rule": "open-ssh", "severity": "critical", "live": "4000 Inbound <b>"}],
}


@pytest.fixture
async def staged(tmp_path: Path) -> AsyncIterator[DemoEnvironment]:
    async with demo_environment(tmp_path) as environment:
        for manifest in objects(environment.receiver):
            environment.cluster.api.apply(manifest)
        yield environment


async def run(staged: DemoEnvironment, *arguments: str, code: int = 0) -> str:
    environment = operator_environment(staged.folder, staged.azure, staged.kubeconfig, OPERATOR_NAMESPACE)
    command = (sys.executable, "-m", "nsg_baseline.cli", *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert process.returncode == code, (process.returncode, out.decode(), err.decode())
    return out.decode() if code == 0 else err.decode()


def put_incident(staged: DemoEnvironment, name: str, **status: Any) -> None:
    nsg = str(staged.custom("NSGBaseline", "appgate")["spec"]["target"]["resourceId"])
    about = {"kind": "Drift", "scope": "demo", "baseline": "appgate", "nsg": nsg}
    staged.cluster.api.apply(
        {
            "apiVersion": API_VERSION,
            "kind": "NSGIncident",
            "metadata": {"name": name, "namespace": TEAM_NAMESPACE},
            "spec": about,
        }
    )
    body = {"status": {"state": "Open", "revision": 1, **COMMON, **OPEN, **status}}
    staged.cluster.api.patch(API_VERSION, "NSGIncident", name, body, TEAM_NAMESPACE, subresource="status")


async def test_incidents_are_sorted_by_severity_and_name_the_author(staged: DemoEnvironment) -> None:
    # The first command of the on-call engineer: one short line for each incident.
    put_incident(staged, "appgate-1", severity="medium")
    put_incident(staged, "appgate-2", changedBy=[WHO], attribution="Found")
    put_incident(staged, "appgate-3", **RESOLVED, resolution="Reverted")
    lines = (await run(staged, "incidents")).splitlines()
    assert lines[0].split() == ["SEVERITY", "STATE", "DURATION", "NAMESPACE", "NSG", "SUMMARY", "WHO", "NAME"]
    assert [line.split()[-1] for line in lines[1:]] == ["appgate-2", "appgate-1"]
    assert "NSG".join(lines).count("jo@example.com") == 1
    listed = json.loads(await run(staged, "incidents", "--all", "-o", "json"))
    assert [incident["name"] for incident in listed["incidents"]] == ["appgate-2", "appgate-1", "appgate-3"]
    assert await run(staged, "incidents", "-n", "elsewhere") == "no open incidents\n"


async def test_watch_prints_an_incident_when_it_changes(staged: DemoEnvironment) -> None:
    # The command watches the API instead of polling it.
    put_incident(staged, "appgate-1")
    environment = operator_environment(staged.folder, staged.azure, staged.kubeconfig, OPERATOR_NAMESPACE)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "nsg_baseline.cli", "incidents", "-w"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert b"SEVERITY" in await process.stdout.readline()
        assert b"appgate-1" in await process.stdout.readline()
        put_incident(staged, "appgate-1", **RESOLVED, resolution="Reverted")
        assert b"Resolved" in await process.stdout.readline()
    process.kill()
    await process.wait()


async def test_approve_prints_a_baseline_that_matches_live(staged: DemoEnvironment) -> None:
    # The output goes into Git. Once applied, it must resolve the drift.
    nsg = str(staged.custom("NSGBaseline", "appgate")["spec"]["target"]["resourceId"])
    await staged.rogue.put_rule(nsg, "open-ssh", **OPEN_SSH)
    put_incident(staged, "appgate-1")
    text = await run(staged, "approve", "appgate-1")
    file = staged.folder / "appgate.yaml"
    file.write_text(text)
    rules = [rule["name"] for rule in yaml.safe_load(text)["spec"]["rules"]]
    assert rules[-1] == "open-ssh"
    assert await run(staged, "plan", "-f", str(file)) == "1 baseline, 0 drifted\n"


async def test_approve_until_patches_an_exception(staged: DemoEnvironment) -> None:
    nsg = str(staged.custom("NSGBaseline", "appgate")["spec"]["target"]["resourceId"])
    await staged.rogue.put_rule(nsg, "open-ssh", **OPEN_SSH)
    arguments = ("approve", "appgate", "-n", TEAM_NAMESPACE, "--until", "4h")
    assert "--reason" in await run(staged, *arguments, code=1)
    await run(staged, *arguments, "--reason", "INC-42", "--by", "jo", "--apply")
    (item,) = staged.custom("NSGBaseline", "appgate")["spec"]["exceptions"]
    assert (item["rule"]["name"], item["reason"], item["approvedBy"]) == ("open-ssh", "INC-42", "jo")
    assert (await run(staged, "plan", "-n", TEAM_NAMESPACE)).endswith("0 drifted\n")
    assert parse("4h").total_seconds() == 4 * 3600


async def test_approve_is_limited_to_named_rules_and_fails_without_changes(staged: DemoEnvironment) -> None:
    nsg = str(staged.custom("NSGBaseline", "appgate")["spec"]["target"]["resourceId"])
    assert "nothing to approve" in await run(staged, "approve", "appgate", code=1)
    await staged.rogue.put_rule(nsg, "open-ssh", **OPEN_SSH)
    await staged.rogue.put_rule(nsg, "open-rdp", **{**OPEN_SSH, "priority": 4001, "destinationPortRange": "3389"})
    patch = json.loads(await run(staged, "approve", "appgate", "--rule", "OPEN-RDP", "-o", "patch"))
    assert [rule["name"] for rule in patch["spec"]["rules"]][-1:] == ["open-rdp"]
    assert "open-ssh" not in json.dumps(patch)


async def test_notify_prints_the_result_of_each_channel(staged: DemoEnvironment) -> None:
    urls = f"{staged.receiver.url}\njson://127.0.0.1:1/nobody\n"
    secret = {"urls": base64.b64encode(urls.encode()).decode()}
    staged.cluster.api.patch("v1", "Secret", "chat", {"data": secret}, OPERATOR_NAMESPACE)
    assert await run(staged, "notify", "chat", "--local", code=1) == ""
    assert [alert["title"] for alert in staged.receiver.alerts] == [
        f"[TEST] nsgb notify, route {OPERATOR_NAMESPACE}/chat"
    ]
    secret = {"urls": base64.b64encode(staged.receiver.url.encode()).decode()}
    staged.cluster.api.patch("v1", "Secret", "chat", {"data": secret}, OPERATOR_NAMESPACE)
    assert await run(staged, "notify", "chat", "--local") == "line 1, json: delivered\n"
    assert "no route is named pager" in await run(staged, "notify", "pager", code=1)


async def test_report_renders_every_format_and_escapes_text_from_azure(staged: DemoEnvironment) -> None:
    # Anyone can choose the name of a rule. It must not become markup in an auditor's browser.
    put_incident(staged, "appgate-1", changedBy=[WHO], attribution="Found", exposure=[SSH])
    put_incident(staged, "appgate-2", **RESOLVED, resolution="Reverted", severity="low")
    page = await run(staged, "report", "--since", "2026-02-01T00:00:00Z", "-o", "html")
    assert "4000 Inbound &lt;b&gt;" in page
    assert "jo@example.com (User) from 203.0.113.7 with the Azure portal" in page
    assert not any(link in page for link in ("src=", 'href="http', "url("))
    assert "<script" not in page
    text = await run(staged, "report", "--since", "2026-02-01T00:00:00Z")
    assert "2 incidents (1 critical and 1 low), 1 open" in text
    assert "after" not in text.splitlines()[0]
    document = json.loads(await run(staged, "report", "--since", "2026-02-01T00:00:00Z", "-o", "json"))
    assert [incident["name"] for incident in document["incidents"]] == ["appgate-1", "appgate-2"]
    # Open incidents belong to every period; incidents resolved before it do not.
    recent = json.loads(await run(staged, "report", "--since", "1h", "-o", "json"))
    assert [incident["name"] for incident in recent["incidents"]] == ["appgate-1"]
    assert "--since" in await run(staged, "report", "--since", "yesterday", code=1)

"""Azure's own SDK, unmodified, works with the emulator: over https, with the credentials that the operator uses."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.core.polling import LROPoller
from azure.identity import ClientSecretCredential
from azure.mgmt.network import NetworkManagementClient, models
from azure.mgmt.network.models import TagsObject

from nsg_emulator.arm import ArmEmulator, Running, Settings, serve_in_thread
from nsg_emulator.arm.faults import throttled, unavailable
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION
from tests.emulator.arm.direct import GROUP, NSGS

# The SDK accepts the properties as flat arguments, as its users write them, and declares the nested form only.
NetworkSecurityGroup: Any = models.NetworkSecurityGroup
SecurityRule: Any = models.SecurityRule
CLIENT_ID = "44444444-4444-4444-4444-444444444444"


def emulator() -> ArmEmulator:
    return ArmEmulator(settings=Settings(page_size=2, retry_after=0), state={"resourceGroups": [{"id": GROUP}]})


def https_rule(name: str = "https", **properties: Any) -> models.SecurityRule:
    plain = {
        "protocol": "Tcp",
        "source_port_range": "*",
        "destination_port_range": "443",
        "source_address_prefix": "Internet",
        "destination_address_prefix": "*",
        "access": "Allow",
        "priority": 100,
        "direction": "Inbound",
    }
    rule: models.SecurityRule = SecurityRule(name=name, **{**plain, **properties})
    return rule


@pytest.fixture
def running() -> Iterator[Running]:
    with serve_in_thread(emulator()) as served:
        yield served


@pytest.fixture
def client(running: Running) -> Iterator[NetworkManagementClient]:
    """The client as a script makes it: a secret, an own base_url, the CA by its path."""
    trust = str(running.ca_file)
    tenant = running.emulator.settings.tenant
    where = {"authority": running.url, "disable_instance_discovery": True, "connection_verify": trust}
    with (
        ClientSecretCredential(tenant, CLIENT_ID, "secret", **where) as credential,
        NetworkManagementClient(
            credential, DEFAULT_SUBSCRIPTION, base_url=running.url, connection_verify=trust, polling_interval=0
        ) as made,
    ):
        yield made


def done(poller: LROPoller[Any]) -> Any:
    return poller.result(timeout=30)


def test_groups_with_the_blocking_client(client: NetworkManagementClient) -> None:
    groups = client.network_security_groups
    made = done(
        groups.begin_create_or_update(
            "rg-web", "web", NetworkSecurityGroup(location="westeurope", security_rules=[https_rule()])
        )
    )
    assert (made.provisioning_state, len(made.default_security_rules)) == ("Succeeded", 6)
    assert groups.get("rg-web", "web").etag == made.etag
    assert groups.update_tags("rg-web", "web", TagsObject(tags={"env": "prod"})).tags == {"env": "prod"}
    for name in ("a", "b", "c"):
        done(groups.begin_create_or_update("rg-web", name, NetworkSecurityGroup(location="westeurope")))
    assert [item.name for item in groups.list_all()] == ["web", "a", "b", "c"], "two pages"
    assert [item.name for item in groups.list("rg-web")] == ["web", "a", "b", "c"]
    done(groups.begin_delete("rg-web", "web"))
    with pytest.raises(ResourceNotFoundError) as missing:
        groups.get("rg-web", "web")
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"


def test_rules_with_the_blocking_client(client: NetworkManagementClient) -> None:
    done(
        client.network_security_groups.begin_create_or_update(
            "rg-web", "web", NetworkSecurityGroup(location="westeurope")
        )
    )
    rules = client.security_rules
    made = done(rules.begin_create_or_update("rg-web", "web", "https", https_rule()))
    assert (made.priority, made.provisioning_state) == (100, "Succeeded")
    assert rules.get("rg-web", "web", "https").etag == client.network_security_groups.get("rg-web", "web").etag
    assert [item.name for item in rules.list("rg-web", "web")] == ["https"]
    assert len(list(client.default_security_rules.list("rg-web", "web"))) == 6
    with pytest.raises(HttpResponseError) as refused:
        rules.begin_create_or_update("rg-web", "web", "other", https_rule("other"))
    assert refused.value.error is not None
    assert refused.value.error.code == "SecurityRuleConflict"
    done(rules.begin_delete("rg-web", "web", "https"))
    assert list(rules.list("rg-web", "web")) == []


def test_a_guarded_write_with_the_blocking_client(client: NetworkManagementClient) -> None:
    """The client has no argument for it, only a header."""
    groups = client.network_security_groups
    group = done(groups.begin_create_or_update("rg-web", "web", NetworkSecurityGroup(location="westeurope")))
    done(groups.begin_create_or_update("rg-web", "web", group, headers={"If-Match": group.etag}))
    with pytest.raises((ResourceModifiedError, ResourceExistsError, HttpResponseError)) as stale:
        groups.begin_create_or_update("rg-web", "web", group, headers={"If-Match": group.etag})
    assert stale.value.status_code == 412


def test_the_client_waits_for_a_slow_operation(running: Running, client: NetworkManagementClient) -> None:
    running.emulator.configure(operation_delay=0.2)
    group = NetworkSecurityGroup(location="westeurope", security_rules=[https_rule()])
    assert (
        done(client.network_security_groups.begin_create_or_update("rg-web", "web", group)).provisioning_state
        == "Succeeded"
    )
    polls = [record for record in running.emulator.requests.records if "/operations/" in record.path]
    assert len(polls) > 1


def test_the_client_retries_after_the_given_pause(running: Running, client: NetworkManagementClient) -> None:
    running.emulator.faults.add(throttled(retry_after=0, method="GET"), unavailable(method="GET"))
    assert list(client.network_security_groups.list_all()) == []
    assert [
        record.status for record in running.emulator.requests.records if "networkSecurityGroups" in record.path
    ] == [429, 503, 200]


def test_groups_and_rules_with_the_asynchronous_client(running: Running, tmp_path: Path) -> None:
    """As in the operator's pod: workload identity from the environment, and the CA in SSL_CERT_FILE.

    aiohttp reads SSL_CERT_FILE once, when it is imported: hence a separate process.
    """
    (tmp_path / "token").write_text("a.federated.token")
    environment = {
        "AZURE_AUTHORITY_HOST": running.url,
        "AZURE_TENANT_ID": running.emulator.settings.tenant,
        "AZURE_CLIENT_ID": CLIENT_ID,
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
        "SSL_CERT_FILE": str(running.ca_file),
        "PATH": "/usr/bin:/bin",
    }
    script = Path(__file__).with_name("aio_client.py")
    command = [sys.executable, "-W", "error", str(script), running.url, DEFAULT_SUBSCRIPTION]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == {
        "made": f"{NSGS}/web",
        "rules": ["https", "ssh"],
        "tags": {"a": "b"},
        "all": ["web"],
        "left": ["ssh"],
        "after": [],
    }
    assert {record.caller for record in running.emulator.requests.records if "/subscriptions/" in record.path} == {
        CLIENT_ID
    }

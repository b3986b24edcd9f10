"""Runs in a separate process for a test: the SDK's asynchronous client, with workload identity, against a URL."""

import asyncio
import json
import sys
from typing import Any

from azure.identity.aio import WorkloadIdentityCredential
from azure.mgmt.network import models
from azure.mgmt.network.aio import NetworkManagementClient
from azure.mgmt.network.models import TagsObject

# The SDK accepts the properties as flat arguments, as its users write them, and declares the nested form only.
NetworkSecurityGroup: Any = models.NetworkSecurityGroup
SecurityRule: Any = models.SecurityRule


def rule(name: str, priority: int) -> Any:
    return SecurityRule(
        name=name,
        protocol="Tcp",
        source_port_range="*",
        destination_port_range="443",
        source_address_prefix="Internet",
        destination_address_prefix="*",
        access="Allow",
        priority=priority,
        direction="Inbound",
    )


async def exercise(client: NetworkManagementClient) -> dict[str, Any]:
    groups, rules = client.network_security_groups, client.security_rules
    group = NetworkSecurityGroup(location="westeurope", security_rules=[rule("https", 100)])
    made = await (await groups.begin_create_or_update("rg-web", "web", group)).result()
    await (await rules.begin_create_or_update("rg-web", "web", "ssh", rule("ssh", 200))).result()
    results: dict[str, Any] = {"made": made.id, "rules": [item.name async for item in rules.list("rg-web", "web")]}
    await (await rules.begin_delete("rg-web", "web", "https")).result()
    results["tags"] = (await groups.update_tags("rg-web", "web", TagsObject(tags={"a": "b"}))).tags
    results["all"] = [item.name async for item in groups.list_all()]
    results["left"] = [item.name for item in (await groups.get("rg-web", "web")).security_rules]
    await (await groups.begin_delete("rg-web", "web")).result()
    return {**results, "after": [item.name async for item in groups.list("rg-web")]}


async def main(url: str, subscription: str) -> None:
    async with (
        WorkloadIdentityCredential() as credential,
        NetworkManagementClient(credential, subscription, base_url=url, polling_interval=0) as client,
    ):
        print(json.dumps(await exercise(client)))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

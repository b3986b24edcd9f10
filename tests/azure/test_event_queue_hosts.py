"""Which hosts may receive a token for the storage of Azure: those of the cloud."""

import pytest

from nsg_baseline.azure.client import new_session
from nsg_baseline.azure.clouds import CLOUDS, Cloud, custom_cloud
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.event_queue import EventQueue
from tests.cluster.azurite import StorageCredential

STACK = custom_cloud(CLOUDS["AzurePublic"], "https://management.local.example.com", None)


async def connect(cloud: Cloud, host: str) -> None:
    async with new_session() as session:
        EventQueue(f"https://{host}/events", cloud, StorageCredential(), session)


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        (CLOUDS["AzurePublic"], "account.queue.core.windows.net"),
        (CLOUDS["AzurePublic"], "account.z01.queue.storage.azure.net"),
        (CLOUDS["AzureUSGovernment"], "account.queue.core.usgovcloudapi.net"),
        (CLOUDS["AzureChina"], "account.queue.core.chinacloudapi.cn"),
        (STACK, "account.queue.local.example.com"),
    ],
)
async def test_hosts_of_the_cloud_are_accepted(cloud: Cloud, host: str) -> None:
    await connect(cloud, host)


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        (CLOUDS["AzureUSGovernment"], "account.queue.core.windows.net"),
        (CLOUDS["AzurePublic"], "account.queue.core.windows.net.example.com"),
        (CLOUDS["AzurePublic"], "queue.core.windows.net"),
        (CLOUDS["AzurePublic"], "127.0.0.1"),
    ],
)
async def test_other_hosts_are_refused_before_any_request(cloud: Cloud, host: str) -> None:
    # A typing mistake in a scope must not send a token elsewhere.
    with pytest.raises(AzureError, match="no host of a Storage Queue") as caught:
        await connect(cloud, host)
    assert caught.value.reason == "InvalidQueue"

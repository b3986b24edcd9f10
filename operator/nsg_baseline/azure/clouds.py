"""Azure's public and national clouds, and custom endpoints."""

import ipaddress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Cloud:
    """The endpoint of ARM, the scope of its tokens, the authority that issues them, and what people use.

    Source: Microsoft's list of the national clouds' endpoints.

    Attributes:
        portal: the address of the portal.
        cli_name: the name of the cloud in the Azure CLI; empty for its default.
        queue_hosts: the ends of the hosts of Storage Queues; empty if any host may be one.
    """

    endpoint: str
    scope: str
    authority: str
    known_authority: bool = True
    portal: str = "https://portal.azure.com"
    cli_name: str = ""
    queue_hosts: tuple[str, ...] = (".queue.core.windows.net", ".queue.storage.azure.net")


CLOUDS = {
    "AzurePublic": Cloud(
        "https://management.azure.com", "https://management.azure.com/.default", "https://login.microsoftonline.com"
    ),
    "AzureUSGovernment": Cloud(
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net/.default",
        "https://login.microsoftonline.us",
        portal="https://portal.azure.us",
        cli_name="AzureUSGovernment",
        queue_hosts=(".queue.core.usgovcloudapi.net",),
    ),
    "AzureChina": Cloud(
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn/.default",
        "https://login.chinacloudapi.cn",
        portal="https://portal.azure.cn",
        cli_name="AzureChinaCloud",
        queue_hosts=(".queue.core.chinacloudapi.cn",),
    ),
}


def custom_cloud(base: Cloud, endpoint: str | None, authority: str | None) -> Cloud:
    """Return a cloud with a custom endpoint or authority: Azure Stack, a proxy, or an emulator.

    Raises:
        ValueError: an address is not https. Plain http is allowed on loopback only, because requests carry tokens.
    """
    for address in filter(None, (endpoint, authority)):
        _check(address)
    return replace(
        base,
        endpoint=(endpoint or base.endpoint).rstrip("/"),
        authority=(authority or base.authority).rstrip("/"),
        known_authority=authority is None and base.known_authority,
        queue_hosts=() if endpoint else base.queue_hosts,
    )


def _check(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return
    raise ValueError(f"{address}: must be an https address (plain http on loopback only)")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

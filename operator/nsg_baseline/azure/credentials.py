"""The credential of requests: a client secret, the pod's workload identity, or the node's managed identity."""

import os
from dataclasses import dataclass

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential

from nsg_baseline.azure.bounded_token import BoundedCredential, BoundedTransport
from nsg_baseline.azure.client import transport
from nsg_baseline.azure.clouds import Cloud


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity other than that of the pod."""

    client_id: str
    tenant_id: str


def build_credential(cloud: Cloud, identity: Identity | None, session: aiohttp.ClientSession) -> AsyncTokenCredential:
    """Return the credential that the environment configures, for the identity of the pod or the given one.

    Its failures are AzureErrors, and its responses have limits; see `bounded_token`.

    The variables are those of the Azure SDKs: AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or
    AZURE_FEDERATED_TOKEN_FILE as AKS workload identity sets it.
    """
    return BoundedCredential(_credential(cloud, identity, BoundedTransport(transport(session))))


def _credential(cloud: Cloud, identity: Identity | None, connection: BoundedTransport) -> AsyncTokenCredential:
    # A slow import that commands without Azure access do not need.
    from azure.identity.aio import (  # noqa: PLC0415
        ClientSecretCredential,
        ManagedIdentityCredential,
        WorkloadIdentityCredential,
    )

    client_id = identity.client_id if identity else os.environ.get("AZURE_CLIENT_ID")
    tenant_id = identity.tenant_id if identity else os.environ.get("AZURE_TENANT_ID")
    options = {
        "authority": cloud.authority,
        "transport": connection,
        # Instance discovery uses a public host, which does not know custom authorities.
        "disable_instance_discovery": not cloud.known_authority,
    }
    secret, token_file = os.environ.get("AZURE_CLIENT_SECRET"), os.environ.get("AZURE_FEDERATED_TOKEN_FILE")
    if secret and client_id and tenant_id:
        return ClientSecretCredential(tenant_id, client_id, secret, **options)
    if token_file and client_id and tenant_id:
        return WorkloadIdentityCredential(
            tenant_id=tenant_id, client_id=client_id, token_file_path=token_file, **options
        )
    return ManagedIdentityCredential(client_id=client_id, transport=connection)

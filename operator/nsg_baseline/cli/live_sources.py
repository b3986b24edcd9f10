"""Reads baselines from the cluster and live NSGs from Azure, with the operator's own clients."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from kubernetes.aio.config import ConfigException

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.validation import InvalidObject, read
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.services import ArmServices
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.sources import Live, Sourced
from nsg_baseline.core.nsg import UnreadableNSGError, parse_live
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.engine.settings import SettingError, from_environment
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError

T = TypeVar("T")
_CLIENT_VARIABLES = "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET"


def cluster_baselines(namespace: str | None, kubeconfig: str | None, context: str | None) -> list[Sourced]:
    """Return the baselines in a namespace, or in all namespaces.

    Raises:
        Failure: the cluster cannot be read, or there is no baseline.
    """
    try:
        sources = asyncio.run(_cluster_baselines(namespace, kubeconfig, context))
    except (KubeError, ConfigException) as error:
        raise Failure(f"the cluster cannot be read: {error}; pass files with -f instead") from None
    if not sources:
        # Without this check a misspelled namespace would exit with 0.
        raise Failure(f"no NSGBaseline in {f'namespace {namespace}' if namespace else 'the cluster'}")
    return sources


def azure_live(baselines: Iterable[Sourced]) -> Live:
    """Return the NSGs that baselines target, each requested by its id.

    Raises:
        Failure: Azure cannot be read.
    """
    ids = [source.baseline.spec.target.resource_id for source in baselines]

    async def ask(arm: ArmServices) -> list[dict[str, Any]]:
        responses = [await arm.reader.get(nsg) for nsg in ids]
        return [response for response in responses if response is not None]

    return replace(_live(asked(ask)), asked_by_id=True)


def azure_listing(subscription: str, resource_group: str | None) -> Live:
    """Return all NSGs of a subscription or a resource group.

    Raises:
        Failure: Azure cannot be read.
    """

    async def ask(arm: ArmServices) -> list[dict[str, Any]]:
        pages = arm.reader.pages(subscription, resource_group)
        return [nsg.document() async for page in pages for nsg in page.nsgs]

    return _live(asked(ask))


def asked(ask: Callable[[ArmServices], Awaitable[T]]) -> T:
    """Return what a function reads from Azure.

    Raises:
        Failure: Azure cannot be read.
    """

    async def connected() -> T:
        arm = ArmServices.connect(from_environment().cloud)
        try:
            return await ask(arm)
        finally:
            await arm.aclose()

    # azure-identity logs each failed credential; the error below reports the failure once.
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(connected())
    except (AzureError, SettingError) as error:
        raise Failure(f"Azure cannot be read: {error}; {_credential_fix()}") from None


def _credential_fix() -> str:
    configured = any(name in os.environ for name in ("AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"))
    check = "check the AZURE_* variables" if configured else f"set {_CLIENT_VARIABLES} (az login is not used)"
    return f"{check}, or pass the output of az network nsg list with --live"


def _live(documents: Iterable[dict[str, Any]]) -> Live:
    try:
        return Live(tuple(map(parse_live, documents)), "Complete")
    except (UnreadableNSGError, UnreadableRuleError) as error:
        raise Failure(f"the response from Azure could not be parsed: {error}") from None


async def _cluster_baselines(namespace: str | None, kubeconfig: str | None, context: str | None) -> list[Sourced]:
    kube = await Kube.connect(kubeconfig, context)
    try:
        items = [item async for page, _ in kube.pages(NSGBaseline, namespace) for item in page]
    finally:
        await kube.aclose()
    return [Sourced(_read(item)) for item in items]


def _read(item: dict[str, Any]) -> NSGBaseline:
    try:
        return read(NSGBaseline, {"apiVersion": "nsg-baseline.io/v1alpha1", "kind": "NSGBaseline", **item})
    except InvalidObject as error:
        raise Failure(f"NSGBaseline {item['metadata']['name']}: {error}") from None

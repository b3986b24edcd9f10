"""What commands read from a cluster, and the options by which they reach it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from kubernetes.aio.config import ConfigException

from nsg_baseline.api.common import Resource
from nsg_baseline.api.validation import InvalidObject, read
from nsg_baseline.cli.failure import Failure
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError

T = TypeVar("T")
R = TypeVar("R", bound=Resource)
Command = Callable[..., Any]


def cluster_options(command: Command) -> Command:
    """Add the options of kubectl that say which cluster and namespace."""
    for option in (
        click.option("--context", help="The kubeconfig's context to use."),
        click.option("--kubeconfig", type=click.Path(exists=True), help="The kubeconfig to use."),
        click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces, which is the default."),
        click.option("-n", "--namespace", help="Only this namespace."),
    ):
        command = option(command)
    return command


def asked(ask: Callable[[Kube], Awaitable[T]], kubeconfig: str | None, context: str | None) -> T:
    """Ask a cluster something.

    Raises:
        Failure: the cluster cannot be reached, or refuses.
    """

    async def connected() -> T:
        kube = await Kube.connect(kubeconfig, context)
        try:
            return await ask(kube)
        finally:
            await kube.aclose()

    try:
        return asyncio.run(connected())
    except (KubeError, ConfigException) as error:
        raise Failure(f"the cluster cannot be read: {error}") from None


async def every(kube: Kube, kind: type[R], namespace: str | None) -> list[R]:
    """Return all objects of a kind, or those of a namespace; ones that cannot be read are left out."""
    found = []
    async for page, _ in kube.pages(kind):
        for item in page:
            if namespace in (None, item["metadata"].get("namespace")):
                try:
                    found.append(read(kind, {**item, "apiVersion": "nsg-baseline.io/v1alpha1", "kind": kind.__name__}))
                except InvalidObject as error:
                    name = item["metadata"].get("name")
                    click.echo(f"nsgb: {kind.__name__} {name} is passed over: {error}", err=True)
    return found

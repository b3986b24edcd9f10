"""Access to the cluster, and the options that select it."""

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
    """Add kubectl's options for the cluster and the namespace."""
    for option in (
        click.option("--context", help="Context of the kubeconfig."),
        click.option("--kubeconfig", type=click.Path(exists=True), help="Path of the kubeconfig."),
        click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces (default)."),
        click.option("-n", "--namespace", help="Only this namespace."),
    ):
        command = option(command)
    return command


def query(ask: Callable[[Kube], Awaitable[T]], kubeconfig: str | None, context: str | None) -> T:
    """Run `ask` with a client of the cluster and return its result.

    Raises:
        Failure: the cluster cannot be reached, or rejects a request.
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
        raise Failure(f"the cluster cannot be read: {error}; check KUBECONFIG, --kubeconfig and --context") from None


async def list_objects(kube: Kube, kind: type[R], namespace: str | None) -> list[R]:
    """Return all objects of a kind, or those in a namespace. Invalid objects are skipped with a warning."""
    objects = []
    async for page, _ in kube.pages(kind, namespace):
        for item in page:
            try:
                objects.append(read(kind, {**item, "apiVersion": "nsg-baseline.io/v1alpha1", "kind": kind.__name__}))
            except InvalidObject as error:
                name = item["metadata"].get("name")
                click.echo(f"nsgb: {kind.__name__} {name} is invalid and was skipped: {error}", err=True)
    return objects

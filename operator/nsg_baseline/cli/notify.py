"""`nsgb notify`: send a test message through a route and print the result of each channel."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from nsg_baseline.alerts.channels import (
    Channel,
    Permissions,
    SendResult,
    disable_url_logging,
)
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.resolving import resolve_channels
from nsg_baseline.alerts.route_groups import members
from nsg_baseline.alerts.templating import RouteTemplates
from nsg_baseline.alerts.urls import InvalidChannelError
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.cli.channel_check import check
from nsg_baseline.cli.cluster import cluster_options, list_objects, query
from nsg_baseline.cli.failure import Failure, fail_if, reject_options
from nsg_baseline.cli.template_preview import preview
from nsg_baseline.kube.client import Kube


@click.command()
@click.argument("route", required=False)
@click.option(
    "--check",
    "file",
    metavar="FILE",
    help="Check the URLs in a file, or - for standard input, and print the result for each line. Sends nothing.",
)
@click.option(
    "--preview",
    "routes_file",
    metavar="FILE",
    help="Print what the templates of the NSGAlertRoutes in a file make of sample alerts. Sends nothing.",
)
@click.option("--local", is_flag=True, help="Allow channels on loopback addresses of this machine.")
@cluster_options
def notify(  # noqa: PLR0913 - each is an option of the command
    *,
    route: str | None,
    file: str | None,
    routes_file: str | None,
    local: bool,
    namespace: str | None,
    all_namespaces: bool,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    r"""Send a test message through an NSGAlertRoute and print the result of each channel.

    The message is sent from this machine, with your own permission to read the route's Secret. Exits with 0 if every
    channel accepted the message, otherwise with 1.

    \b
    nsgb notify oncall -n nsg-baseline-system
    nsgb notify --check urls.txt
    nsgb notify --preview route.yaml
    """
    disable_url_logging()
    cluster = {"namespace": namespace, "all_namespaces": all_namespaces, "kubeconfig": kubeconfig, "context": context}
    if file is not None:
        _reject("with --check", route, preview=routes_file, local=local, **cluster)
        check(file)
    if routes_file is not None:
        _reject("with --preview", route, local=local, **cluster)
        preview(routes_file)
    if route is None:
        raise click.UsageError("name a ROUTE, or use --check FILE or --preview FILE")
    if all_namespaces:
        reject_options("with -A", namespace=namespace)

    async def ask(kube: Kube) -> list[_GroupResult]:
        routes = [
            candidate
            for candidate in await list_objects(kube, NSGAlertRoute, namespace)
            if candidate.metadata.name == route
        ]
        if len(routes) != 1:
            raise Failure(
                f"no route is named {route}"
                if not routes
                else f"{len(routes)} routes are named {route}; select a namespace with -n"
            )
        return [await _send(kube, member, allow_local=local) for member in members(routes[0])]

    results = query(ask, kubeconfig, context)
    for result in results:
        answers = [
            (channel.line, f"{channel.scheme}: {_answer(sent, allow_local=local)}") for channel, sent in result.sent
        ]
        answers += [(invalid.line, invalid.problem) for invalid in result.bad]
        for line, answer in sorted(answers, key=lambda entry: entry[0]):
            click.echo(f"{result.prefix}line {line}, {answer}")
        if result.template_problem:
            click.echo(f"{result.prefix}{result.template_problem}")
    sys.exit(0 if all(result.is_good for result in results) else 1)


def _reject(because: str, route: str | None, **options: object) -> None:
    """Reject a route and options that have no effect with a file."""
    fail_if([f"a ROUTE has no effect {because}"] if route else [])
    reject_options(because, **options)


@dataclass(frozen=True, slots=True)
class _GroupResult:
    """The results of the channels of a route, or of a group of them."""

    group: str
    sent: list[tuple[Channel, SendResult]]
    bad: list[InvalidChannelError]
    template_problem: str = ""

    @property
    def prefix(self) -> str:
        return f"channels {self.group}, " if self.group else ""

    @property
    def is_good(self) -> bool:
        return not self.bad and not self.template_problem and all(sent.delivered for _, sent in self.sent)


async def _send(kube: Kube, member: NSGAlertRoute, *, allow_local: bool) -> _GroupResult:
    channels, bad = await _channels(kube, member, allow_local=allow_local)
    sent = [(channel, await channel.send(_test(member))) for channel in channels]
    templates = RouteTemplates()
    await templates.check(member, Permissions())
    return _GroupResult(member.metadata.name.partition("/")[2], sent, bad, templates.problem)


def _answer(sent: SendResult, *, allow_local: bool) -> str:
    if sent.delivered:
        return "delivered"
    return f"{sent.reason}; use --local to allow it" if sent.egress_denied and not allow_local else sent.reason


async def _channels(
    kube: Kube, route: NSGAlertRoute, *, allow_local: bool
) -> tuple[list[Channel], list[InvalidChannelError]]:
    where = route.spec.urls_from
    if where is None:
        raise Failure(f"route {route.metadata.name} has no channels; set spec.urlsFrom or spec.channels")
    texts = await kube.secret(route.metadata.namespace, where.name)
    if texts is None or where.key not in texts:
        raise Failure(
            f"namespace {route.metadata.namespace} has no Secret {where.name} with key {where.key}; check urlsFrom"
        )
    channels, bad = await resolve_channels(texts[where.key], Permissions(local=allow_local, private=True))
    if not channels and not bad:
        raise Failure(f"Secret {where.name}, key {where.key} contains no channel URL; add one Apprise URL on each line")
    return channels, bad


def _test(route: NSGAlertRoute) -> AlertMessage:
    name, now = "/".join(route.key), datetime.now(UTC)
    key = f"test {name} {now:%Y-%m-%dT%H:%M:%SZ}"
    return AlertMessage(
        event="Opened",
        severity="info",
        title=f"[TEST] nsgb notify, route {name}",
        facts=("This is a test message. No NSG changed.",),
        key=key,
        thread=key,
        payload={"schema": "nsg-baseline.io/alert/v1", "event": "Test", "severity": "info", "incidents": []},
    )

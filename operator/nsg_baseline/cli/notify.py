"""`nsgb notify`: a test message by a route, and what each channel answered."""

import sys
from datetime import UTC, datetime

import click

from nsg_baseline.alerts.channels import Channel, InvalidChannelError, SendResult, disable_url_logging, parse_channels
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.cli.cluster import asked, cluster_options, every
from nsg_baseline.cli.failure import Failure
from nsg_baseline.kube.client import Kube


@click.command()
@click.argument("route")
@click.option("--local", is_flag=True, help="Let channels lead to this machine's own addresses.")
@cluster_options
def notify(
    *, route: str, local: bool, namespace: str | None, all_namespaces: bool, kubeconfig: str | None, context: str | None
) -> None:
    r"""Send a test message by an NSGAlertRoute and say what each of its channels answered.

    It is sent from here, with your own right to read the route's Secret. Exits with 0 when every channel took it.

    \b
    nsgb notify oncall -n nsg-baseline-system
    """
    disable_url_logging()
    where = None if all_namespaces else namespace

    async def ask(kube: Kube) -> tuple[list[tuple[Channel, SendResult]], list[InvalidChannelError]]:
        found = [one for one in await every(kube, NSGAlertRoute, where) if one.metadata.name == route]
        if len(found) != 1:
            raise Failure(f"there are {len(found)} routes called {route}; name the namespace by -n")
        channels, bad = await _channels(kube, found[0], allow_local=local)
        return [(channel, await channel.send(_test(found[0]))) for channel in channels], bad

    results, bad = asked(ask, kubeconfig, context)
    told = {channel.line: f"{channel.scheme}: {_answer(sent, allow_local=local)}" for channel, sent in results}
    told |= {one.line: one.problem for one in bad}
    for line in sorted(told):
        click.echo(f"line {line}, {told[line]}")
    sys.exit(0 if not bad and all(sent.delivered for _, sent in results) else 1)


def _answer(sent: SendResult, *, allow_local: bool) -> str:
    if sent.delivered:
        return "taken"
    return f"{sent.reason}; --local allows it" if sent.egress_denied and not allow_local else sent.reason


async def _channels(
    kube: Kube, route: NSGAlertRoute, *, allow_local: bool
) -> tuple[list[Channel], list[InvalidChannelError]]:
    where = route.spec.urls_from
    texts = await kube.secret(route.metadata.namespace, where.name)
    if texts is None or where.key not in texts:
        raise Failure(f"there is no Secret {where.name} with a key {where.key} in namespace {route.metadata.namespace}")
    channels, bad = parse_channels(texts[where.key], allow_local=allow_local)
    if not channels and not bad:
        raise Failure(f"Secret {where.name}, key {where.key} names no channel")
    return channels, bad


def _test(route: NSGAlertRoute) -> AlertMessage:
    name, now = "/".join(route.key), datetime.now(UTC)
    key = f"test {name} {now:%Y-%m-%dT%H:%M:%SZ}"
    return AlertMessage(
        event="Opened",
        severity="info",
        title=f"[TEST] nsgb notify by route {name}",
        short=f"TEST of NSG alert route {name}: nothing happened",
        facts=("This is a test of the route. Nothing happened.",),
        traffic=(),
        changes=(),
        actions=(),
        next_steps=(),
        key=key,
        thread=key,
        document={"schema": "nsg-baseline.io/alert/v1", "event": "Test", "severity": "info", "incidents": []},
    )

"""`nsgb events`: the delivery of Azure's events to the queue of a scope."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import urlsplit

import click

from nsg_baseline.cli.event_checks import Check, checks
from nsg_baseline.cli.failure import Failure
from nsg_baseline.core.event_subscription import QueueAddress

INCOMPLETE = 2
_WORDS = {"Passed": "ok", "Failed": "FAIL", "Unknown": "?"}


@click.group()
def events() -> None:
    """Check the delivery of Azure's events to a queue."""


@events.command()
@click.option("--subscription", required=True, help="Id of the subscription of the scope.")
@click.option("--queue-url", required=True, help="The queue: spec.events.queueUrl of the scope.")
@click.option(
    "--send-test",
    is_flag=True,
    help="Also add a test message to the queue, and wait up to 60 seconds until the operator has received it. It needs "
    "the role Storage Queue Data Message Sender on the queue.",
)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def check(*, subscription: str, queue_url: str, send_test: bool, output: str) -> None:
    r"""Say what is missing between a subscription and the operator.

    It reads the queue, its queue of poison messages, and the event subscriptions of the subscription, with the
    credentials of the AZURE_* variables. No message is received or deleted.

    Exits with 0 if nothing is missing, 2 if something is, and 1 if Azure cannot be read at all.

    \b
    nsgb events check --subscription 11111111-1111-1111-1111-111111111111 \\
      --queue-url https://account.queue.core.windows.net/nsg-events
    """
    results = checks(subscription, queue_url, queue_address(queue_url), is_tested=send_test)
    click.echo(json.dumps([asdict(result) for result in results], indent=2) if output == "json" else _table(results))
    sys.exit(0 if all(result.result == "Passed" for result in results) else INCOMPLETE)


def queue_address(url: str) -> QueueAddress:
    """Return the account and the name in a queue's URL.

    Raises:
        Failure: the URL is not that of a queue.
    """
    parts = urlsplit(url)
    segments = [segment for segment in parts.path.split("/") if segment]
    # An emulator has the account in the path.
    account = (parts.hostname or "").partition(".")[0] if len(segments) == 1 else segments[0] if segments else ""
    if parts.scheme != "https" or not account or len(segments) not in (1, 2):
        raise Failure(f"--queue-url: {url} is not the URL of a queue, such as https://account.queue.core.windows.net/q")
    return QueueAddress(account.lower(), segments[-1].lower())


def _table(results: Sequence[Check]) -> str:
    width = max(len(result.name) for result in results)
    lines = [f"{_WORDS[result.result]:5}{result.name:{width}}  {result.message}" for result in results]
    fixes = [f"\n{result.name}: {result.fix}" for result in results if result.fix]
    return "\n".join([*lines, *fixes])

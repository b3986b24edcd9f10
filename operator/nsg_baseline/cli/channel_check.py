"""`nsgb notify --check`: what each line of a file with URLs is, and what is wrong with it. Nothing is sent."""

import asyncio
import sys

import click

from nsg_baseline.alerts.channels import SENDER
from nsg_baseline.alerts.resolving import NO_PERMISSIONS, describe_urls, problem_text
from nsg_baseline.alerts.schemes import OWN_FORM
from nsg_baseline.alerts.sender.protocol import Description
from nsg_baseline.alerts.urls import ChannelURL, parse_lines
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.text_files import read_text


def check(file: str) -> None:
    """Print a line for each URL of a file, and exit with 0 if every line is usable, else with 1.

    Raises:
        Failure: the file cannot be read, or contains no URL.
    """
    urls, errors = parse_lines(read_text(file))
    if not urls and not errors:
        raise Failure(f"{file}: contains no URL; write one URL on each line")
    descriptions = asyncio.run(_described(urls))
    lines = {error.line: f"error: {error.problem}" for error in errors}
    for url in urls:
        lines[url.line] = _line(url, descriptions.get(url.line))
    for number in sorted(lines):
        click.echo(f"line {number}, {lines[number]}")
    sys.exit(1 if any(line.startswith("error: ") for line in lines.values()) else 0)


async def _described(urls: list[ChannelURL]) -> dict[int, Description]:
    try:
        return await describe_urls(urls, NO_PERMISSIONS)
    finally:
        SENDER.close()


def _line(url: ChannelURL, description: Description | None) -> str:
    if description is None:
        return f"error: {url.scheme} URL; the process that reads it ended, because it used too much memory or time"
    if description.problem:
        return f"error: {url.scheme} URL; it {problem_text(description.problem)}"
    count = max(len(description.recipients), 1)
    form = "a specific form" if url.scheme in OWN_FORM else "a plain form"
    return f"{description.service} ({url.scheme}): {count} {'channel' if count == 1 else 'channels'}, {form}"

"""`nsgb notify --preview`: what the templates of routes in a file make of sample alerts. Nothing is sent."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import click

from nsg_baseline.alerts.channels import SENDER
from nsg_baseline.alerts.formats import as_text
from nsg_baseline.alerts.route_groups import members
from nsg_baseline.alerts.templating import rendered, with_results
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.validation import InvalidObject, read
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.sample_alerts import Sample, samples
from nsg_baseline.cli.sources import documents_of
from nsg_baseline.cli.yaml_files import Document


@dataclass(frozen=True, slots=True)
class _Templated:
    """A route or a group with templates, and where they are."""

    route: NSGAlertRoute
    place: str


def preview(file: str) -> None:
    """Print sample alerts in the form of the templates, and exit with 0 if none fails, else with 1.

    Raises:
        Failure: the file cannot be read, a route is invalid, or no route has templates.
    """
    templated = [item for document in documents_of([file]) for item in _templated(document)]
    if not templated:
        raise Failure(f"{file}: contains no NSGAlertRoute with spec.templates")
    sys.exit(1 if asyncio.run(_print_all(templated)) else 0)


def _templated(document: Document) -> Iterator[_Templated]:
    if not isinstance(document.value, Mapping) or document.value.get("kind") != "NSGAlertRoute":
        return
    try:
        route = read(NSGAlertRoute, document.value)
    except InvalidObject as error:
        raise Failure(*(f"{document.at(problem.field)}: {problem}" for problem in error.problems)) from None
    groups = {group.name: index for index, group in enumerate(route.spec.channels) if group.templates is not None}
    for member in members(route):
        index = groups.get(member.metadata.name.partition("/")[2])
        field = "spec.templates" if index is None else f"spec.channels[{index}].templates"
        if member.spec.templates is not None:
            yield _Templated(member, document.at(field))


async def _print_all(templated: list[_Templated]) -> bool:
    """Print each sample for each route. Return whether a template failed."""
    has_failed = False
    try:
        for item in templated:
            for sample in samples():
                if sample.kind in item.route.spec.kinds:
                    has_failed |= await _print(item, sample)
    finally:
        SENDER.close()
    return has_failed


async def _print(item: _Templated, sample: Sample) -> bool:
    templates = item.route.spec.templates
    if templates is None:
        return False
    async with SENDER.turn("preview", is_operator=True) as turn:
        results = await rendered(turn, templates, sample.message)
    text = as_text(with_results(sample.message, results))
    name, _, group = item.route.metadata.name.partition("/")
    click.echo(f"--- {name}{f', channels {group}' if group else ''}: {sample.name}\n{text.title}\n\n{text.body}\n")
    for problem in results.problems:
        click.echo(f"nsgb: {item.place}: {sample.name}: {problem}", err=True)
    return bool(results.problems)

"""`nsgb probe`: which rule decides one connection."""

import json
from collections.abc import Iterator
from typing import Any

import click

from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.severity_options import tag_table
from nsg_baseline.cli.sources import now, read_baselines, read_live_file
from nsg_baseline.core.classification import classify
from nsg_baseline.core.intervals import parse_prefix
from nsg_baseline.core.nsg import read_approved
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.text.box_phrases import box_phrase
from nsg_baseline.core.traffic.model import PROTOCOLS, Box, Direction
from nsg_baseline.core.traffic.probe import Decision, Outcome, connection, decide, usual
from nsg_baseline.core.traffic.tags import VIRTUAL_NETWORK, is_group, is_service_tag

_FIELDS = {
    "protocol": "protocol",
    "source": "source",
    "sourcePort": "source port",
    "destination": "destination",
    "destinationPort": "destination port",
    "earlier": "what is left of it by earlier rules",
}
_PORT = click.IntRange(0, 65535)


@click.command()
@click.argument("file")
@click.option("--protocol", type=click.Choice(PROTOCOLS, case_sensitive=False), default="Tcp", show_default=True)
@click.option("--source", default="*", show_default=True, help="Address, prefix, service tag or id of an ASG.")
@click.option("--destination", default="*", show_default=True, help="Address, prefix, service tag or id of an ASG.")
@click.option("--port", type=_PORT, help="Destination port; any when left out.")
@click.option("--source-port", type=_PORT, help="Source port; any when left out.")
@click.option("--direction", type=click.Choice(["Inbound", "Outbound"], case_sensitive=False), default="Inbound")
@click.option("--nsg", help="Name of the NSG, where the file holds several.")
@click.option("--service-tags", metavar="FILE", help="ServiceTags_Public JSON of Microsoft, to know tags' addresses.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def probe(  # noqa: PLR0913 - one an option
    *,
    file: str,
    protocol: str,
    source: str,
    destination: str,
    port: int | None,
    source_port: int | None,
    direction: Direction,
    nsg: str | None,
    service_tags: str | None,
    output: str,
) -> None:
    r"""Say which rule decides one connection, and why the rules before it do not.

    FILE holds an NSGBaseline, or live NSGs as ARM's JSON or as `az network nsg show` prints them. Exits with 0 whether
    the connection is allowed or denied, and with 1 when that cannot be told.

    \b
    nsgb probe web.yaml --source 203.0.113.7 --destination 10.0.0.4 --port 22
    az network nsg show -g rg -n web | nsgb probe - --source Internet --port 443
    """
    _check_side("--source", source)
    _check_side("--destination", destination)
    asked = connection(protocol, source, destination, port, source_port)
    rules, table = _rules(file, nsg), tag_table(service_tags)
    found = decide(rules, asked, direction, tags=table)
    if not found.outcomes:
        raise Failure("there is no such connection: source and destination are of different families")
    likely = decide(rules, usual(asked, direction), direction, tags=table) if len(found.outcomes) > 1 else found
    shown = _json if output == "json" else _table
    click.echo(shown(found, likely, asked, direction))


def _check_side(option: str, text: str) -> None:
    word = text.lower()
    known = word in ("*", VIRTUAL_NETWORK) or is_service_tag(word) or is_group(word)
    if not known and parse_prefix(text) is None:
        raise click.BadParameter(
            f"{text!r} is no address, prefix, service tag or id of an application security group", param_hint=option
        )


def _rules(file: str, name: str | None) -> tuple[Rule, ...]:
    """Return the rules of the one NSG that is meant."""
    by_name = _baselines(file) if file.endswith((".yaml", ".yml")) else _live(file)
    wanted = {key: rules for key, rules in by_name.items() if name is None or key.lower() == name.lower()}
    if not by_name:
        raise Failure(f"{file}: holds no NSG")
    if len(wanted) != 1:
        known = ", ".join(sorted(by_name)[:10])
        raise Failure(f"{file}: holds {len(wanted)} such NSGs; name one of {known} by --nsg")
    return next(iter(wanted.values()))


def _baselines(file: str) -> dict[str, tuple[Rule, ...]]:
    approved = [read_approved(one.baseline.spec) for one in read_baselines([file])]
    excepted = [classify(one, [item.rule for item in one.exceptions], now()) for one in approved]
    return {one.id.name: sides.approved for one, sides in zip(approved, excepted, strict=True)}


def _live(file: str) -> dict[str, tuple[Rule, ...]]:
    return {one.id.name: one.rules for one in read_live_file(file).nsgs}


def _table(found: Decision, likely: Decision, asked: Box, direction: Direction) -> str:
    return "\n".join(_lines(found, likely, asked, direction))


def _lines(found: Decision, likely: Decision, asked: Box, direction: Direction) -> Iterator[str]:
    yield f"{direction} {box_phrase(asked)}:"
    if found is not likely and len(likely.outcomes) == 1:
        (usually,) = likely.outcomes
        yield f"  nearly always {_verb(usually)} by {_rule(usually.rule)}; to be exact:"
    for outcome in found.outcomes:
        yield f"  {_verb(outcome)} by {_rule(outcome.rule)}{_when(found, outcome)}"
    if found.depends_on:
        yield f"  it depends on what nobody here knows: {', '.join(found.depends_on)}"
    if found.misses:
        yield "rules before it that do not match:"
    yield from (f"  {_rule(miss.rule)}: another {_FIELDS[miss.field]}" for miss in found.misses)


def _verb(outcome: Outcome) -> str:
    return {"Allow": "allowed", "Deny": "denied"}.get(outcome.access, outcome.access)


def _rule(rule: Rule | None) -> str:
    return f"{rule.name} ({rule.priority})" if rule is not None else "the platform"


def _when(found: Decision, outcome: Outcome) -> str:
    return f", where it is {'; '.join(map(box_phrase, outcome.boxes[:3]))}" if len(found.outcomes) > 1 else ""


def _json(found: Decision, likely: Decision, asked: Box, direction: Direction) -> str:
    document: dict[str, Any] = {
        "connection": box_phrase(asked),
        "direction": direction,
        "access": found.access,
        "likelyAccess": likely.access,
        "outcomes": [
            {
                "access": one.access,
                "rule": one.rule.name if one.rule else None,
                "priority": one.rule.priority if one.rule else None,
                "where": [box_phrase(box) for box in one.boxes],
            }
            for one in found.outcomes
        ],
        "dependsOn": list(found.depends_on),
        "misses": [{"rule": one.rule.name, "priority": one.rule.priority, "field": one.field} for one in found.misses],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

"""`nsgb probe`: which rule decides a connection."""

import json
from collections.abc import Iterator
from typing import Any

import click

from nsg_baseline.cli.failure import Failure, fail_if
from nsg_baseline.cli.severity_options import tag_table
from nsg_baseline.cli.sources import now, read_baselines, read_live_file
from nsg_baseline.core.classification import classify
from nsg_baseline.core.intervals import parse_prefix
from nsg_baseline.core.nsg import parse_approved
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.text.box_phrases import box_phrase
from nsg_baseline.core.traffic.model import PROTOCOLS, Box, Direction
from nsg_baseline.core.traffic.probe import Decision, Outcome, connection, decide, usual
from nsg_baseline.core.traffic.tags import (
    INTERNET,
    LIKELY,
    LOAD_BALANCER,
    PLATFORM,
    VIRTUAL_NETWORK,
    TagTable,
    is_group,
    is_service_tag,
)

_FIELDS = {
    "protocol": "protocol",
    "source": "source",
    "sourcePort": "source port",
    "destination": "destination",
    "destinationPort": "destination port",
    "earlier": "already decided by earlier rules",
}
_PORT = click.IntRange(0, 65535)


@click.command()
@click.argument("file")
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS, case_sensitive=False),
    default="Tcp",
    show_default=True,
    help="Protocol of the connection.",
)
@click.option(
    "--source",
    default="*",
    show_default=True,
    help="Address, prefix, service tag, or id of an application security group.",
)
@click.option(
    "--destination",
    default="*",
    show_default=True,
    help="Address, prefix, service tag, or id of an application security group.",
)
@click.option("--port", type=_PORT, help="Destination port.  [default: any]")
@click.option("--source-port", type=_PORT, help="Source port.  [default: any]")
@click.option(
    "--direction",
    type=click.Choice(["Inbound", "Outbound"], case_sensitive=False),
    default="Inbound",
    show_default=True,
    help="Direction of the connection.",
)
@click.option("--nsg", help="Name of the NSG, if the file contains several.")
@click.option("--service-tags", metavar="FILE", help="Microsoft's ServiceTags_Public JSON, to resolve service tags.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Output format."
)
def probe(  # noqa: PLR0913 - click passes one argument for each option
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
    r"""Show which rule decides a connection, and why the rules before it do not match.

    FILE contains an NSGBaseline (.yaml, .yml), or live NSGs as JSON from ARM or from `az network nsg show`. Exits with
    0 whether the connection is allowed or denied, and with 1 if the input is invalid.

    \b
    nsgb probe web.yaml --source 203.0.113.7 --destination 10.0.0.4 --port 22
    az network nsg show -g rg -n web | nsgb probe - --source Internet --port 443
    """
    _check_side("--source", source)
    _check_side("--destination", destination)
    if protocol not in ("Tcp", "Udp"):
        # Port 0 is a port.
        for option, given in (("--port", port), ("--source-port", source_port)):
            fail_if(
                [f"{option} has no effect with --protocol {protocol}, which has no ports"] if given is not None else []
            )
    traffic = connection(protocol, source, destination, port, source_port)
    rules, table = _rules(file, nsg), tag_table(service_tags)
    for option, text in (("--source", source), ("--destination", destination)):
        _check_tag(option, text.lower(), rules, table)
    decision = decide(rules, traffic, direction, tags=table)
    if not decision.outcomes:
        raise Failure("source and destination must both be IPv4 or both be IPv6")
    likely = decision
    if len(decision.outcomes) > 1:
        likely = decide(rules, usual(traffic, direction), direction, tags=table, reading=LIKELY)
    shown = _json if output == "json" else _table
    click.echo(shown(decision, likely, traffic, direction))


def _check_side(option: str, text: str) -> None:
    word = text.lower()
    is_name = word in ("*", VIRTUAL_NETWORK) or is_service_tag(word) or is_group(word)
    if not is_name and parse_prefix(text) is None:
        raise click.BadParameter(
            f"{text!r} is not an address, a prefix, a service tag or the id of an application security group",
            param_hint=option,
        )


def _check_tag(option: str, word: str, rules: tuple[Rule, ...], table: TagTable | None) -> None:
    """Warn about a word that is perhaps a misspelled service tag. Without a service tags file, nothing proves it."""
    named = {tag for rule in rules for side in (rule.source, rule.destination) for tag in side.words}
    if not is_service_tag(word) or word in (INTERNET, LOAD_BALANCER, *PLATFORM, *named):
        return
    if table is None:
        click.echo(
            f"nsgb: {option}: no rule names {word!r}, which is taken for a service tag; check its spelling", err=True
        )
    elif table.ranges(word) is None:
        raise Failure(f"{option}: {word!r} is not in the service tags file; check its spelling")


def _rules(file: str, name: str | None) -> tuple[Rule, ...]:
    """Return the rules of the selected NSG."""
    by_name = _baselines(file) if file.endswith((".yaml", ".yml")) else _live(file)
    selected = {key: rules for key, rules in by_name.items() if name is None or key.lower() == name.lower()}
    if not by_name:
        raise Failure(f"{file}: contains no NSG; pass an NSGBaseline or live NSGs")
    if len(selected) != 1:
        names = ", ".join(sorted(by_name)[:10])
        raise Failure(f"{file}: contains {len(selected)} matching NSGs; select one with --nsg: {names}")
    return next(iter(selected.values()))


def _baselines(file: str) -> dict[str, tuple[Rule, ...]]:
    approved = [parse_approved(approved_nsg.baseline.spec) for approved_nsg in read_baselines([file])]
    excepted = [
        classify(approved_nsg, [item.rule for item in approved_nsg.exceptions], now()) for approved_nsg in approved
    ]
    return {approved_nsg.id.name: sides.approved for approved_nsg, sides in zip(approved, excepted, strict=True)}


def _live(file: str) -> dict[str, tuple[Rule, ...]]:
    return {nsg.id.name: nsg.rules for nsg in read_live_file(file).nsgs}


def _table(decision: Decision, likely: Decision, traffic: Box, direction: Direction) -> str:
    return "\n".join(_lines(decision, likely, traffic, direction))


def _lines(decision: Decision, likely: Decision, traffic: Box, direction: Direction) -> Iterator[str]:
    yield f"{direction} {box_phrase(traffic)}:"
    if decision is not likely and len(likely.outcomes) == 1:
        (usual_outcome,) = likely.outcomes
        yield f"  usually {_verb(usual_outcome)} by {_rule(usual_outcome.rule)}; exactly:"
    for outcome in decision.outcomes:
        yield f"  {_verb(outcome)} by {_rule(outcome.rule)}{_when(decision, outcome)}"
    if decision.depends_on:
        yield f"  depends on the unknown addresses of: {', '.join(decision.depends_on)}"
    if decision.misses:
        yield "earlier rules that do not match:"
    for miss in decision.misses:
        difference = _FIELDS[miss.field] if miss.field == "earlier" else f"different {_FIELDS[miss.field]}"
        yield f"  {_rule(miss.rule)}: {difference}"


def _verb(outcome: Outcome) -> str:
    return {"Allow": "allowed", "Deny": "denied"}.get(outcome.access, outcome.access)


def _rule(rule: Rule | None) -> str:
    return f"{rule.name} ({rule.priority})" if rule is not None else "the Azure platform"


def _when(decision: Decision, outcome: Outcome) -> str:
    return f" for {'; '.join(map(box_phrase, outcome.boxes[:3]))}" if len(decision.outcomes) > 1 else ""


def _json(decision: Decision, likely: Decision, traffic: Box, direction: Direction) -> str:
    document: dict[str, Any] = {
        "connection": box_phrase(traffic),
        "direction": direction,
        "access": decision.access,
        "likelyAccess": likely.access,
        "outcomes": [
            {
                "access": outcome.access,
                "rule": outcome.rule.name if outcome.rule else None,
                "priority": outcome.rule.priority if outcome.rule else None,
                "where": [box_phrase(box) for box in outcome.boxes],
            }
            for outcome in decision.outcomes
        ],
        "dependsOn": list(decision.depends_on),
        "nonMatchingRules": [
            {"rule": outcome.rule.name, "priority": outcome.rule.priority, "field": outcome.field}
            for outcome in decision.misses
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)

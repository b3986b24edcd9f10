"""The check of NSGs against ten guardrails, compared with judging the same NSGs, in one run.

Judging is what a reconcile of a changed NSG does: its response is parsed and compared with its baseline. A third of the
NSGs drift by one edit. The check parses nothing again; it starts from the rules.
"""

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.rule_lists import Document, a_list, edit
from nsg_baseline.api.guardrail import GuardrailSpec
from nsg_baseline.core.guardrails import compiled, violations
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG, parse_live
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.verdict import judge, judge_unbaselined

NSGS, RULES = 5000, 20
UNBASELINED = 300
"""Judging an NSG without a baseline takes long, so a part of them is judged."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PREFIX = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/"


def _inbound(source: str, *ports: str, **more: Any) -> Document:
    return {"direction": "Inbound", "protocols": ["Tcp", "Udp"], "source": source, "ports": list(ports), **more}


GUARDRAILS: Sequence[Document] = (
    {"never": [_inbound("Internet", "22", "3389", "5985-5986")]},
    {"never": [_inbound("Internet", "0-79", "81-442", "444-65535", sourceSize="InternetWide")]},
    {"never": [_inbound("Internet", "1433", "3306", "5432", "6379", sourceSize="InternetWide")]},
    {"never": [_inbound("AzureCloud", "445")]},
    {"never": [{"direction": "Outbound", "destination": "Internet", "protocols": ["Tcp"], "ports": ["25"]}]},
    {"never": [_inbound("203.0.113.0/24", "*")]},
    {"always": [_inbound("AzureLoadBalancer", "443")]},
    {"always": [{**_inbound("GatewayManager", "65200-65535"), "protocols": ["Tcp"]}]},
    {"always": [{"direction": "Outbound", "destination": "AzurePlatformDNS", "protocols": ["Udp"], "ports": ["53"]}]},
    {"always": [_inbound("10.0.0.0/8", "9100")]},
)


def arm(number: int, rules: Sequence[Document]) -> Document:
    """Return an NSG of ARM's REST form."""
    listed = [
        {"name": rule["name"], "properties": {key: value for key, value in rule.items() if key != "name"}}
        for rule in rules
    ]
    return {"id": f"{PREFIX}nsg-{number}", "properties": {"securityRules": listed}}


def timed(run: Callable[[], object]) -> float:
    """Return the duration in seconds."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def main() -> None:
    """Print the times and their ratios."""
    guardrails = [compiled(f"g{place}", GuardrailSpec.model_validate(spec)) for place, spec in enumerate(GUARDRAILS)]
    pairs: list[tuple[ApprovedNSG, Document]] = []
    for number in range(NSGS):
        rng = random.Random(number)
        rules = a_list(rng, RULES)
        live = edit(rng, rules, 1) if number % 3 == 0 else rules
        document = arm(number, live)
        pairs.append((ApprovedNSG(parse_live(document).id, tuple(map(normalise, rules))), document))
    parsed: list[LiveNSG] = [parse_live(document) for _, document in pairs]
    judging = timed(lambda: [judge(approved, parse_live(document), NOW) for approved, document in pairs])
    some = pairs[:UNBASELINED]
    unbaselined = timed(lambda: [judge_unbaselined(parse_live(document)) for _, document in some]) * NSGS / UNBASELINED
    checking = timed(lambda: [violations(guardrails, nsg.rules) for nsg in parsed])
    violating = sum(bool(violations(guardrails, nsg.rules)) for nsg in parsed)
    print(f"{NSGS} NSGs x {RULES} rules, {len(guardrails)} guardrails, {violating} NSGs violate one")
    print(f"judging with a baseline    {judging:6.2f} s   check / judging {checking / judging:5.2f}")
    print(f"judging without a baseline {unbaselined:6.2f} s   check / judging {checking / unbaselined:5.2f}")
    print(f"check                      {checking:6.2f} s   {1000 * checking / NSGS:.2f} ms for each NSG")


if __name__ == "__main__":
    main()

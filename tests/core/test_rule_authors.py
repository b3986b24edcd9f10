"""The authors of tolerated rules: only what is proved, only for the content that was proved, and no more than fits."""

from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import RuleAuthor
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.changes import rule_change_fingerprint
from nsg_baseline.core.nsg import LiveNSG, parse_approved, parse_live
from nsg_baseline.core.rule_authors import MAX_AUTHORS, recorded_authors
from nsg_baseline.core.rules import normalise
from tests.support.nsgs import NSG, nsg, rule

SCANNER = rule("Corp-Scanner", priority=300)
WIDER = rule("Corp-Scanner", priority=300, sourceAddressPrefix="*")


def baseline(*authors: RuleAuthor, caller: str | None = "scanner") -> NSGBaseline:
    entry = {"name": "corp-*", **({"caller": caller} if caller is not None else {})}
    return NSGBaseline.model_validate(
        {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGBaseline",
            "metadata": {"name": "web", "namespace": "team-web"},
            "spec": {"target": {"resourceId": NSG}, "rules": [], "tolerate": [{"name": "other"}, entry]},
            "status": {"ruleAuthors": [author.model_dump(by_alias=True) for author in authors]},
        }
    )


def live(*rules: dict[str, Any]) -> LiveNSG:
    return parse_live(nsg(rules))


def incident(
    document: dict[str, Any], attribution: str = "Found", callers: tuple[str, ...] = ("scanner",)
) -> NSGIncident:
    """Return an incident in which the author of one created rule was searched."""
    approved = parse_approved(baseline().spec)
    change = {
        "kind": "RuleCreated",
        "rule": document["name"][:128],
        "severity": "medium",
        "since": "2026-11-25T12:00:00Z",
        "fingerprint": rule_change_fingerprint("RuleCreated", normalise(document), approved),
        "attribution": attribution,
        "changedBy": list(callers),
    }
    return NSGIncident.model_validate(
        {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGIncident",
            "metadata": {"name": "i", "namespace": "team-web"},
            "spec": {"kind": "Drift", "scope": "production", "baseline": "web", "nsg": NSG},
            "status": {"changes": [change]},
        }
    )


def recorded(
    nsg_now: LiveNSG | None, incident_now: NSGIncident | None = None, stored: tuple[RuleAuthor, ...] = (), **fields: Any
) -> tuple[RuleAuthor, ...]:
    declared = baseline(*stored, **fields)
    return recorded_authors(declared, incident_now, nsg_now, parse_approved(declared.spec))


def test_a_proved_author_is_recorded_and_stays_when_the_incident_is_over() -> None:
    # The Activity Log keeps its entries for 90 days, and the rule stays longer.
    (author,) = recorded(live(SCANNER), incident(SCANNER))
    assert (author.rule, author.caller) == ("Corp-Scanner", "scanner")
    assert recorded(live(SCANNER), stored=(author,)) == (author,)


def test_the_author_of_other_content_is_unknown() -> None:
    # The last editor is the author. The old one must not answer for another content.
    (author,) = recorded(live(SCANNER), incident(SCANNER))
    assert recorded(live(WIDER), incident(SCANNER), (author,)) == ()


def test_a_new_author_replaces_the_recorded_one() -> None:
    (author,) = recorded(live(SCANNER), incident(SCANNER))
    (newer,) = recorded(live(SCANNER), incident(SCANNER, callers=("jo", "scanner")), (author,))
    assert newer.caller == "jo", "the first is the last one who wrote"


def test_an_uncertain_author_is_none() -> None:
    assert recorded(live(SCANNER), incident(SCANNER, "Uncertain")) == ()
    assert recorded(live(SCANNER), incident(SCANNER, callers=())) == ()


def test_the_case_of_a_name_does_not_matter() -> None:
    # Azure answers with another case now and then. The content is the same.
    (author,) = recorded(live(SCANNER), incident(SCANNER))
    shouted = author.model_copy(update={"rule": author.rule.upper()})
    assert recorded(live(SCANNER), stored=(shouted,)) == (shouted,)


def test_nothing_is_recorded_unless_a_toleration_names_a_caller() -> None:
    # It would be a status without a reader. An NSG that is gone has no rules.
    (author,) = recorded(live(SCANNER), incident(SCANNER))
    assert recorded(live(SCANNER), incident(SCANNER), (author,), caller=None) == ()
    assert recorded(None, incident(SCANNER), (author,)) == ()


def test_authors_are_sorted_and_as_many_as_the_status_takes() -> None:
    # The order of Azure's answer must not rewrite the status.
    rules = [rule(f"{letter}-{number:03}", priority=300 + number) for number in range(100) for letter in "bA"]
    stored: tuple[RuleAuthor, ...] = ()
    for document in rules:
        stored += recorded(live(document), incident(document))
    new = rule("Aa", priority=200)
    authors = recorded(live(*rules, new), incident(new), stored)
    names = [author.rule for author in authors]
    assert names == [*(f"A-{number:03}" for number in range(100)), "Aa", *(f"b-{number:03}" for number in range(99))]
    assert len(authors) == MAX_AUTHORS == 200


def test_a_long_name_fits_into_the_status() -> None:
    # Azure takes 80 characters; another source of a rule may hold more, and the status may not fail.
    long = rule("x" * 200)
    (author,) = recorded(live(long), incident(long))
    assert author.rule == "x" * 128

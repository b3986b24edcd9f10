"""Who did it: rows of the Activity Log, in the form in which Azure gives them, joined with an incident's changes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.api.incident import Caller, IncidentStatus, NSGIncident
from nsg_baseline.core.attribution import GIVE_UP_AFTER, ActivityRows, LogPeriod, attributed, open_since
from nsg_baseline.core.attribution.callers import caller_of
from nsg_baseline.core.attribution.writes import Outcome, Write, writes
from nsg_baseline.core.changes import rule_change_fingerprint
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import ApprovedNSG
from nsg_baseline.core.rules import normalise
from tests.support.activity_rows import RULE, Story, content, people, story
from tests.support.alerts import NSG, START, incident, stamp

PORTAL = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
OBJECT = "http://schemas.microsoft.com/identity/claims/objectidentifier"
WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"
APPROVED = ApprovedNSG(NSGId.parse(NSG), ())
JO = {"appid": PORTAL, UPN: "jo@example.com", "ipaddr": "203.0.113.7", OBJECT: "bbbb-1"}


def row(minutes: float = -1, rule: str | None = "open-ssh", status: str = "Succeeded", **fields: Any) -> dict[str, Any]:
    """Return a row of the log, at minutes from the opening."""
    at: datetime = START + timedelta(minutes=minutes)
    return {
        "caller": "jo@example.com",
        "claims": JO,
        "correlationId": "c-1",
        "eventTimestamp": f"{at:%Y-%m-%dT%H:%M:%S}.8803576Z",
        "operationName": {"value": WRITE if rule else "Microsoft.Network/networkSecurityGroups/write"},
        "resourceId": f"{NSG}/securityRules/{rule}" if rule else NSG,
        "status": {"value": status},
        "httpRequest": {"clientIpAddress": "198.51.100.1"},
        **fields,
    }


def listed(*rows: dict[str, Any], own: frozenset[str] = frozenset()) -> tuple[Write, ...]:
    return writes(rows, {NSG.lower()}, own)


def test_a_user_has_an_address_and_a_client() -> None:
    caller = caller_of(row(), START)
    assert (caller.name, caller.kind, caller.client, caller.address, caller.rule) == (
        "jo@example.com",
        "User",
        "the Azure portal",
        "203.0.113.7",
        "open-ssh",
    )


@pytest.mark.parametrize(
    ("claims", "name", "kind"),
    [
        ({"appid": "abc-1", OBJECT: "o-1"}, "abc-1", "ServicePrincipal"),
        ({OBJECT: "o-1"}, "o-1", "ServicePrincipal"),
        (
            {"appid": "abc-1", "xms_mirid": "/subscriptions/s/x/aks-identity"},
            "/subscriptions/s/x/aks-identity",
            "ManagedIdentity",
        ),
    ],
)
def test_an_application_without_a_caller_is_identified_by_its_claims(
    claims: dict[str, str], name: str, kind: str
) -> None:
    # A quarter of all rows: Terraform, AKS, policies. "unknown" would not help the reader.
    caller = caller_of(row(caller=None, claims=claims), START)
    assert (caller.name, caller.kind) == (name, kind)


def test_the_rows_of_one_request_are_one_write() -> None:
    begin = row(status="Started", properties={"requestbody": '{"properties": {}}'})
    (write,) = listed(row(0, status="Accepted"), row(1), begin)
    assert (write.outcome, write.answered, write.body is not None) == ("Succeeded", write.begun + 1 * MINUTE, True)


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("why", "rows", "outcomes"),
    [
        ("refused", [row(status="Started"), row(0, status="Failed", subStatus={"value": "Forbidden"})], ["Failed"]),
        ("refused, by number", [row(status="Failed", properties={"statusCode": 409})], ["Failed"]),
        ("no reason is given", [row(status="Started"), row(0, status="Failed")], ["Unknown"]),
        ("Azure's own fault", [row(status="Failed", subStatus={"value": "InternalServerError"})], ["Unknown"]),
        (
            "it failed after it was accepted",
            [row(status="Accepted"), row(0, status="Failed", subStatus={"value": "Conflict"})],
            ["Unknown"],
        ),
        ("no outcome yet", [row(status="Started")], ["Unknown"]),
        ("canceled", [row(status="Started"), row(0, status="Canceled")], ["Unknown"]),
        (
            "a retry under the same id",
            [
                row(-4, status="Started"),
                row(-3, status="Failed", subStatus={"value": "TooManyRequests"}),
                row(-2, status="Started"),
                row(-1),
            ],
            ["Failed", "Succeeded"],
        ),
        (
            "two requests under one id, and one outcome: whose is it?",
            [
                row(-4, status="Started"),
                row(-3, status="Started"),
                row(-2, status="Failed", subStatus={"value": "409"}),
            ],
            ["Unknown", "Unknown"],
        ),
        (
            "a request of another caller under the same id is another request",
            [row(), row(0, status="Failed", subStatus={"value": "409"}, caller="mo@x", claims={OBJECT: "mo"})],
            ["Succeeded", "Failed"],
        ),
        (
            "a row without claims belongs to the only caller",
            [row(status="Started"), row(0, claims={}, caller=None)],
            ["Succeeded"],
        ),
    ],
)
def test_the_outcome_of_a_request(why: str, rows: list[dict[str, Any]], outcomes: list[Outcome]) -> None:
    # A client chooses the id that joins rows: it must not be able to mark a write as refused.
    assert [write.outcome for write in listed(*rows)] == outcomes, why


def test_a_refused_operation_of_a_deployment_leaves_the_others() -> None:
    # All operations of a deployment have its correlation id; a rule that Azure refuses must not hide another one.
    refused = row(rule="bad", status="Failed", subStatus={"value": "BadRequest"}, operationId="o-2")
    assert [(write.rule, write.outcome) for write in listed(refused, row(operationId="o-1"))] == [
        ("bad", "Failed"),
        ("open-ssh", "Succeeded"),
    ]


def test_rows_of_other_nsgs_and_operations_are_ignored() -> None:
    other = row(resourceId=NSG.replace("/web", "/web2") + "/securityRules/open-ssh")
    join = row(operationName={"value": "Microsoft.Network/networkSecurityGroups/join/action"})
    deployment = row(operationName={"value": "Microsoft.Resources/deployments/write"})
    assert listed(other, join, deployment) == ()


def test_ids_match_without_regard_to_case_and_encoding() -> None:
    (write,) = listed(row(resourceId=f"{NSG}/securityRules/open%2Dssh/".upper()))
    assert (write.nsg, write.rule) == (NSG.lower(), "open-ssh")


def test_the_operators_writes_are_marked_as_its_own() -> None:
    operator = row(caller=None, claims={"appid": "OP-1"})
    assert [write.own for write in listed(operator, own=frozenset({"op-1"}))] == [True]


@pytest.mark.parametrize(
    "broken",
    [
        {"claims": None},
        {"claims": "a text"},
        {"eventTimestamp": "soon"},
        {"operationName": None},
        {"httpRequest": []},
        {"properties": "none"},
        {"properties": {"requestbody": {"not": "a text"}}},
        {"resourceId": None},
        {"status": None, "subStatus": []},
    ],
)
def test_rows_in_an_unexpected_format_are_accepted(broken: dict[str, Any]) -> None:
    # The log belongs to Azure; an alert must not fail because of it.
    listed(row(**broken))


def change(letter: str, name: str = RULE, minutes: float = 0, **fields: Any) -> dict[str, Any]:
    fingerprint = rule_change_fingerprint("RuleCreated", normalise(content(letter, name)), APPROVED)
    since = START + timedelta(minutes=minutes)
    times = {"since": stamp(since), "absentAt": stamp(START - timedelta(hours=1))}
    return {"kind": "RuleCreated", "rule": name, "severity": "high", "fingerprint": fingerprint, **times, **fields}


def settled(
    drifting: NSGIncident, past: Story, minutes: float = 25, approved: ApprovedNSG | None = APPROVED
) -> IncidentStatus:
    period = LogPeriod(START - timedelta(hours=2), START + timedelta(minutes=minutes))
    return attributed(drifting, ActivityRows(past.rows, period), approved)


def test_each_change_has_its_author() -> None:
    drifting = incident(changes=[change("X"), change("z", f"{RULE}-2")])
    past = story("jo rule X", "mo rule z other", "al nsg X")
    status = settled(drifting, past)
    by_rule = {change.rule: (change.attribution, people(change.changed_by)) for change in status.changes}
    # The NSG write of al holds the rule of jo alone; the other rule was removed by it.
    assert by_rule[RULE] == ("Found", {"jo"})
    assert [(caller.name, caller.certain) for caller in status.changed_by if caller.certain] == [
        ("jo@example.com", True)
    ]


def test_candidates_are_named_at_once_and_settled_when_the_log_is_complete() -> None:
    drifting = incident(changes=[change("X")])
    past = story("jo nsg X")
    early = settled(drifting, past, minutes=1)
    assert (early.attribution, early.changes[0].changed_by) == (None, ("jo@example.com",))
    assert [(caller.name, caller.certain) for caller in early.changed_by] == [("jo@example.com", False)]
    late = settled(incident(changes=[change("X")]), past)
    assert (late.attribution, late.changes[0].attribution) == ("Found", "Found")
    assert [caller.certain for caller in late.changed_by] == [True]


def test_a_certain_author_is_kept() -> None:
    # Of an old change the log is not read again: its rows would be missing.
    author = Caller(
        name="jo@example.com", kind="User", at=START, operation="write", correlation_id="c-0", certain=True
    ).document()
    certain = change("X", attribution="Found", changedBy=["jo@example.com"])
    drifting = incident(changes=[certain, change("z", f"{RULE}-2", minutes=60)], changedBy=[author])
    status = settled(drifting, story("mo nsg X"), minutes=61)
    assert status.changes[0].changed_by == ("jo@example.com",)
    assert "jo@example.com" in {caller.name for caller in status.changed_by}
    assert status.attribution is None


def test_a_former_candidate_is_removed() -> None:
    drifting = incident(changes=[change("X")])
    early = settled(drifting, story("jo nsg X", state="X"), minutes=1)
    past = story("mo rule X", "jo nsg X")
    late = settled(drifting.model_copy(update={"status": early}), past)
    assert people(caller.name for caller in late.changed_by) == {"mo"}


def test_candidates_stay_if_the_log_cannot_be_read_in_the_end() -> None:
    drifting = incident(changes=[change("X")])
    early = settled(drifting, story("jo nsg X"), minutes=1)
    late = settled(drifting.model_copy(update={"status": early}), Story(), minutes=31)
    assert (late.attribution, people(caller.name for caller in late.changed_by)) == ("Uncertain", {"jo"})


def test_the_search_ends_without_an_answer() -> None:
    drifting = incident(changes=[change("X")])
    assert settled(drifting, Story(), minutes=25).attribution is None
    status = settled(drifting, Story(), minutes=GIVE_UP_AFTER.total_seconds() / 60)
    assert (status.attribution, status.changed_by) == ("NotFound", ())
    assert open_since(drifting.model_copy(update={"status": status})) is None


def test_the_caller_who_reverted_the_change_is_not_its_author() -> None:
    end = stamp(START + timedelta(minutes=9))
    over = {"state": "Resolved", "resolvedAt": end, "updatedAt": end}
    past = story("jo rule X", "mo delete - +3700s")
    assert people(caller.name for caller in settled(incident(changes=[change("X")], **over), past).changed_by) == {"jo"}


def test_a_changed_association_is_not_blamed_on_a_writer_of_the_nsg() -> None:
    # A subnet is attached by a write of the subnet.
    attached = change("X", kind="NSGUpdated", rule=None, fields=["subnets"])
    assert settled(incident(changes=[attached]), story("jo nsg X"), minutes=31).attribution == "NotFound"


def test_tags_have_candidates_but_no_certain_author() -> None:
    # The Tags API leaves rows that are not about the NSG.
    changed = change("X", kind="NSGUpdated", rule=None, fields=["tags.env"])
    assert settled(incident(changes=[changed]), story("jo nsg X"), minutes=31).attribution == "Uncertain"


def test_the_author_of_an_unbaselined_nsg() -> None:
    past = story("jo nsg X", "mo rule X")
    for row_of_jo in past.rows[:2]:
        row_of_jo["subStatus"] = {"value": "Created"}
    created = change("X", kind="NSGCreated", rule=None, nsg=NSG)
    status = settled(incident(changes=[created]), past, approved=None)
    assert people(status.changes[0].changed_by) == {"jo"}


def test_names_of_a_thousand_changes_fit_into_an_object() -> None:
    # etcd takes 1.5 MiB; a name may have 256 characters.
    drifting = incident(changes=[change("X")] * 1000)
    past = story("jo nsg X")
    past.rows = [{**row, "caller": "j" * 250} for row in past.rows]
    assert settled(drifting, past).changes[0].changed_by == ()

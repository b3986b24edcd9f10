"""The steps of the story."""

import signal
from collections.abc import Callable
from typing import Any

from nsg_baseline.api.common import CONFIRM
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from nsg_emulator.arm.faults import scope_locked
from tests.engine.kill_points import KillPoint
from tests.engine.operator_process import IDS
from tests.engine.story import STATUS, Step, Story
from tests.support.guardrails import guardrail_document

APPGATE, MIXED, VAULT, C7N = (IDS[name] for name in ("appgate", "nsg-mixed-rules", "us3-staging-dog-vault", "c7n-nsg"))
VAULT_NAME, MIXED_NAME, C7N_NAME = "us3-staging-dog-vault", "nsg-mixed-rules", "c7n-nsg"
BACKDOOR, SPARE = (MIXED.replace("nsg-mixed-rules", name) for name in ("backdoor", "spare"))
GUARDRAIL = "no-https"
NEVER_HTTPS = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["443"]}


def document(name: str) -> dict[str, Any]:
    """Return the recorded NSG of a name, as it is written."""
    (nsg,) = (nsg for nsg in recorded_nsgs() if nsg["name"] == name)
    rules = [{"name": rule["name"], "properties": rule["properties"]} for rule in nsg["properties"]["securityRules"]]
    return {"location": nsg["location"], "tags": nsg.get("tags") or {}, "properties": {"securityRules": rules}}


def recorded_rule(nsg: str, rule: str) -> dict[str, Any]:
    """Return the properties of a recorded rule."""
    (entry,) = (entry for entry in document(nsg)["properties"]["securityRules"] if entry["name"] == rule)
    return dict(entry["properties"])


def tcp(port: int, source: str = "Internet") -> dict[str, Any]:
    """Return the properties of a rule that allows a port from a source."""
    fields = {"destinationPortRange": str(port), "sourceAddressPrefix": source}
    return {**OPEN_SSH, **fields, "priority": 1000 + port % 3000}


async def put(story: Story, nsg: str, name: str, properties: dict[str, Any]) -> None:
    await story.operator.environment.rogue.put_rule(nsg, name, **properties)


def puts(nsg: str, name: str, properties: dict[str, Any]) -> Callable[[Story], Any]:
    return lambda story: put(story, nsg, name, properties)


def deletes(nsg: str, name: str) -> Callable[[Story], Any]:
    return lambda story: story.operator.environment.rogue.delete_rule(nsg, name)


def acknowledges(subject: str, note: str) -> dict[str, Any]:
    async def act(story: Story) -> None:
        story.acknowledge(subject, note)
        # Without it, the second acknowledgement within half a minute has to wait.
        story.operator.request_reconcile()

    def holds(story: Story) -> bool:
        return bool((story.status(subject).get("acknowledgement") or {}).get("note") == note)

    return {"act": act, "holds": holds}


def shows(subject: str, event: str, state: str = "Open") -> Callable[[Story], bool]:
    """Return whether the last event of a subject's incident is this one."""

    def holds(story: Story) -> bool:
        status = story.status(subject)
        return status.get("event") == event and status.get("state") == state

    return holds


def revision_after(story: Story, subject: str) -> Callable[[object], bool]:
    """Return a condition: the last incident has a later revision than now, or there is a newer one."""

    def last() -> tuple[str, int]:
        incident = story.incident(subject)
        return incident["metadata"]["name"], (incident.get("status") or {}).get("revision", 0)

    before = last()
    return lambda _: last()[1] > (before[1] if last()[0] == before[0] else 0)


async def restarts(story: Story) -> None:
    await story.restart()


async def dies(story: Story) -> None:
    await story.restart(signal.SIGKILL)


async def allows_8300_during_downtime(story: Story) -> None:
    await story.operator.environment.stop_operator()
    await put(story, APPGATE, "tcp-8300", tcp(8300, "52.13.0.0/24"))
    story.operator.start()


async def approves(story: Story) -> None:
    rules = story.operator.environment.custom("NSGBaseline", "appgate")["spec"]["rules"]
    approved = [
        ("tcp-8000", 8000, "52.10.0.0/24"),
        ("tcp-8100", 8100, "52.11.0.0/24"),
        ("tcp-8200", 8200, "52.12.0.0/24"),
    ]
    new = [{"name": name, **tcp(port, source)} for name, port, source in approved]
    story.baseline("appgate", rules=[*rules, *new])


async def escalates_and_dies(story: Story) -> None:
    is_stored = revision_after(story, MIXED_NAME)
    web = recorded_rule(MIXED_NAME, "allow-http")
    web.pop("destinationPortRange", None)
    await put(story, MIXED, "allow-http", {**web, "destinationPortRanges": ["80", "22"]})
    await story.killed_at(KillPoint("incident stored", "cluster", "PATCH", STATUS, handled=True, once=is_stored))


async def reopens_and_dies(story: Story) -> None:
    is_stored = revision_after(story, MIXED_NAME)
    await story.operator.environment.rogue.delete_rule(MIXED, "deny-ssh")
    await story.killed_at(
        KillPoint("delivered, not recorded", "cluster", "PATCH", STATUS, handled=False, once=is_stored)
    )


async def resolves_and_stops(story: Story) -> None:
    await put(story, MIXED, "deny-ssh", recorded_rule(MIXED_NAME, "deny-ssh"))
    await story.stopped_as_json_receives()


async def enforces_vault(story: Story) -> None:
    story.patch("NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
    story.baseline(VAULT_NAME, mode="Enforce")


async def allows_two_ports(story: Story) -> None:
    story.baseline(VAULT_NAME, mode="Alert")
    environment = story.operator.environment
    await environment.until(lambda: environment.custom("NSGBaseline", VAULT_NAME)["status"]["effectiveMode"] == "Alert")
    await put(story, VAULT, "tcp-9998", tcp(9998))
    await put(story, VAULT, "tcp-9999", tcp(9999))


async def enforces_one_change(story: Story) -> None:
    story.baseline(VAULT_NAME, mode="Enforce", enforcement={"maxChanges": 1})


async def confirms(story: Story) -> None:
    plan_hash = story.operator.environment.custom("NSGBaseline", VAULT_NAME)["status"]["planHash"]
    patch = {"metadata": {"annotations": {CONFIRM: plan_hash}}}
    story.patch("NSGBaseline", VAULT_NAME, patch, TEAM_NAMESPACE)


async def changes_c7n(story: Story) -> None:
    await put(story, C7N, "tcp-5000", tcp(5000))
    await story.operator.environment.rogue.delete_rule(C7N, "test1")


async def enforces_created_rules(story: Story) -> None:
    story.baseline(C7N_NAME, mode="Enforce", enforcement={"revert": ["RuleCreated"]})


async def enforces_under_a_lock(story: Story) -> None:
    group = C7N.partition("/providers/")[0]
    story.operator.environment.azure.emulator.faults.add(scope_locked(group))
    story.baseline(C7N_NAME, enforcement={"revert": ["RuleCreated", "RuleDeleted"]})


async def unlocks_and_dies(story: Story) -> None:
    story.operator.environment.azure.emulator.faults.clear()
    await story.killed_at(KillPoint("written", "azure", "PUT", r"/networkSecurityGroups/c7n-nsg\?", handled=True))


async def creates_backdoor(story: Story) -> None:
    rule = {**OPEN_SSH, "protocol": "*", "destinationPortRange": "*"}
    rules = [{"name": "everything", "properties": rule}]
    await story.operator.environment.rogue.put_nsg(
        BACKDOOR, {"location": "westus", "properties": {"securityRules": rules}}
    )


async def creates_spare(story: Story) -> None:
    await story.operator.environment.rogue.put_nsg(SPARE, {"location": "westus", "properties": {"securityRules": []}})


async def forbids_https(story: Story) -> None:
    spec = {"never": [NEVER_HTTPS], "severity": "high", "match": {"names": ["appgate"]}}
    story.operator.environment.cluster.api.apply(guardrail_document(GUARDRAIL, **spec))


async def raises_the_guardrail(story: Story) -> None:
    story.patch("NSGGuardrail", GUARDRAIL, {"spec": {"severity": "critical"}})


async def excepts_appgate(story: Story) -> None:
    exception = {
        "resourceId": APPGATE,
        "until": "2099-01-01T00:00:00Z",
        "reason": "public site",
        "approvedBy": "kim",
    }
    story.patch("NSGGuardrail", GUARDRAIL, {"spec": {"exceptions": [exception]}})


async def opens_without_mail(story: Story) -> None:
    story.baseline(C7N_NAME, mode="Alert")
    story.receivers.is_mail_down = True
    await put(story, C7N, "tcp-5000", tcp(5000))


async def mail_is_back(story: Story) -> None:
    story.receivers.is_mail_down = False
    await story.restart()


async def deletes_mixed(story: Story) -> None:
    is_stored = revision_after(story, MIXED_NAME)
    await story.operator.environment.rogue.delete_nsg(MIXED)
    await story.killed_at(KillPoint("incident stored", "cluster", "PATCH", STATUS, handled=True, once=is_stored))


async def creates_mixed_again(story: Story) -> None:
    await story.operator.environment.stop_operator(signal.SIGKILL)
    await story.operator.environment.rogue.put_nsg(MIXED, document(MIXED_NAME))
    story.operator.start()


A = "appgate"
STEPS = (
    Step("jo allows TCP 8000 from 52.10.0.0/28 in appgate", puts(APPGATE, "tcp-8000", tcp(8000, "52.10.0.0/28"))),
    Step("jo widens that rule to 52.10.0.0/24", puts(APPGATE, "tcp-8000", tcp(8000, "52.10.0.0/24"))),
    Step("jo allows TCP 8100 too", puts(APPGATE, "tcp-8100", tcp(8100, "52.11.0.0/24"))),
    Step("kim acknowledges the incident", **acknowledges(A, "first")),
    Step(
        "jo allows TCP 8200 too, which the acknowledgement does not cover",
        puts(APPGATE, "tcp-8200", tcp(8200, "52.12.0.0/24")),
    ),
    Step("the operator is killed and starts again", dies),
    Step("kim acknowledges the incident again", **acknowledges(A, "second")),
    Step("jo allows RDP from the Internet", puts(APPGATE, "rdp", tcp(3389))),
    Step("the operator is restarted", restarts),
    Step("jo removes RDP; the rest is acknowledged", deletes(APPGATE, "rdp")),
    Step("jo allows TCP 8300 while the operator is down", allows_8300_during_downtime),
    Step("kim acknowledges the incident once more", **acknowledges(A, "third")),
    Step("jo removes TCP 8300", deletes(APPGATE, "tcp-8300")),
    Step("the team approves the other rules", approves, shows(A, "Resolved", "Resolved")),
    Step("jo deletes the rule of nsg-mixed-rules that denies SSH", deletes(MIXED, "deny-ssh")),
    Step(
        "jo lets the web rule allow SSH from the Internet; the operator is killed as the incident is stored",
        escalates_and_dies,
        repeats=1,
    ),
    Step("jo reverts the web rule", puts(MIXED, "allow-http", recorded_rule(MIXED_NAME, "allow-http"))),
    Step("jo creates the rule again that denies SSH", puts(MIXED, "deny-ssh", recorded_rule(MIXED_NAME, "deny-ssh"))),
    Step("jo deletes it again; the operator is killed before it records what it sent", reopens_and_dies, repeats=1),
    Step("jo creates it again; the operator is restarted while it sends", resolves_and_stops),
    Step("jo allows TCP 9999 from the Internet in us3-staging-dog-vault", puts(VAULT, "tcp-9999", tcp(9999))),
    Step(
        "the team enforces the baseline, and the operator restores the rules",
        enforces_vault,
        shows(VAULT_NAME, "Resolved", "Resolved"),
    ),
    Step("jo allows TCP 9998 and 9999 while the baseline is not enforced", allows_two_ports),
    Step("the team enforces the baseline for one change at a time", enforces_one_change, shows(VAULT_NAME, "Blocked")),
    Step("the operator is killed and starts again", dies),
    Step("the team confirms the plan", confirms, shows(VAULT_NAME, "Resolved", "Resolved")),
    Step("jo allows TCP 5000 from the Internet in c7n-nsg and deletes the rule for port 80", changes_c7n),
    Step(
        "the team enforces the baseline for created rules only", enforces_created_rules, shows(C7N_NAME, "Remediated")
    ),
    Step(
        "the team enforces everything, but the resource group is locked",
        enforces_under_a_lock,
        shows(C7N_NAME, "Blocked"),
    ),
    Step(
        "the lock is removed; the operator is killed after its write",
        unlocks_and_dies,
        shows(C7N_NAME, "Resolved", "Resolved"),
        repeats=1,
    ),
    Step("jo creates the NSG backdoor, which allows everything", creates_backdoor),
    Step("kim acknowledges the incident of the scope", **acknowledges("scope demo", "fourth")),
    Step("jo creates the NSG spare, which is empty", creates_spare),
    Step("jo deletes the NSG backdoor", lambda story: story.operator.environment.rogue.delete_nsg(BACKDOOR)),
    Step("jo deletes the NSG spare", lambda story: story.operator.environment.rogue.delete_nsg(SPARE)),
    Step(
        "a guardrail forbids HTTPS from the Internet in appgate",
        forbids_https,
        shows(f"guardrail {GUARDRAIL}", "Opened"),
    ),
    Step("its severity becomes critical", raises_the_guardrail, shows(f"guardrail {GUARDRAIL}", "Escalated")),
    Step(
        "the guardrail gets an exception for appgate",
        excepts_appgate,
        shows(f"guardrail {GUARDRAIL}", "Resolved", "Resolved"),
    ),
    Step(
        "jo allows TCP 5000 from the Internet in c7n-nsg while the mail server is down", opens_without_mail, lacking=1
    ),
    Step("the mail server is back, and the operator is restarted", mail_is_back),
    Step("jo removes the rule", deletes(C7N, "tcp-5000")),
    Step("jo deletes nsg-mixed-rules; the operator is killed as it stores the incident", deletes_mixed, repeats=1),
    Step("jo creates nsg-mixed-rules again, as it was, while the operator is down", creates_mixed_again),
)

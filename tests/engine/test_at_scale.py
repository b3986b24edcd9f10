"""Many NSGs at once, and a long outage: few messages, none is lost, and missing readings are not deletions."""

from pathlib import Path

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.azure.errors import AzureError
from tests.support.chats import serving
from tests.support.in_process_operator import in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")


async def test_five_hundred_drifted_nsgs_are_few_messages(tmp_path: Path) -> None:
    # A policy may change a whole subscription. Every incident must be reported, but not in five hundred messages.
    names = [f"web-{number:03}" for number in range(500)]
    async with (
        serving() as chats,
        in_process_operator(tmp_path, dict.fromkeys(names, WEB), chats.urls("a")["urls"]) as operator,
    ):
        await operator.reconcile()
        await operator.deliver()
        assert chats.messages == []
        operator.azure.nsgs = {name: [*WEB, SSH] for name in names}
        operator.clock.advance(minutes=1)
        await operator.reconcile()
        for _ in range(20):
            await operator.deliver()
            operator.clock.advance(seconds=15)
        assert 1 <= len(chats.titles("a")) <= 5
        assert all(operator.baseline(name).status.change_count == 1 for name in names)
        notified = {incident["baseline"] for _, body in chats.bodies for incident in body["alert"]["incidents"]}
        assert notified == set(names)
        assert all(incident.status.deliveries for incident in operator.records.incidents.all())


async def test_an_outage_of_half_an_hour_is_one_incident(tmp_path: Path) -> None:
    # An outage of Azure is one fact, not three hundred deletions or thirty alerts.
    names = [f"web-{number:03}" for number in range(300)]
    async with (
        serving() as chats,
        in_process_operator(tmp_path, dict.fromkeys(names, WEB), chats.urls("a")["urls"]) as operator,
    ):
        await operator.reconcile()
        operator.azure.broken = AzureError("Unreachable", "no answer from management.azure.com")
        for _ in range(30):
            operator.clock.advance(minutes=1)
            await operator.reconcile()
            await operator.deliver()
        operator.azure.broken = None
        for _ in range(3):
            operator.clock.advance(minutes=1)
            await operator.reconcile()
            await operator.deliver()
        (incident,) = operator.records.incidents.all()
        assert (incident.spec.kind, incident.status.state) == ("WatchLost", "Resolved")
        assert [body["alert"]["event"] for _, body in chats.bodies] == ["Opened", "Resolved"]
        assert "Unreachable" in chats.titles("a")[0]
        assert all(operator.baseline(name).status.change_count == 0 for name in names)


async def test_three_hundred_unbaselined_nsgs_are_one_message_with_a_count(tmp_path: Path) -> None:
    # The first reconcile of an existing subscription must not send hundreds of messages.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        saved = dict(operator.azure.nsgs)
        operator.azure.nsgs = {**saved, **{f"stray-{number:03}": [SSH] for number in range(300)}}
        await operator.reconcile()
        operator.clock.advance(seconds=10)
        await operator.deliver()
        (body,) = [body for _, body in chats.bodies]
        assert "300 NSGs have no baseline" in body["title"]
        (incident,) = operator.records.incidents.all()
        assert incident.status.change_count == 300
        assert isinstance(incident, NSGIncident)

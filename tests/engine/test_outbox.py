"""The outbox in Kubernetes: what one route notes is not lost to another's note."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from nsg_baseline.api.incident import Delivery
from support.home import home
from support.terse import terse

WEB = [terse("100 web allow tcp Internet -> *:443")]
SSH = terse("200 open-ssh allow tcp Internet -> *:22")


async def test_routes_that_note_at_once_are_all_noted(tmp_path: Path) -> None:
    # A note that is lost is a message that comes again, hours later, for no reason.
    async with home(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as ours:
        ours.azure.nsgs["web"] = [*WEB, SSH]
        await ours.look()
        (incident,) = ours.records.incidents.all()
        now = datetime(2026, 3, 1, tzinfo=UTC)
        notes = [Delivery(route=f"team-web/route-{number}", revision=1, at=now) for number in range(5)]
        await asyncio.gather(*(ours.outbox.record(incident, note) for note in notes))
        (stored,) = ours.api.list("nsg-baseline.io/v1alpha1", "NSGIncident")
        assert {one["route"] for one in stored["status"]["deliveries"]} == {note.route for note in notes}

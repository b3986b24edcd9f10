"""Polls of pagers that do not answer: they delay no message, and end with the operator."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from nsg_baseline.alerts import channels, loop
from nsg_baseline.alerts.acknowledgement_polls import MAX_POLLS
from nsg_baseline.alerts.sender.client import Sender
from nsg_baseline.alerts.sender.slots import SHARED
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, incident, route, with_deliveries
from tests.support.chats import Chats

PAGERDUTY = "pagerduty://INTEGRATIONKEY@APIKEY"


@dataclass(slots=True)
class SilentPager:
    """A server that stands for every host of the Internet and never answers. It keeps the keys of the alerts."""

    keys: list[str] = field(default_factory=list)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            query = parse_qs(urlsplit(request.split()[1].decode()).query)
            async with self.moved:
                self.keys += query["incident_key"]
                self.moved.notify_all()
            await self.ended.wait()
        writer.close()


@pytest.fixture
async def pager(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SilentPager]:
    pager = SilentPager()
    server = await asyncio.start_server(pager.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    sender = Sender((sys.executable, "-m", "tests.support.redirecting_sender", str(port), "internet"))
    monkeypatch.setattr(channels, "SENDER", sender)
    monkeypatch.setattr(loop, "SENDER", sender)
    # No poll ends before the test does.
    monkeypatch.setattr(channels, "SEND_SECONDS", 600)
    yield pager
    sender.close()
    pager.ended.set()
    server.close()


async def test_polls_of_silent_pagers_leave_slots_for_messages(pager: SilentPager, chats: Chats) -> None:
    outbox = MemoryOutbox()
    for namespace in [f"evil-{number}" for number in range(SHARED + 1)]:
        # Three routes and many pagers of a namespace are polled one after the other.
        names = [f"pager-{number}" for number in range(3)]
        outbox.put(*(route(name, namespace, acknowledgements="Poll") for name in names))
        outbox.secrets |= {(namespace, name): {"urls": PAGERDUTY} for name in names}
        outbox.put(with_deliveries(incident("web-1", namespace), *((f"{namespace}/{name}", 1) for name in names)))
    task = asyncio.create_task(loop.run(outbox, OPERATOR, Clock(), allow_local=True))
    async with asyncio.timeout(120), pager.moved:
        await pager.moved.wait_for(lambda: len(pager.keys) == MAX_POLLS)
    outbox.secrets["team-web", "chat"] = chats.urls("chat")
    outbox.put(route("chat", "team-web"), incident("web-2", "team-web", severity="critical"))
    await chats.until(lambda: any("CRITICAL" in title for title in chats.titles("chat")))
    assert len(set(pager.keys)) == len(pager.keys) == MAX_POLLS
    # The end of the operator does not wait for them.
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(task, return_exceptions=True)
    assert not [task for task in asyncio.all_tasks() if "acknowledgements" in task.get_name()]

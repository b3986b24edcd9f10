"""The sender process: deadlines, shares, and what is left when it or the operator is killed."""

import asyncio
import gzip
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nsg_baseline.alerts.sender.client import Sender
from nsg_baseline.alerts.sender.protocol import Answer
from nsg_baseline.alerts.sender.slots import PER_NAMESPACE
from tests.support.chats import Chats
from tests.support.sends import Listener, children, deliver, ended, environment, send_to

DELIVERED = Answer(status=200)


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


async def answer(sender: Sender, chats: Chats, name: str, namespace: str = "team-web", seconds: float = 120) -> Answer:
    send = send_to(f"json://127.0.0.1:{chats.port}/{name}", local=True, seconds=seconds)
    return await deliver(sender, send, namespace)


async def test_a_channel_that_never_answers_ends_at_its_deadline(sender: Sender, chats: Chats) -> None:
    # A thread cannot be ended; 32 of them stopped all alerts until a restart.
    chats.stuck.add("dead")
    for _ in range(PER_NAMESPACE + 1):
        assert await answer(sender, chats, "dead", seconds=0.2) == Answer("deadline")
    assert await answer(sender, chats, "alive") == DELIVERED


async def test_a_tenant_with_many_slow_channels_does_not_delay_another(sender: Sender, chats: Chats) -> None:
    chats.stuck.add("dead")
    slow = [asyncio.create_task(answer(sender, chats, "dead", "evil")) for _ in range(50)]
    await chats.until(lambda: len(chats.titles("dead")) == PER_NAMESPACE)
    assert await answer(sender, chats, "alive") == DELIVERED
    assert not any(task.done() for task in slow)
    assert len(chats.titles("dead")) == PER_NAMESPACE
    for task in slow:
        task.cancel()


async def test_a_cancelled_send_uses_its_slot_until_the_child_has_ended(sender: Sender, chats: Chats) -> None:
    # A tenant that edits its route again and again must not get a new child each time.
    chats.stuck.add("dead")
    slow = [asyncio.create_task(answer(sender, chats, "dead")) for _ in range(PER_NAMESPACE)]
    await chats.until(lambda: len(chats.titles("dead")) == PER_NAMESPACE)
    for task in slow:
        task.cancel()
    waiting = asyncio.create_task(answer(sender, chats, "alive"))
    assert await answer(sender, chats, "other", namespace="other") == DELIVERED
    assert not waiting.done()
    assert sender.pid is not None
    os.kill(children(sender.pid)[0], signal.SIGKILL)
    assert await waiting == DELIVERED


async def test_after_a_kill_of_the_sender_the_next_message_starts_another(sender: Sender, chats: Chats) -> None:
    chats.stuck.add("dead")
    slow = asyncio.create_task(answer(sender, chats, "dead"))
    await chats.until(lambda: len(chats.titles("dead")) == 1)
    killed = sender.pid
    assert killed is not None
    (child,) = children(killed)
    os.kill(killed, signal.SIGKILL)
    assert await slow == Answer("killed")
    await ended(child)
    assert await answer(sender, chats, "alive") == DELIVERED
    assert sender.pid != killed


async def test_a_kill_while_nothing_is_sent_loses_no_message(sender: Sender, chats: Chats) -> None:
    # The event loop may not have seen the end of the process when the next message comes.
    assert await answer(sender, chats, "first") == DELIVERED
    assert sender.pid is not None
    descriptor = os.pidfd_open(sender.pid)
    os.kill(sender.pid, signal.SIGKILL)
    select.select([descriptor], [], [])  # without the event loop
    os.close(descriptor)
    assert await answer(sender, chats, "second") == DELIVERED


async def test_a_kill_of_a_child_fails_its_message_only(sender: Sender, chats: Chats) -> None:
    chats.stuck.add("dead")
    slow = asyncio.create_task(answer(sender, chats, "dead"))
    await chats.until(lambda: len(chats.titles("dead")) == 1)
    pid = sender.pid
    assert pid is not None
    os.kill(children(pid)[0], signal.SIGKILL)
    assert await slow == Answer("killed")
    assert await answer(sender, chats, "alive") == DELIVERED
    assert sender.pid == pid


async def test_a_sender_without_messages_ends(chats: Chats) -> None:
    sender = Sender(idle_seconds=0)
    sending = asyncio.create_task(answer(sender, chats, "a"))
    await chats.until(lambda: len(chats.messages) == 1)
    pid = sender.pid
    assert pid is not None
    assert await sending == DELIVERED
    await ended(pid)
    assert sender.pid is None
    assert await answer(sender, chats, "b") == DELIVERED
    sender.close()


OPERATOR_THAT_SENDS = """
import asyncio, sys
from nsg_baseline.alerts.sender.client import Sender
from tests.support.sends import deliver, send_to

async def main():
    sender = Sender()
    send = asyncio.create_task(deliver(sender, send_to(sys.argv[1], local=True), "a"))
    while sender.pid is None:
        await asyncio.sleep(0)
    print(sender.pid, flush=True)
    await send

asyncio.run(main())
"""


async def test_no_process_is_left_when_the_operator_is_killed(chats: Chats) -> None:
    # Neither the sender nor its children may go on sending, or wait for a deadline.
    chats.stuck.add("dead")
    operator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OPERATOR_THAT_SENDS, f"json://127.0.0.1:{chats.port}/dead"),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert operator.stdout is not None
    pid = int(await operator.stdout.readline())
    await chats.until(lambda: len(chats.messages) == 1)
    (child,) = children(pid)
    operator.kill()
    await ended(pid)
    await ended(child)
    await operator.wait()


async def test_the_sender_has_none_of_the_operator_s_credentials(
    sender: Sender, chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "c4n4ry")
    monkeypatch.setenv("KUBECONFIG", "/c4n4ry")
    assert await answer(sender, chats, "a") == DELIVERED
    assert sender.pid is not None
    assert "c4n4ry" not in environment(sender.pid)


async def test_a_huge_response_is_not_read(sender: Sender, listener: Listener) -> None:
    # 300 MiB exceed what a child may use: read completely, the message would fail.
    listener.content, listener.headers = gzip.compress(bytes(300 << 20), 1), {"Content-Encoding": "gzip"}
    send = send_to(f"json://127.0.0.1:{listener.port}/a", local=True)
    assert await deliver(sender, send, "a") == DELIVERED


async def test_a_send_fails_if_no_process_can_be_started(chats: Chats) -> None:
    # It must not use up slots either.
    sender = Sender(command=("/does/not/exist",))
    for _ in range(PER_NAMESPACE + 1):
        assert await answer(sender, chats, "a") == Answer("killed")

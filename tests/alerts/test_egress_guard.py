"""Which addresses channels may connect to, and that no secret appears after a thousand failed messages."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from nsg_baseline.alerts.channels import disable_url_logging, parse_channels
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.pending import PendingDelivery, pending_deliveries
from nsg_baseline.alerts.sender.addresses import refusal
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats

MESSAGE = alert_message(PendingDelivery(incident(), "Opened"))
CANARY = "c4n4ry"


@pytest.mark.parametrize(
    ("address", "forbidden"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("168.63.129.16", True),
        ("0.0.0.0", True),
        ("224.0.0.1", True),
        ("10.0.0.4", False),
        ("fd00::4", False),
        ("203.0.113.7", False),
    ],
)
def test_addresses_of_the_pod_and_of_the_cloud_are_forbidden(address: str, *, forbidden: bool) -> None:
    # The right to write a Secret must not give access to the operator's token at the metadata service.
    assert (refusal(address, local=False, private=True) == "own") is forbidden


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("scheme", ["json", "jsons", "xml", "form", "mailto", "servicenow", "zendesk"])
async def test_nothing_is_sent_to_this_machine_unless_allowed(chats: Chats, scheme: str, host: str) -> None:
    # By name as well as by number: the address of the connection counts.
    url = f"{scheme}://user:secret@{host}:{chats.port}/a?secure=no&from=a@example.com&to=b@example.com&mode=insecure"
    sent = await parse_channels(url)[0][0].send(MESSAGE)
    assert not sent.delivered
    assert "belongs to the pod or to the cloud's metadata service" in sent.reason
    assert chats.messages == []


@pytest.fixture
async def hostile() -> AsyncIterator[int]:
    """Serve every request badly: errors that quote it, redirects, a wrong form, a broken connection."""
    count = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        body = await request.text()
        if count % 4 == 0:
            raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:1/{CANARY}")
        if count % 4 == 1 and request.transport is not None:
            request.transport.close()
        return web.Response(status=(400, 500)[count % 2], text=f"{request.url} {dict(request.headers)} {body}")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_thousand_failed_messages_reveal_no_secret(
    hostile: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    # Many people who may not read Secrets read logs, conditions and deliveries.
    caplog.set_level(logging.DEBUG)
    disable_url_logging()
    at = f"127.0.0.1:{hostile}"
    urls = [
        f"json://{CANARY}:{CANARY}@{at}/{CANARY}?+X-Token={CANARY}&:token={CANARY}",
        f"xml://{CANARY}@{at}/{CANARY}",
        f"form://{at}/{CANARY}?-token={CANARY}",
        f"servicenow://{CANARY}:{CANARY}@{at}?secure=no&assignment_group={CANARY}",
        f"zendesk://{CANARY}:{CANARY}@{at}?secure=no&tags={CANARY}",
    ]
    clock, outbox, to = Clock(), MemoryOutbox(), route()
    outbox.put(to, incident())
    outbox.secrets[to.key] = {"urls": "\n".join(urls)}
    dispatcher = Dispatcher(outbox, clock, allow_local=True)
    with capture_logs() as logs:
        for _ in range(200):
            stored_route = outbox.stored_routes[to.key]
            await dispatcher.deliver(
                stored_route, pending_deliveries(stored_route, outbox.incidents(), OPERATOR, clock())
            )
            dispatcher.backoffs.clear()
            clock.advance(seconds=1)
    assert len([entry for entry in logs if entry["event"] == "message not delivered"]) == 1000
    outputs = [repr(logs), caplog.text, *capfd.readouterr()]
    outputs += [entry.model_dump_json() for entry in outbox.incidents()]
    outputs += [entry.model_dump_json() for entry in outbox.routes()]
    assert CANARY not in "\n".join(outputs)


async def test_retry_after_is_read_as_seconds_or_date(chats: Chats) -> None:
    chats.answers["a"] = 503
    to = parse_channels(f"json://127.0.0.1:{chats.port}/a", allow_local=True)[0][0]
    for header, pause in (
        ("120", timedelta(seconds=120)),
        ("soon", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", timedelta()),
    ):
        chats.headers["a"] = {"Retry-After": header}
        assert (await to.send(MESSAGE)).retry_after == pause

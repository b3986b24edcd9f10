"""Channels from a Secret: which URLs are refused, and that no part of a URL appears in a message."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from nsg_baseline.alerts.channels import disable_url_logging, parse_channels
from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.alerts.resolving import resolve_channels
from nsg_baseline.alerts.schemes import SCHEMES
from tests.support.alerts import incident

MESSAGE = alert_message(PendingDelivery(incident(), "Opened"))
CANARY = "c4n4ry"
# A secret in each part that a URL has, in URLs that are refused.
REFUSED = [
    f"gopher://{CANARY}:{CANARY}@{CANARY}.example.com/{CANARY}?token={CANARY}",
    f"file:///etc/{CANARY}",
    f"{CANARY}",
    f"slack://{CANARY}",
    f"pagerduty://{CANARY}",
    f"twilio://{CANARY}:{CANARY}@{CANARY}",
    f"mailto://{CANARY}",
    f"opsgenie://{CANARY}?region={CANARY}",
    f"exec://{CANARY}",
    f"json://user:{CANARY}@:99999/{CANARY}",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_a_refusal_names_the_line_and_no_part_of_the_url(
    url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # The message becomes a condition that everyone with access to routes can read.
    caplog.set_level(logging.DEBUG)
    disable_url_logging()
    with capture_logs() as logs:
        channels, (bad,) = await resolve_channels(f"# ours\n\n{url}\n")
    assert (channels, bad.line) == ([], 3)
    outputs = [str(bad), repr(bad), repr(logs), caplog.text, *capfd.readouterr()]
    assert CANARY not in "\n".join(outputs)


def test_schemes_of_apprise_that_use_the_pod_are_refused() -> None:
    # Each scheme is code that a Secret could execute: syslog:// and dbus:// reach into the pod.
    for scheme in ("syslog", "dbus", "windows", "macosx", "xmpp"):
        assert scheme not in SCHEMES
        channels, (bad,) = parse_channels(f"{scheme}://localhost")
        assert channels == []
        assert "is not one of the supported schemes" in bad.problem


def test_blank_lines_and_comments_are_not_channels() -> None:
    text = "\n# chat\njson://a.example.com\n\n  json://b.example.com  \n"
    assert [channel.line for channel in parse_channels(text)[0]] == [3, 5]
    assert parse_channels("# nothing yet\n") == ([], [])


@pytest.fixture
async def serve_status_codes() -> AsyncIterator[tuple[str, list[str]]]:
    """Serve /ok, /no (500) and /away, which redirects; yield the requested paths."""
    seen: list[str] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(request.path)
        if request.path == "/away":
            raise web.HTTPTemporaryRedirect("/ok")
        return web.Response(status=500 if request.path == "/no" else 200)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"json://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


@pytest.mark.parametrize(("path", "through"), [("/ok", True), ("/no", False), ("/away", False)])
async def test_the_result_says_whether_the_message_was_delivered(
    serve_status_codes: tuple[str, list[str]], path: str, *, through: bool
) -> None:
    # A redirect is not followed: it could lead to the cloud's metadata address.
    url, seen = serve_status_codes
    assert (await parse_channels(url + path, allow_local=True)[0][0].send(MESSAGE)).delivered is through
    assert seen == [path]


async def test_a_closed_port_is_not_an_exception(unused_tcp_port: int, caplog: pytest.LogCaptureFixture) -> None:
    channel = parse_channels(f"json://user:{CANARY}@127.0.0.1:{unused_tcp_port}/{CANARY}", allow_local=True)[0][0]
    disable_url_logging()
    assert not (await channel.send(MESSAGE)).delivered
    assert CANARY not in caplog.text


def test_the_operator_does_not_load_apprise() -> None:
    # A plugin in the operator's process could read its memory and credentials. It also costs 15 MiB.
    code = "import nsg_baseline.engine.run, sys; print('apprise' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"

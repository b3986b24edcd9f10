"""Six receivers of one route: Slack, mail, PagerDuty, a real Alertmanager, ServiceNow and JSON.

Each speaks the wire of its service, and keeps what it got.
"""

import asyncio
import email
import email.policy
import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP

from tests.cluster.alertmanager import Alertmanager, Hook, hooked
from tests.support.pagerduty_account import PagerDutyAccount
from tests.support.tickets import Desk, desk

_KEY = re.compile(r"incident \S+ revision \d+(?: reminder \d+)?|digest [0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Received:
    """A message that a receiver got, with the key in its text."""

    key: str
    title: str


@dataclass(slots=True)
class Receivers:
    """The receivers. `received` has the messages of those that only show them.

    Attributes:
        json_alerts: the alerts of the JSON receiver by the key of their message.
        is_mail_down: the mail server refuses each mail for now.
        on_json: called when the JSON receiver gets a message, before its response.
    """

    hook: Hook
    desk: Desk
    alertmanager: Alertmanager
    received: dict[str, list[Received]] = field(default_factory=lambda: {"slack": [], "mail": [], "json": []})
    json_alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    pagerduty: PagerDutyAccount = field(default_factory=PagerDutyAccount)
    is_mail_down: bool = False
    on_json: Callable[[], None] = lambda: None
    port: int = 0
    mail_port: int = 0

    @property
    def urls(self) -> str:
        """The content of the route's Secret."""
        return "\n".join(
            (
                "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#network",
                f"mailto://127.0.0.1:{self.mail_port}?from=nsgb@example.com&to=oncall@example.com&mode=insecure",
                "pagerduty://INTEGRATIONKEY@APIKEY",
                f"alertmanager://127.0.0.1:{self.alertmanager.port}",
                f"servicenow://nsgb:secret@127.0.0.1:{self.desk.port}?secure=no",
                f"json://127.0.0.1:{self.port}/json",
            )
        )

    @property
    def sender_command(self) -> str:
        """The command of a sender that sends requests for the Internet to these receivers, as JSON."""
        return json.dumps([sys.executable, "-m", "tests.support.redirecting_sender", str(self.port), "internet"])

    async def take(self, request: web.Request) -> web.Response:
        """Take a request for Slack or PagerDuty, or one of the JSON receiver."""
        meant, body = request.headers.get("X-Meant", "json"), await request.json()
        if "pagerduty.com" in meant:
            self.pagerduty.take(body)
            return web.json_response({"status": "success"}, status=202)
        if "hooks.slack.com" in meant:
            self._add("slack", json.dumps(body, ensure_ascii=False))
            return web.Response(text="ok")
        assert meant == "json", meant
        self.on_json()
        self.json_alerts.setdefault(body["key"], body["alert"])
        self.received["json"].append(Received(body["key"], body["title"]))
        return web.Response()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        del server, session
        if self.is_mail_down:
            return "451 try again later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, email.message.EmailMessage)
        plain, subject = mail.get_body(("plain",)), str(mail["Subject"])
        assert plain is not None
        # A mail client may wrap the line of the key.
        self._add("mail", " ".join(f"{subject}\n{plain.get_content()}".split()), subject)
        return "250 taken"

    def _add(self, receiver: str, text: str, title: str = "") -> None:
        (key,) = set(_KEY.findall(text))
        self.received[receiver].append(Received(key, title or text))


@asynccontextmanager
async def receiving_all(folder: Path, alertmanager_port: int) -> AsyncIterator[Receivers]:
    """Serve all receivers."""
    async with AsyncExitStack() as stack:
        hook, tickets = await stack.enter_async_context(hooked()), await stack.enter_async_context(desk())
        alertmanager = await asyncio.to_thread(Alertmanager, folder, alertmanager_port, hook)
        stack.push_async_callback(asyncio.to_thread, alertmanager.stop)
        receivers = Receivers(hook, tickets, alertmanager)
        app = web.Application()
        app.router.add_post("/{path:.*}", receivers.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receivers.port = runner.addresses[0][1]
        mail = await asyncio.get_running_loop().create_server(lambda: SMTP(receivers), "127.0.0.1", 0)
        await stack.enter_async_context(mail)
        receivers.mail_port = mail.sockets[0].getsockname()[1]
        yield receivers

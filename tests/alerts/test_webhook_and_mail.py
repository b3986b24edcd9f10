"""The JSON of a webhook, and a mail as a mail server receives it."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from nsg_baseline.alerts.channels import parse_channels
from nsg_baseline.alerts.formats import plain
from nsg_baseline.alerts.message import alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.cli.demo.receiver import receiving
from tests.support.alerts import incident

OPENED = alert_message(PendingDelivery(incident(), "Opened"))


@dataclass(slots=True)
class MailBox:
    """Takes every mail."""

    mails: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        del server, session
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


@pytest.fixture
async def mailbox() -> AsyncIterator[MailBox]:
    box = MailBox()
    async with await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0) as server:
        box.port = server.sockets[0].getsockname()[1]
        yield box


async def test_a_webhook_gets_title_body_and_level() -> None:
    # The scripts of receivers read these fields.
    async with receiving() as receiver:
        assert (await parse_channels(receiver.url, allow_local=True)[0][0].send(OPENED)).delivered
        alert = await receiver.next("open-ssh")
    assert (alert["title"], alert["message"], alert["type"]) == (OPENED.title, plain(OPENED), "warning")


async def test_a_mail_has_a_sortable_subject_and_the_whole_text(mailbox: MailBox) -> None:
    url = f"mailto://127.0.0.1:{mailbox.port}?from=nsgb@example.com&to=oncall@example.com&mode=insecure"
    assert (await parse_channels(url, allow_local=True)[0][0].send(OPENED)).delivered
    (mail,) = mailbox.mails
    assert mail["Subject"] == OPENED.title
    assert "oncall@example.com" in mail["To"]
    plain_part, html_part = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain_part is not None
    assert html_part is not None
    for part in (plain_part.get_content(), html_part.get_content()):
        assert "1000 Inbound Allow Tcp from Internet to * port 22" in part
        assert OPENED.key in part
        assert "https://portal.azure.com/#resource/subscriptions/" in part

"""Timeouts of a send: a receiver that answers late has the message, and must not get it again."""

from typing import Any

import pytest
import requests

from nsg_baseline.alerts.plugins.base import call
from nsg_baseline.alerts.providers import service
from nsg_baseline.alerts.sender.child import _prepare
from tests.support.sends import send_to


@pytest.mark.parametrize("options", ["", "?rto=1&cto=1", "?verify=no&redirect=yes"])
def test_no_read_timeout_is_shorter_than_the_deadline(options: str) -> None:
    # A receiver that answered after 6 s got four copies. The options of a URL must not shorten it either.
    send = send_to(f"gotify://127.0.0.1/AAAAAAAAAAAAAAA{options}", seconds=30)
    target = service("gotify", send.url)
    assert target is not None
    _prepare(target, send)
    assert target.request_timeout[1] >= send.seconds
    assert target.verify_certificate is True
    assert target.redirects is False


def test_the_requests_of_own_plugins_have_no_read_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[tuple[float, float | None]] = []

    def answer(*_: Any, timeout: tuple[float, float | None], **_options: Any) -> requests.Response:
        timeouts.append(timeout)
        response = requests.Response()
        response.status_code = 200
        return response

    monkeypatch.setattr(requests, "request", answer)
    call("GET", "https://example.com")
    assert [read for _, read in timeouts] == [None]

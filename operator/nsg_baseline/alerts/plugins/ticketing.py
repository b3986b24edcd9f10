"""What both desks have in common: a URL with a host, a user, a secret and options, and a ticket for each incident."""

from typing import Any

from apprise import NotifyBase, NotifyType
from typing_extensions import override

from nsg_baseline.alerts.plugins.base import ApiPlugin, RefusedError, call


class Ticketing(ApiPlugin, NotifyBase):
    """A desk. `secure=no` in its URL speaks http, for a mock on this machine."""

    request_rate_per_sec = 0
    sign_in = "{}"
    """How the user of the URL is spelled when signing in."""

    def __init__(self, options: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not (self.host and self.user and self.password):
            raise TypeError("a host, a user and a secret are needed")
        self._options = options

    def send_message(self, body: str, title: str) -> None:
        """Bring the ticket to where the message is.

        Raises:
            RefusedError: the desk did not take it.
        """
        raise NotImplementedError

    @override
    def send(self, body: str, title: str = "", notify_type: NotifyType = NotifyType.INFO, **_: Any) -> bool:
        try:
            self.send_message(body, title)
        except RefusedError:
            return False
        return True

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Make one request to a path of the desk's host."""
        scheme = "http" if self._options.get("secure") == "no" else "https"
        port = f":{self.port}" if self.port else ""
        auth = (self.sign_in.format(self.user), self.password)
        return call(method, f"{scheme}://{self.host}{port}{path}", auth=auth, **options)

    @staticmethod
    @override
    def parse_url(url: str) -> dict[str, Any] | None:
        found = NotifyBase.parse_url(url)
        return {**found, "options": dict(found.get("qsd") or {})} if found else None

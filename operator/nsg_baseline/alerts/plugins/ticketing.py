"""The base of ticketing plugins: a URL with host, user, secret and options, and one ticket per incident."""

from typing import Any

from apprise import NotifyBase, NotifyType
from typing_extensions import override

from nsg_baseline.alerts.plugins.base import ApiPlugin, RefusedError, call


class Ticketing(ApiPlugin, NotifyBase):
    """A ticketing service. `secure=no` in its URL selects http, for a mock server."""

    request_rate_per_sec = 0
    sign_in = "{}"
    """The format of the user name for authentication."""

    def __init__(self, options: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not (self.host and self.user and self.password):
            raise TypeError("the URL requires a host, a user and a secret")
        self._options = options

    def send_message(self, body: str, title: str) -> None:
        """Create or update the ticket for the current message.

        Raises:
            RefusedError: The service refused the request.
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
        """Make one request to a path of the service."""
        scheme = "http" if self._options.get("secure") == "no" else "https"
        port = f":{self.port}" if self.port else ""
        auth = (self.sign_in.format(self.user), self.password)
        return call(method, f"{scheme}://{self.host}{port}{path}", auth=auth, **options)

    @staticmethod
    @override
    def parse_url(url: str) -> dict[str, Any] | None:
        parsed = NotifyBase.parse_url(url)
        return {**parsed, "options": dict(parsed.get("qsd") or {})} if parsed else None

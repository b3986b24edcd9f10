"""The base of plugins that post JSON to an address of the user: URL, authentication and own headers."""

from typing import Any
from urllib.parse import quote

from apprise import NotifyBase, NotifyType
from typing_extensions import override

from nsg_baseline.alerts.plugins.base import ApiPlugin, RefusedError, call


class Endpoint(ApiPlugin, NotifyBase):
    """An address with an optional user and password, headers (`?+Name=value`) and values (`?:name=value`)."""

    request_rate_per_sec = 0
    body_maxlen = 1 << 20
    default_port = 0

    def __init__(self, headers: dict[str, str], values: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.host:
            raise TypeError("the URL requires a host")
        self.headers, self.values = headers, values

    def send_message(self, body: str, title: str) -> None:
        """Send the current message.

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

    def ask(self, method: str, path: str = "", **options: Any) -> Any:
        """Make one request to a path below the address."""
        port = self.port or self.default_port
        place = f"{'https' if self.secure else 'http'}://{self.host}{f':{port}' if port else ''}"
        base = quote(str(self.fullpath or ""), safe="/%").rstrip("/")
        headers = {**(options.pop("headers", None) or {}), **self.headers}
        auth = (self.user, self.password or "") if self.user else None
        return call(method, f"{place}{base}{path}", headers=headers, auth=auth, **options)

    @staticmethod
    @override
    def parse_url(url: str) -> dict[str, Any] | None:
        parsed = NotifyBase.parse_url(url)
        if not parsed:
            return None
        return {
            **parsed,
            "headers": {NotifyBase.unquote(name): NotifyBase.unquote(value) for name, value in parsed["qsd+"].items()},
            "values": {NotifyBase.unquote(name): NotifyBase.unquote(value) for name, value in parsed["qsd:"].items()},
        }

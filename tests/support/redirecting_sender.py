"""A sender whose requests go to a server on this machine instead of to the Internet. Run with the server's port.

With `internet` as second argument, requests to this machine are not redirected.
"""

import sys
from typing import Any
from urllib.parse import urlsplit

import requests

from nsg_baseline.alerts.sender.process import main

_send = requests.Session.request


def _redirected(self: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    prepared = requests.Request(method, url, params=options.pop("params", None)).prepare()
    path = urlsplit(str(prepared.url))
    if path.hostname == "127.0.0.1" and "internet" in sys.argv:
        return _send(self, method, str(prepared.url), **options)
    local_url = f"http://127.0.0.1:{sys.argv[1]}{path.path}" + (f"?{path.query}" if path.query else "")
    headers = {**(options.pop("headers", None) or {}), "X-Meant": str(prepared.url)}
    return _send(self, method, local_url, headers=headers, **options)


if __name__ == "__main__":
    requests.Session.request = _redirected  # type: ignore[assignment, method-assign]
    main()

"""A sender for the contract over Apprise's samples: every name resolves to the given addresses.

Run with `PORT ADDRESS...`. With a port, requests and mails go there instead; without one (0), they go to the addresses.
"""

import smtplib
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

import requests

from nsg_baseline.alerts.sender.process import main

PORT, ADDRESSES = int(sys.argv[1]), sys.argv[2:]
_request = requests.Session.request


def _redirected(self: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    prepared = requests.Request(method, url, params=options.pop("params", None)).prepare()
    path = urlsplit(str(prepared.url))
    local_url = f"http://127.0.0.1:{PORT}{path.path}" + (f"?{path.query}" if path.query else "")
    return _request(self, method, local_url, **options)


def _resolved(host: Any, port: Any, *_: Any, **_options: Any) -> list[Any]:
    families = {True: socket.AF_INET6, False: socket.AF_INET}
    return [
        (families[":" in address], socket.SOCK_STREAM, 6, "", (address, port, *((0, 0) if ":" in address else ())))
        for address in ADDRESSES
    ]


if __name__ == "__main__":
    if PORT:
        requests.Session.request = _redirected  # type: ignore[assignment, method-assign]
    socket.getaddrinfo = _resolved
    smtplib.SMTP_SSL = smtplib.SMTP  # type: ignore[assignment, misc]
    main()

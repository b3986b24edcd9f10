"""Egress guard: channels cannot connect to the pod or the cloud's metadata service, and do not follow redirects.

Plugins call `requests` and `smtplib` as modules and get these replacements. The peer address is checked after the
connection is established and before anything is sent, so that a changed DNS response cannot bypass the check.
"""

import ipaddress
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

# Azure's DNS, health probes, and the server of certificates for the guest agent.
_WIRE_SERVER = ipaddress.ip_address("168.63.129.16")
_SLOW_DOWN = (requests.codes.too_many_requests, requests.codes.service_unavailable)


@dataclass(slots=True)
class Call:
    """The sending of one message: whether local addresses are allowed, and the response of the service."""

    allow_local: bool
    retry_after: timedelta | None = None
    refused: bool = False


_CALL: ContextVar[Call | None] = ContextVar("call", default=None)


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """Apply the limits of a call to the plugins that run in this context."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


def is_forbidden(address: str) -> bool:
    """Return whether an address belongs to the pod or the metadata service, or is not a unicast address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    is_local = ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast
    return is_local or ip == _WIRE_SERVER


def _allowed(sock: socket.socket) -> bool:
    call = _CALL.get()
    if (call is not None and call.allow_local) or not is_forbidden(sock.getpeername()[0]):
        return True
    sock.close()
    if call is not None:
        call.refused = True
    return False


class _Checked(HTTPConnection):
    @override
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if not _allowed(sock):
            raise NewConnectionError(self, "this address is not allowed for channels")
        return sock


class _CheckedTls(_Checked, HTTPSConnection):
    """A checked connection with TLS."""


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Checked


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTls


class _Adapter(HTTPAdapter):
    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def request(method: str, url: str, **options: Any) -> requests.Response:
    """Make one request without following redirects, and store the pause that the service requests."""
    with requests.Session() as session:
        session.mount("http://", _Adapter())
        session.mount("https://", _Adapter())
        response = session.request(method, url, **{**options, "allow_redirects": False})
    call = _CALL.get()
    if call is not None and response.status_code in _SLOW_DOWN:
        call.retry_after = _pause(response.headers.get("Retry-After"))
    return response


def _pause(text: str | None) -> timedelta | None:
    """Parse Retry-After: seconds, or a date."""
    if not text:
        return None
    if text.strip().isdigit():
        return timedelta(seconds=int(text))
    try:
        return max(timedelta(), parsedate_to_datetime(text) - datetime.now(UTC))
    except (TypeError, ValueError):
        return None


class _Requests(ModuleType):
    """The replacement of `requests` for plugins."""

    def __init__(self) -> None:
        super().__init__("requests")
        self.request = request

    @override
    def __getattr__(self, name: str) -> Any:
        if name in ("get", "post", "put", "patch", "delete"):
            return lambda url, **options: request(name.upper(), url, **options)
        return getattr(requests, name)


class _Smtp(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return _mail_socket(super()._get_socket(host, port, timeout))  # type: ignore[misc]  # smtplib's own hook


class _SmtpSsl(smtplib.SMTP_SSL):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return _mail_socket(super()._get_socket(host, port, timeout))  # type: ignore[misc]  # smtplib's own hook


def _mail_socket(sock: socket.socket) -> socket.socket:
    if not _allowed(sock):
        raise OSError("this address is not allowed for channels")
    return sock


class _Smtplib(ModuleType):
    """The replacement of `smtplib` for the mail plugin."""

    SMTP = _Smtp
    SMTP_SSL = _SmtpSsl

    @override
    def __getattr__(self, name: str) -> Any:
        return getattr(smtplib, name)


REQUESTS = _Requests()
SMTPLIB = _Smtplib("smtplib")

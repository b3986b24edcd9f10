"""What a channel may reach: never the cloud's metadata service nor the pod itself, and never where a redirect leads.

Plugins call `requests` and `smtplib` as modules. They get these in their place; peers are checked once connected and
before anything is sent, so that a name that resolves otherwise a second time gains nothing.
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

# Azure's own DNS, health probes and the guest agent's server of certificates and goal states.
_WIRE_SERVER = ipaddress.ip_address("168.63.129.16")
_SLOW_DOWN = (requests.codes.too_many_requests, requests.codes.service_unavailable)


@dataclass(slots=True)
class Call:
    """One send: what it may reach, and what was heard."""

    allow_local: bool
    retry_after: timedelta | None = None
    refused: bool = False


_CALL: ContextVar[Call | None] = ContextVar("call", default=None)


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """Guard what plugins do inside by the terms of a call."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


def is_forbidden(address: str) -> bool:
    """Say whether an address is the pod's own, the metadata service's, or nobody's."""
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    own = found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast
    return own or found == _WIRE_SERVER


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
            raise NewConnectionError(self, "this address is not for channels")
        return sock


class _CheckedTls(_Checked, HTTPSConnection):
    """The same, and then TLS."""


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
    """Make one request, following no redirect, and note when the service wants to be left alone."""
    with requests.Session() as session:
        session.mount("http://", _Adapter())
        session.mount("https://", _Adapter())
        answer = session.request(method, url, **{**options, "allow_redirects": False})
    call = _CALL.get()
    if call is not None and answer.status_code in _SLOW_DOWN:
        call.retry_after = _pause(answer.headers.get("Retry-After"))
    return answer


def _pause(text: str | None) -> timedelta | None:
    """Read Retry-After: seconds, or a date."""
    if not text:
        return None
    if text.strip().isdigit():
        return timedelta(seconds=int(text))
    try:
        return max(timedelta(), parsedate_to_datetime(text) - datetime.now(UTC))
    except (TypeError, ValueError):
        return None


class _Requests(ModuleType):
    """`requests` as plugins see it."""

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
        raise OSError("this address is not for channels")
    return sock


class _Smtplib(ModuleType):
    """`smtplib` as the plugin for mail sees it."""

    SMTP = _Smtp
    SMTP_SSL = _SmtpSsl

    @override
    def __getattr__(self, name: str) -> Any:
        return getattr(smtplib, name)


REQUESTS = _Requests()
SMTPLIB = _Smtplib("smtplib")

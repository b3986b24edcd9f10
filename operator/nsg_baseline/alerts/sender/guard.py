"""The egress guard of a child: an audit hook (PEP 578) that allows little more than TCP to permitted addresses.

The interpreter raises the audit events with the address that the kernel receives. Therefore no library, plugin or
attachment, and no changed DNS response, can bypass the hook. It cannot be removed, so install it only in a process that
ends after the send.
"""

import os
import socket
import sys
import sysconfig
from collections.abc import Iterable
from typing import Any

from nsg_baseline.alerts.sender.addresses import Refusal, is_internal_name, refusal

# Events that start a program, load native code, change files, listen, or send without a connection.
_FORBIDDEN = (
    *(
        "subprocess.",
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "os.startfile",
        "pty.",
        "ctypes.",
    ),
    *("os.kill", "os.putenv", "os.unsetenv", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink"),
    *("os.chmod", "os.chown", "os.truncate", "os.chdir", "os.listxattr", "os.getxattr", "os.setxattr", "shutil."),
    *("tempfile.", "syslog.", "webbrowser.", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.sethostname"),
    *("ftplib.", "imaplib.", "nntplib.", "poplib.", "telnetlib.", "sqlite3.", "urllib.Request"),
)
_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_TYPE_BITS = 0xF
"""The bits of a socket type without the additional flags of Linux."""


class EgressDeniedError(PermissionError):
    """A refused operation. It is an OSError, so that libraries treat it as a failed connection or a missing file."""


class Guard:
    """The limits of one send.

    Args:
        local: Allow addresses of the pod and of metadata services.
        private: Allow addresses of private networks.
        proxies: Address and port of each proxy in the environment. These are always allowed.
    """

    def __init__(self, *, local: bool, private: bool, proxies: Iterable[tuple[str, int]] = ()) -> None:
        self._local = local
        self._private = private
        self._proxies = frozenset(proxies)
        self._readable = _readable_places()
        self.refusals: set[Refusal] = set()

    def install(self) -> None:
        """Install the guard in this process. It cannot be removed."""
        sys.addaudithook(self._audit)

    def check_host(self, host: str) -> None:
        """Check all addresses of a host that a proxy would connect to.

        Raises:
            EgressDeniedError: Channels may not connect to the host.
        """
        name = host.lower().rstrip(".")
        try:
            addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
        except OSError:
            # Only the proxy can resolve it, unless it is a name in the cluster.
            if not self._private and is_internal_name(name):
                self._refuse("private")
            return
        for address in sorted(addresses):
            self._check_address(address)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self._connect(*args)
        elif event == "open":
            self._open(args[0], args[2])
        elif event.startswith(_FORBIDDEN):
            self._refuse("forbidden")

    def _connect(self, sock: socket.socket, address: Any) -> None:
        is_internet = sock.family in (socket.AF_INET, socket.AF_INET6)
        if not is_internet or sock.type & _TYPE_BITS != socket.SOCK_STREAM:
            self._refuse("forbidden")
        if tuple(address[:2]) not in self._proxies:
            self._check_address(address[0])

    def _check_address(self, address: str) -> None:
        reason = refusal(address, local=self._local, private=self._private)
        if reason:
            self._refuse(reason)

    def _open(self, path: Any, flags: int) -> None:
        # A number is an open file descriptor.
        if not isinstance(path, int) and (flags & _WRITE or not self._is_readable(os.fsdecode(path))):
            raise EgressDeniedError("this file is not allowed for channels")

    def _is_readable(self, path: str) -> bool:
        real = os.path.realpath(path)
        return any(real == place or real.startswith(place + os.sep) for place in self._readable)

    def _refuse(self, reason: Refusal) -> None:
        self.refusals.add(reason)
        raise EgressDeniedError("this operation is not allowed for channels")


def _readable_places() -> tuple[str, ...]:
    """Return the folders of Python and its packages, of certificates and of time zones."""
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    places += [os.environ.get(name, "") for name in _CERTIFICATES]
    places += ["/usr/share/zoneinfo", "/etc/localtime", "/etc/mime.types", "/etc/ssl", *sys.path]
    return tuple(sorted({os.path.realpath(place) for place in places if place}))

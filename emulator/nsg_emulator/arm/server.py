"""Serves the emulator over HTTPS with a generated certificate, or over plain HTTP on loopback addresses only."""

import asyncio
import contextlib
import ipaddress
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from nsg_emulator.arm import control
from nsg_emulator.arm.emulator import ArmEmulator, Outcome
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.tls import make_certificate

_LARGEST_BODY = 32 * 1024 * 1024
_CLOSING_GRACE = 0.5
_MARGIN = 0.01
_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Running:
    """A running emulator.

    Attributes:
        url: The base URL, without a trailing slash.
        ca_file: The CA certificate that clients must trust; None for plain HTTP.
        emulator: The emulator, for access in the same process.
    """

    url: str
    ca_file: Path | None
    emulator: ArmEmulator


@contextlib.asynccontextmanager
async def serve(
    emulator: ArmEmulator,
    *,
    tls: bool = True,
    host: str = "127.0.0.1",
    port: int = 0,
    ca_file: Path | None = None,
    names: Sequence[str] = (),
    middlewares: Iterable[Middleware] = (),
) -> AsyncIterator[Running]:
    """Serve an emulator until the block ends.

    Args:
        emulator: The emulator.
        tls: Serve HTTPS. Without it, the host must be a loopback address, because tokens are not encrypted.
        host: Address to listen on.
        port: Port to listen on; 0 selects a free port.
        ca_file: Additional file for the CA certificate; None: only in a folder that is removed at the end of the block.
        names: Further host names in the certificate, for clients that connect through a proxy.
        middlewares: aiohttp middlewares in front of the emulator, for responses that it does not send by itself.

    Raises:
        ValueError: Plain HTTP on an address that is not a loopback address.
    """
    if not tls and not _is_loopback(host):
        raise ValueError(
            f"host: plain http is allowed on loopback addresses only, not on {host!r}; use https or 127.0.0.1"
        )
    with tempfile.TemporaryDirectory(prefix="arm-emulator-") as folder:
        context, authority = _tls(Path(folder), (host, *names), ca_file) if tls else (None, None)
        runner = web.AppRunner(
            _application(emulator, middlewares), handle_signals=False, access_log=None, shutdown_timeout=_CLOSING_GRACE
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, ssl_context=context)
            await site.start()
            name = "localhost" if _is_loopback(host) else host
            yield Running(f"{'https' if tls else 'http'}://{name}:{runner.addresses[0][1]}", authority, emulator)
        finally:
            await _close(runner)


@contextlib.contextmanager
def serve_in_thread(
    emulator: ArmEmulator, *, tls: bool = True, host: str = "127.0.0.1", port: int = 0, ca_file: Path | None = None
) -> Iterator[Running]:
    """Serve an emulator from a separate thread, for clients that block. Arguments and errors are those of `serve`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="arm-emulator", daemon=True)
    thread.start()
    context = serve(emulator, tls=tls, host=host, port=port, ca_file=ca_file)
    try:
        running = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
        try:
            yield running
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(runner: web.AppRunner) -> None:
    """Close the server and its connections. TLS would otherwise wait for clients that keep a connection open."""
    server = runner.server
    transports = [] if server is None else [connection.transport for connection in server.connections]
    await runner.cleanup()
    for transport in transports:
        if transport is not None:
            transport.abort()
    for _ in range(2):  # the event loop closes an aborted socket in its next iteration
        await asyncio.sleep(0)


def _tls(folder: Path, hosts: Sequence[str], ca_file: Path | None) -> tuple[ssl.SSLContext, Path]:
    certificate = make_certificate(folder, *hosts)
    if ca_file is None:
        return certificate.server_context(), certificate.ca_file
    ca_file.write_bytes(certificate.ca_file.read_bytes())
    return certificate.server_context(), ca_file


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _application(emulator: ArmEmulator, middlewares: Iterable[Middleware]) -> web.Application:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await _answer(emulator, request)

    application = web.Application(client_max_size=_LARGEST_BODY, middlewares=middlewares)
    application.router.add_route("*", "/{path:.*}", answer)
    return application


async def _answer(emulator: ArmEmulator, request: web.Request) -> web.StreamResponse:
    call = await _call(request)
    if control.is_control_path(call.path):
        return _response(control.answer(emulator, call))
    outcome = emulator.handle(call)
    if call.method not in {"GET", "HEAD"}:  # an operation ends on time, so that its event does not wait for a request
        asyncio.get_running_loop().call_later(emulator.settings.operation_delay + _MARGIN, emulator.azure.settle)
    if outcome.delay:
        await asyncio.sleep(outcome.delay)
    if outcome.drop is not None:
        return await _dropped(request, outcome)
    return _response(outcome.response)


async def _call(request: web.Request) -> ArmRequest:
    return ArmRequest(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        origin=str(request.url.origin()),
        client_ip=request.remote or "127.0.0.1",
    )


def _response(reply: ArmResponse) -> web.Response:
    body = reply.encoded()
    headers = dict(reply.headers)
    if body:
        headers.setdefault("Content-Type", _JSON)
    return web.Response(status=reply.status, body=body or None, headers=headers)


async def _dropped(request: web.Request, outcome: Outcome) -> web.StreamResponse:
    """Drop the connection, at once or halfway through the body."""
    response = web.StreamResponse(status=outcome.response.status or 200, headers=dict(outcome.response.headers))
    body = outcome.response.encoded()
    if outcome.drop == "body" and body:
        response.content_length = len(body)
        response.headers.setdefault("Content-Type", _JSON)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort() if outcome.drop != "body" else request.transport.close()
    return response

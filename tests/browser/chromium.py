"""A headless Chromium, driven through its DevTools protocol."""

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    *("--headless", "--no-first-run", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"),
    # The page needs no network, and Chromium must not use it either.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    *("--remote-debugging-port=0", "about:blank"),
)
_START_SECONDS = 180
_CALL_SECONDS = 120


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome; None if the machine has neither."""
    return os.environ.get("NSGB_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@dataclass(slots=True)
class Page:
    """One page of a running browser."""

    socket: ClientWebSocketResponse
    session: str = ""
    _number: int = 0

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self._number = number = self._number + 1
        about = {"sessionId": self.session} if self.session else {}
        await self.socket.send_json({"id": number, "method": method, "params": params, **about})
        answer = await self._next(lambda message: message.get("id") == number)
        assert "error" not in answer, (method, answer)
        return dict(answer["result"])

    async def open(self, file: Path) -> None:
        """Load a file and wait until it is there."""
        await self.call("Page.enable")
        await self.call("Page.navigate", url=file.as_uri())
        await self._next(lambda message: message.get("method") == "Page.loadEventFired")

    async def show(self, width: int, height: int = 900, media: str = "screen") -> None:
        """Show the page in a window of this size, or as it is printed."""
        await self.call("Emulation.setEmulatedMedia", media=media)
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        await self.call("Emulation.setDeviceMetricsOverride", **size, mobile=False)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        options = {"returnByValue": True, "awaitPromise": True}
        answer = await self.call("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def printed(self) -> bytes:
        """Return the page as a PDF."""
        return base64.b64decode((await self.call("Page.printToPDF", printBackground=False))["data"])

    async def screenshot(self) -> bytes:
        """Return a picture of the whole page."""
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    async def _next(self, wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(_CALL_SECONDS):
            while True:
                message: dict[str, Any] = await self.socket.receive_json()
                if wanted(message):
                    return message


@asynccontextmanager
async def browser(program: str, profile: Path) -> AsyncIterator[Page]:
    """Run Chromium with an empty profile and yield a page."""
    # Chromium refuses its sandbox to root, who runs the tests in a container.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        *(program, *sandbox, f"--user-data-dir={profile}", *_FLAGS), stderr=asyncio.subprocess.PIPE
    )
    try:
        address = await _address(process)
        async with ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
            page = Page(socket)
            target = await page.call("Target.createTarget", url="about:blank")
            attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session = attached["sessionId"]
            yield page
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    lines = []
    async with asyncio.timeout(_START_SECONDS):
        async for line in process.stderr:
            lines.append(line.decode(errors="replace"))
            if "DevTools listening on " in lines[-1]:
                return lines[-1].split("DevTools listening on ")[1].strip()
    raise AssertionError(f"Chromium ended: {''.join(lines)}")

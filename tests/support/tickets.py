"""ServiceNow's Table API and Zendesk's Tickets API for tickets, with the stored tickets."""

import copy
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BasicAuth, web


@dataclass(slots=True)
class Desk:
    """Tickets by id. `lost` is the number of next responses that are lost after the ticket was written."""

    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: list[tuple[str, str]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    lost: int = 0
    port: int = 0
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _keys: dict[str, str] = field(default_factory=dict)

    @web.middleware
    async def record_request(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Record a request before it is handled."""
        body = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.path_qs, copy.deepcopy(body)))
        answer: web.StreamResponse = await handler(request)
        return answer

    def _response(self, request: web.Request, content: Any, status: int = 200) -> web.Response:
        self.users.append(BasicAuth.decode(request.headers["Authorization"]).login)
        if self.lost:
            self.lost -= 1
            return web.Response(status=502)
        return web.json_response(content, status=status)

    # ServiceNow

    async def query(self, request: web.Request) -> web.Response:
        wanted = request.query["sysparm_query"].partition("^")[0].removeprefix("correlation_id=")
        matches = [ticket for ticket in self.tickets.values() if ticket["correlation_id"] == wanted][::-1]
        fields = request.query["sysparm_fields"].split(",")
        return self._response(
            request, {"result": [{key: ticket.get(key, "") for key in fields} for ticket in matches[:1]]}
        )

    async def insert(self, request: web.Request) -> web.Response:
        number = f"{next(self._ids):032x}"
        self.tickets[number] = {"state": "1", **await request.json(), "sys_id": number}
        return self._response(request, {"result": self.tickets[number]}, 201)

    async def patch(self, request: web.Request) -> web.Response:
        change = await request.json()
        number = request.match_info["id"]
        if change.get("state") == "6" and not (change.get("close_code") and change.get("close_notes")):
            return web.json_response({"error": {"message": "Data Policy Exception"}}, status=403)
        self.comments.append((number, change.pop("work_notes", "")))
        self.tickets[number].update(change)
        return self._response(request, {"result": self.tickets[number]})

    # Zendesk

    async def search(self, request: web.Request) -> web.Response:
        matches = [ticket for ticket in self.tickets.values() if ticket["external_id"] == request.query["external_id"]]
        return self._response(request, {"tickets": matches, "count": len(matches)})

    async def create(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        number = self._keys.get(key)
        if number is None:
            number = self._keys[key] = str(next(self._ids))
            wanted = (await request.json())["ticket"]
            self.comments.append((number, wanted.pop("comment")["body"]))
            self.tickets[number] = {"status": "new", **wanted, "id": int(number)}
        return self._response(request, {"ticket": self.tickets[number]}, 201)

    async def update(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        change = (await request.json())["ticket"]
        if self.tickets[number]["status"] == "closed":
            return web.json_response({"error": "RecordInvalid"}, status=422)
        self.comments.append((number, change.pop("comment")["body"]))
        self.tickets[number].update(change)
        return self._response(request, {"ticket": self.tickets[number]})


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """Serve both APIs over one set of tickets."""
    served = Desk()
    app = web.Application(middlewares=[served.record_request])
    app.router.add_get("/api/now/table/incident", served.query)
    app.router.add_post("/api/now/table/incident", served.insert)
    app.router.add_patch("/api/now/table/incident/{id}", served.patch)
    app.router.add_get("/api/v2/tickets.json", served.search)
    app.router.add_post("/api/v2/tickets.json", served.create)
    app.router.add_put("/api/v2/tickets/{id}.json", served.update)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.port = runner.addresses[0][1]
    yield served
    await runner.cleanup()

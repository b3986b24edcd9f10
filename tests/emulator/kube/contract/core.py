"""A server under test, and the register of checks."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiohttp

from tests.emulator.kube.contract.gadgets import CRD, GROUP, PLURAL, Obj, gadget

MERGE, JSON_PATCH, APPLY = "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what came with it."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def meta(self) -> Obj:
        return self.body["metadata"]  # type: ignore[no-any-return]


@dataclass(slots=True)
class Server:
    """A server under test, with a separate namespace for each check."""

    session: aiohttp.ClientSession
    url: str
    headers: Mapping[str, str]
    namespace: str = ""
    patience: int = 2
    """Seconds within which a watch must have had a bookmark. The real server sends one a minute."""

    @property
    def gadgets(self) -> str:
        return f"/apis/{GROUP}/v1/namespaces/{self.namespace}/{PLURAL}"

    async def ask(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str
    ) -> Answer:
        data = None if body is None else json.dumps(body)
        sent = {**self.headers, "Content-Type": kind, **headers}
        async with self.session.request(method, self.url + path, data=data, headers=sent) as answer:
            text = await answer.text()
            with contextlib.suppress(ValueError):
                return Answer(answer.status, json.loads(text), answer.headers)
            return Answer(answer.status, text, answer.headers)

    async def make(self, name: str, spec: Obj | None = None, **fields: Any) -> Answer:
        return await self.ask("POST", self.gadgets, gadget(name, spec, **fields))

    async def patch(self, name: str, patch: Any, kind: str = MERGE) -> Answer:
        return await self.ask("PATCH", f"{self.gadgets}/{name}", patch, kind)

    async def apply(self, name: str, spec: Obj, manager: str, *, force: bool = False) -> Answer:
        query = f"?fieldManager={manager}{'&force=true' if force else ''}"
        return await self.ask("PATCH", f"{self.gadgets}/{name}{query}", gadget(name, spec), APPLY)

    @contextlib.asynccontextmanager
    async def watch(self, query: str, path: str = "") -> AsyncIterator[AsyncIterator[Obj]]:
        """Open a watch; yields its events, until the server ends it."""
        target = f"{self.url}{path or self.gadgets}?watch=true&{query}"
        async with self.session.get(target, headers=self.headers) as answer:
            if answer.status != 200:
                yield _one({"type": "ERROR", "object": await answer.json()})
            else:
                yield _events(answer)

    async def watched(self, query: str, path: str = "") -> list[Obj]:
        """Return everything that a watch tells until the server ends it."""
        async with self.watch(query, path) as events:
            return [event async for event in events]


async def _one(event: Obj) -> AsyncIterator[Obj]:
    yield event


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Obj]:
    async for line in answer.content:
        yield json.loads(line)


Run: TypeAlias = Callable[[Server], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the API, and why an operator needs it."""

    name: str
    reason: str
    run: Run


CHECKS: list[Check] = []


def check(reason: str) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        CHECKS.append(Check(run.__name__, reason, run))
        return run

    return register


@contextlib.asynccontextmanager
async def prepared(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], patience: int = 2
) -> AsyncIterator[Server]:
    """Yield a server with the contract's kind established and a fresh namespace."""
    server = Server(session, url, headers, f"contract-{uuid.uuid4().hex[:10]}", patience)
    await establish(server)
    made = await server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": server.namespace}})
    assert made.status == 201, made
    try:
        yield server
    finally:
        await server.ask("DELETE", server.gadgets)
        await server.ask("DELETE", f"/api/v1/namespaces/{server.namespace}")


async def establish(server: Server) -> None:
    """Create the contract's definition, and wait until its objects are served."""
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    made = await server.ask("POST", crds, CRD)
    assert made.status in (201, 409), made
    name = CRD["metadata"]["name"]
    async with server.watch(f"fieldSelector=metadata.name={name}&timeoutSeconds=60", crds) as events:
        async for event in events:
            if _is_established(event["object"]):
                break
    async with asyncio.timeout(60):
        while (await server.ask("GET", f"/apis/{GROUP}/v1/{PLURAL}")).status != 200:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.1)


def _is_established(crd: Obj) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


async def refused(server: Server, spec: Obj, *words: str) -> Answer:
    made = await server.make("bad", spec)
    assert made.status == 422, made.body
    assert made.body["reason"] == "Invalid"
    for item in words:
        assert item in made.body["message"], made.body["message"]
    return made

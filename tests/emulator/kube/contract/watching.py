"""Watches: what they tell, from where, until when."""

from collections.abc import AsyncIterator

from tests.emulator.kube.contract.core import Server, check
from tests.emulator.kube.contract.gadgets import Obj


async def _version(server: Server) -> str:
    return (await server.ask("GET", server.gadgets)).meta["resourceVersion"]  # type: ignore[no-any-return]


@check("a watch goes on where the list ended: nothing twice, nothing missed")
async def watch_continues_a_list(server: Server) -> None:
    await server.make("before")
    version = await _version(server)
    await server.make("one")
    await server.patch("one", {"spec": {"nsg": "b"}})
    await server.ask("DELETE", f"{server.gadgets}/one")
    events = await server.watched(f"resourceVersion={version}&timeoutSeconds=1")
    event_types = [(item["type"], item["object"]["metadata"]["name"]) for item in events]
    assert event_types == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
    versions = [int(item["object"]["metadata"]["resourceVersion"]) for item in events]
    assert versions == sorted(set(versions)), "a deletion has a version of its own"


@check("what happens during a watch is told")
async def watch_tells_live(server: Server) -> None:
    version = await _version(server)
    async with server.watch(f"resourceVersion={version}&timeoutSeconds=30") as events:
        await server.make("one")
        async for event in events:
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "one")
            break


@check("a watch without a version begins with what is there")
async def watch_without_version_lists_first(server: Server) -> None:
    await server.make("one")
    events = await server.watched("timeoutSeconds=1")
    assert [(item["type"], item["object"]["metadata"]["name"]) for item in events] == [("ADDED", "one")]


@check("an object that leaves the selection is told as deleted")
async def watch_selects(server: Server) -> None:
    version = await _version(server)
    await server.make("one", metadata={"labels": {"a": "b"}})
    await server.make("other")
    await server.patch("one", {"metadata": {"labels": {"a": "c"}}})
    events = await server.watched(f"resourceVersion={version}&labelSelector=a%3Db&timeoutSeconds=1")
    assert [(item["type"], item["object"]["metadata"]["name"]) for item in events] == [
        ("ADDED", "one"),
        ("DELETED", "one"),
    ]


async def until_bookmark(events: AsyncIterator[Obj]) -> AsyncIterator[Obj]:
    async for event in events:
        yield event
        if event["type"] == "BOOKMARK":
            return


@check("bookmarks keep a quiet watch from growing too old")
async def watch_sends_bookmarks(server: Server) -> None:
    version = await _version(server)
    await server.make("one")
    query = f"resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds={server.patience}"
    async with server.watch(query) as events:
        event_types = [event["type"] async for event in until_bookmark(events)]
    assert event_types[-1] == "BOOKMARK"


@check("newer clients list by watching, and are told where the list ends")
async def watch_sends_initial_events(server: Server) -> None:
    await server.make("one")
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    events = await server.watched(query)
    assert events[0]["type"] == "ADDED"
    ends = [item["object"]["metadata"].get("annotations", {}) for item in events if item["type"] == "BOOKMARK"]
    assert {"k8s.io/initial-events-end": "true"} in ends


@check("a watch from a forgotten version is told to list again")
async def watch_too_old_is_gone(server: Server) -> None:
    await server.make("one")
    events = await server.watched("resourceVersion=1&timeoutSeconds=1")
    assert [(item["type"], item["object"]["code"], item["object"]["reason"]) for item in events] == [
        ("ERROR", 410, "Expired")
    ]

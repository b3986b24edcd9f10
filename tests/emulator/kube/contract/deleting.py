"""How objects go."""

from tests.emulator.kube.contract.core import Server, check


@check("an object with a finalizer stays until the finalizer goes")
async def finalizers_hold(server: Server) -> None:
    await server.make("one", metadata={"finalizers": ["example.com/hold"]})
    deleted = await server.ask("DELETE", f"{server.gadgets}/one")
    assert deleted.meta["deletionTimestamp"]
    assert (await server.ask("GET", f"{server.gadgets}/one")).status == 200
    await server.patch("one", {"metadata": {"finalizers": None}})
    assert (await server.ask("GET", f"{server.gadgets}/one")).status == 404


@check("what is being deleted takes no new finalizers")
async def no_new_finalizers_when_going(server: Server) -> None:
    await server.make("one", metadata={"finalizers": ["example.com/hold"]})
    await server.ask("DELETE", f"{server.gadgets}/one")
    response = await server.patch("one", {"metadata": {"finalizers": ["example.com/hold", "example.com/late"]}})
    assert response.status == 422
    assert "no new finalizers can be added" in response.body["message"]
    await server.patch("one", {"metadata": {"finalizers": None}})


@check("a delete can insist on the object it means")
async def delete_preconditions(server: Server) -> None:
    await server.make("one")
    deleted = await server.ask("DELETE", f"{server.gadgets}/one", {"preconditions": {"uid": "wrong"}})
    assert (deleted.status, deleted.body["reason"]) == (409, "Conflict")


@check("a delete of one object answers with a Status that names it")
async def delete_answers_with_status(server: Server) -> None:
    made = await server.make("one")
    deleted = await server.ask("DELETE", f"{server.gadgets}/one")
    assert (deleted.status, deleted.body["status"]) == (200, "Success")
    assert deleted.body["details"]["uid"] == made.meta["uid"]


@check("a collection can be deleted by label")
async def delete_collection(server: Server) -> None:
    await server.make("one", metadata={"labels": {"a": "b"}})
    await server.make("two")
    assert (await server.ask("DELETE", f"{server.gadgets}?labelSelector=a%3Db")).status == 200
    remaining = await server.ask("GET", server.gadgets)
    assert [item["metadata"]["name"] for item in remaining.body["items"]] == ["two"]

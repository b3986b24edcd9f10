"""What replaces and patches do, and whom they must not overwrite."""

from tests.emulator.kube.contract.core import JSON_PATCH, MERGE, Server, check
from tests.emulator.kube.contract.gadgets import gadget


@check("null deletes a field in a merge patch")
async def merge_patch_deletes_by_null(server: Server) -> None:
    await server.make("one", {"x": {"p": 1, "q": 2}})
    patched = await server.patch("one", {"spec": {"nsg": "b", "x": {"p": None}}})
    assert patched.status == 200
    assert patched.body["spec"]["x"] == {"q": 2}


@check("observedGeneration compares with generation, which counts changes of the spec alone")
async def generation_counts_spec_changes(server: Server) -> None:
    made = await server.make("one")
    changed = await server.patch("one", {"spec": {"nsg": "b"}})
    assert changed.meta["generation"] == 2
    assert changed.meta["resourceVersion"] != made.meta["resourceVersion"]
    labelled = await server.patch("one", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.meta["generation"] == 2


@check("a write that changes nothing is no write: no event, no new version")
async def empty_write_is_no_write(server: Server) -> None:
    made = await server.make("one")
    unchanged = await server.patch("one", {"spec": {"nsg": "a"}})
    assert unchanged.meta["resourceVersion"] == made.meta["resourceVersion"]


@check("JSON patches change by path, and fail as a whole when a test fails")
async def json_patch_tests_and_replaces(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", [{"op": "replace", "path": "/spec/nsg", "value": "c"}], JSON_PATCH)
    assert (patched.status, patched.body["spec"]["nsg"]) == (200, "c")
    failed = await server.patch("one", [{"op": "test", "path": "/spec/nsg", "value": "zz"}], JSON_PATCH)
    assert failed.status == 422


@check("custom resources know no strategic merge patch")
async def strategic_patch_isrefused(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", {"spec": {"nsg": "b"}}, "application/strategic-merge-patch+json")
    assert patched.status == 415


@check("a stale write loses, by patch and by replace")
async def stale_writes_conflict(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", {"metadata": {"resourceVersion": "1"}, "spec": {"nsg": "stale"}})
    assert (patched.status, patched.body["reason"]) == (409, "Conflict")
    stale = (await server.ask("GET", f"{server.gadgets}/one")).body
    stale["metadata"]["resourceVersion"] = "1"
    put = await server.ask("PUT", f"{server.gadgets}/one", stale)
    assert (put.status, put.body["reason"]) == (409, "Conflict")


@check("a replace drops what it does not name")
async def put_replaces(server: Server) -> None:
    stored = (await server.make("one", {"x": {"p": 1}})).body
    del stored["spec"]["x"]
    put = await server.ask("PUT", f"{server.gadgets}/one", stored)
    assert put.status == 200
    assert "x" not in put.body["spec"]


@check("a replace needs a version to compare with")
async def put_without_version_isrefused(server: Server) -> None:
    await server.make("one")
    put = await server.ask("PUT", f"{server.gadgets}/one", gadget("one"))
    assert put.status == 422
    assert "metadata.resourceVersion" in put.body["message"]


@check("the URL and the body must name the same object")
async def put_under_another_name_isrefused(server: Server) -> None:
    stored = (await server.make("one")).body
    put = await server.ask("PUT", f"{server.gadgets}/two", stored)
    assert put.status == 400
    assert put.body["message"] == "the name of the object (one) does not match the name on the URL (two)"


@check("status and spec are written on paths of their own, and neither touches the other")
async def status_is_apart(server: Server) -> None:
    made = await server.make("one")
    path = f"{server.gadgets}/one/status"
    wrote = await server.ask("PATCH", path, {"status": {"z": 1}, "spec": {"nsg": "evil"}}, MERGE)
    assert (wrote.body["spec"]["nsg"], wrote.body["status"]) == ("a", {"z": 1})
    assert wrote.meta["generation"] == made.meta["generation"]
    hacked = await server.patch("one", {"status": {"hack": 1}})
    assert hacked.body["status"] == {"z": 1}


@check("a status write does not change metadata")
async def status_keeps_metadata(server: Server) -> None:
    await server.make("one")
    wrote = await server.ask(
        "PATCH", f"{server.gadgets}/one/status", {"metadata": {"labels": {"a": "b"}}, "status": {"z": 1}}, MERGE
    )
    assert "labels" not in wrote.meta


@check("a dry run judges and answers, but changes nothing")
async def dry_run_changes_nothing(server: Server) -> None:
    made = await server.ask("POST", f"{server.gadgets}?dryRun=All", gadget("one"))
    assert made.status == 201
    assert (await server.ask("GET", f"{server.gadgets}/one")).status == 404

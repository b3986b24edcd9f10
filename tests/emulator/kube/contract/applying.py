"""Server-side apply, which GitOps tools use."""

from tests.emulator.kube.contract.core import MERGE, Server, check


@check("an applied typo is refused, since nobody would own it")
async def apply_refuses_unknown_fields(server: Server) -> None:
    applied = await server.apply("one", {"typo": 1}, "argo")
    assert applied.status == 500
    assert ".spec.typo: field not declared in schema" in applied.body["message"]


@check("applied items that cannot be told apart are refused")
async def apply_refuses_duplicates(server: Server) -> None:
    applied = await server.apply("one", {"rules": [{"name": "r"}, {"name": "r"}]}, "argo")
    assert applied.status == 500
    assert '.spec.rules: duplicate entries for key [name="r"]' in applied.body["message"]


@check("GitOps tools apply what they want, again and again")
async def apply_creates_then_settles(server: Server) -> None:
    first = await server.apply("one", {"rules": [{"name": "r1"}]}, "argo")
    assert first.status == 201
    second = await server.apply("one", {"rules": [{"name": "r1"}]}, "argo")
    assert second.status == 200
    assert second.meta["resourceVersion"] == first.meta["resourceVersion"]


@check("an applied list-map merges by key, and keeps what others added")
async def apply_merges_list_maps(server: Server) -> None:
    await server.apply("one", {"rules": [{"name": "mine", "priority": 200}]}, "argo")
    await server.apply("one", {"rules": [{"name": "theirs", "priority": 300}]}, "other")
    applied = await server.apply("one", {"rules": [{"name": "mine", "priority": 250}]}, "argo")
    assert {item["name"]: item["priority"] for item in applied.body["spec"]["rules"]} == {"mine": 250, "theirs": 300}


@check("what a manager no longer applies goes, if nobody else holds it")
async def apply_removes_what_is_given_up(server: Server) -> None:
    await server.apply("one", {"mode": "Enforce", "note": "x", "rules": [{"name": "r1"}, {"name": "r2"}]}, "argo")
    applied = await server.apply("one", {"rules": [{"name": "r2"}]}, "argo")
    assert "note" not in applied.body["spec"]
    assert [item["name"] for item in applied.body["spec"]["rules"]] == ["r2"]
    assert applied.body["spec"]["mode"] == "Alert", "a removed field falls back to its default"


@check("an applier does not own the defaults, so that others may decide them")
async def apply_does_not_own_defaults(server: Server) -> None:
    await server.apply("one", {"rules": [{"name": "r"}]}, "argo")
    decided = await server.apply("one", {"mode": "Enforce", "rules": [{"name": "r", "priority": 300}]}, "other")
    assert decided.status == 200, decided.body
    again = await server.apply("one", {"rules": [{"name": "r"}]}, "argo")
    assert (again.body["spec"]["mode"], again.body["spec"]["rules"][0]["priority"]) == ("Enforce", 300)


@check("two managers of one field are told so, and force decides")
async def apply_conflicts(server: Server) -> None:
    await server.apply("one", {"note": "mine"}, "argo")
    lost = await server.apply("one", {"note": "theirs"}, "other")
    assert (lost.status, lost.body["reason"]) == (409, "Conflict")
    assert ".spec.note" in lost.body["message"]
    assert lost.body["details"]["causes"][0]["field"] == ".spec.note"
    won = await server.apply("one", {"note": "theirs"}, "other", force=True)
    assert (won.status, won.body["spec"]["note"]) == (200, "theirs")


@check("a plain edit takes a field over from its applier")
async def edit_takes_ownership(server: Server) -> None:
    await server.apply("one", {"note": "mine"}, "argo")
    await server.ask("PATCH", f"{server.gadgets}/one?fieldManager=hand", {"spec": {"note": "edited"}}, MERGE)
    lost = await server.apply("one", {"note": "mine"}, "argo")
    assert lost.status == 409
    assert "hand" in lost.body["message"]

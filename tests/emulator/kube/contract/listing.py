"""Lists: selectors, pages, tables."""

from tests.emulator.kube.contract.core import MERGE, Server, check
from tests.emulator.kube.contract.gadgets import GROUP, KIND


@check("a list carries the version that a watch can go on from")
async def lists_have_versions(server: Server) -> None:
    await server.make("one")
    response = await server.ask("GET", server.gadgets)
    assert (response.body["kind"], response.body["apiVersion"]) == (f"{KIND}List", f"{GROUP}/v1")
    assert response.meta["resourceVersion"].isdigit()


@check("labels select, in all the forms that kubectl sends")
async def label_selectors(server: Server) -> None:
    await server.make("one", metadata={"labels": {"env": "prod"}})
    await server.make("two", metadata={"labels": {"env": "test", "old": ""}})
    await server.make("three")
    for selector, expected in (
        ("env%3Dprod", ["one"]),
        ("env!%3Dprod", ["three", "two"]),
        ("env%20in%20(prod,test)", ["one", "two"]),
        ("env%20notin%20(prod)", ["three", "two"]),
        ("env,!old", ["one"]),
        ("nothing%3Dat-all", []),
    ):
        response = await server.ask("GET", f"{server.gadgets}?labelSelector={selector}")
        assert [item["metadata"]["name"] for item in response.body["items"]] == expected, selector


@check("one object can be listed and watched by its name")
async def field_selectors(server: Server) -> None:
    await server.make("one")
    await server.make("two")
    response = await server.ask("GET", f"{server.gadgets}?fieldSelector=metadata.name%3Dtwo")
    assert [item["metadata"]["name"] for item in response.body["items"]] == ["two"]
    unknown = await server.ask("GET", f"{server.gadgets}?fieldSelector=spec.nsg%3Da")
    assert unknown.status == 400
    assert "field label not supported" in unknown.body["message"]


@check("large lists come in pages")
async def lists_are_paged(server: Server) -> None:
    for at in range(5):
        await server.make(f"n{at}")
    names, token, remaining = [], "", []
    for _ in range(3):
        page = await server.ask("GET", f"{server.gadgets}?limit=2&continue={token}")
        names += [item["metadata"]["name"] for item in page.body["items"]]
        token = page.meta.get("continue", "")
        remaining.append(page.meta.get("remainingItemCount"))
    assert names == ["n0", "n1", "n2", "n3", "n4"]
    assert remaining == [3, 1, None]
    assert not token


@check("all pages of a list show one moment, whatever happens meanwhile")
async def pages_show_one_moment(server: Server) -> None:
    for at in range(4):
        await server.make(f"n{at}")
    first = await server.ask("GET", f"{server.gadgets}?limit=2")
    await server.ask("DELETE", f"{server.gadgets}/n3")
    await server.make("n2b")
    await server.patch("n2", {"spec": {"nsg": "later"}})
    second = await server.ask("GET", f"{server.gadgets}?limit=2&continue={first.meta['continue']}")
    assert [item["metadata"]["name"] for item in second.body["items"]] == ["n2", "n3"]
    assert second.body["items"][0]["spec"]["nsg"] == "a"
    assert second.meta["resourceVersion"] == first.meta["resourceVersion"]


@check("a broken page token is an error, not a first page")
async def broken_token_isrefused(server: Server) -> None:
    response = await server.ask("GET", f"{server.gadgets}?limit=2&continue=nonsense")
    assert (response.status, response.body["reason"]) == (400, "BadRequest")


@check("kubectl prints what the server's table says")
async def tables_have_columns(server: Server) -> None:
    await server.make("one")
    conditions = [{"type": "Ready", "status": "True"}]
    await server.ask(
        "PATCH", f"{server.gadgets}/one/status", {"status": {"conditions": conditions, "changeCount": 3}}, MERGE
    )
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = await server.ask("GET", server.gadgets, Accept=accept)
    assert table.body["kind"] == "Table"
    assert [item["name"] for item in table.body["columnDefinitions"]] == ["Name", "NSG", "Ready", "Changes", "Age"]
    row = table.body["rows"][0]
    assert row["cells"][:4] == ["one", "a", "True", 3]
    assert row["cells"][4].endswith("s")
    assert row["object"]["kind"] == "PartialObjectMetadata"

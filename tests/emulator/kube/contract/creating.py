"""What comes into being, and under which names."""

from tests.emulator.kube.contract.core import Server, check
from tests.emulator.kube.contract.gadgets import GROUP, PLURAL, gadget


@check("an object's identity and age come from the server, and owner references and locks build on them")
async def create_assigns_identity(server: Server) -> None:
    made = await server.make("one", status={"injected": 1})
    assert made.status == 201
    assert all(made.meta.get(name) for name in ("uid", "resourceVersion", "creationTimestamp"))
    assert made.meta["generation"] == 1
    assert "status" not in made.body, "a create cannot set the status"


@check("a second create of one name must not overwrite the first")
async def create_twice_conflicts(server: Server) -> None:
    await server.make("one")
    again = await server.make("one")
    assert (again.status, again.body["reason"]) == (409, "AlreadyExists")


@check("incident names are made up by the server")
async def generate_name_makes_names(server: Server) -> None:
    body = gadget("x")
    body["metadata"] = {"generateName": "many-"}
    made = [await server.ask("POST", server.gadgets, body) for _ in range(2)]
    names = {item.meta["name"] for item in made}
    assert len(names) == 2
    assert all(name.startswith("many-") and len(name) == 10 for name in names)


@check("a namespace that is not there is an error, not an empty one")
async def create_needs_namespace(server: Server) -> None:
    made = await server.ask("POST", f"/apis/{GROUP}/v1/namespaces/nowhere/{PLURAL}", gadget("one"))
    assert made.status == 404
    assert 'namespaces "nowhere" not found' in made.body["message"]


@check("names that no DNS label can carry are refused, with the field named")
async def names_are_checked(server: Server) -> None:
    made = await server.make("Not_A_Name")
    assert made.status == 422
    assert "metadata.name" in made.body["message"]
    assert "RFC 1123 subdomain" in made.body["message"]


@check("labels of a wrong form are refused")
async def labels_are_checked(server: Server) -> None:
    made = await server.make("one", metadata={"labels": {"a": "not a label"}})
    assert made.status == 422
    assert "metadata.labels: Invalid value" in made.body["message"]


@check("annotations are strings: a number must not become one by accident")
async def annotation_types_are_checked(server: Server) -> None:
    made = await server.make("one", metadata={"annotations": {"a": 1}})
    assert made.status == 400
    assert "annotations" in made.body["message"]


@check("a missing object is told apart from everything else by its reason")
async def get_missing_is_not_found(server: Server) -> None:
    response = await server.ask("GET", f"{server.gadgets}/nope")
    assert (response.status, response.body["reason"]) == (404, "NotFound")
    assert response.body["message"] == f'{PLURAL}.{GROUP} "nope" not found'

"""Rules in CEL."""

from tests.emulator.kube.contract.core import Server, check, refused


@check("a rule can span fields, and names the one to look at")
async def rules_name_fields(server: Server) -> None:
    await refused(server, {"network": {}}, "spec.network.prefix: Invalid value: exactly one of address, prefix")
    assert (await server.make("good", {"network": {"prefix": "10.0.0.0/8"}})).status == 201


@check("a rule can tell what is wrong in words of its own")
async def rules_compute_messages(server: Server) -> None:
    await refused(server, {"network": {"prefix": "10.0.0.1/8"}}, "spec.network: Invalid value: host bits in 10.0.0.1/8")


@check("some fields must not change, which only a rule that sees the old value can say")
async def rules_see_transitions(server: Server) -> None:
    assert (await server.make("one", {"target": "a"})).status == 201
    assert (await server.patch("one", {"spec": {"nsg": "b"}})).status == 200
    moved = await server.patch("one", {"spec": {"target": "b"}})
    assert moved.status == 422
    assert 'spec.target: Invalid value: "b": cannot change' in moved.body["message"]


@check("a malformed object is told so, and that its rules were not looked at")
async def rules_wait_for_the_schema(server: Server) -> None:
    await refused(server, {"rules": "x"}, "spec.rules in body must be of type array", "rules were not checked")

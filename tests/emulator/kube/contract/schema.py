"""What the schema of a custom resource refuses, and in which words."""

from tests.emulator.kube.contract.core import Server, check, refused
from tests.emulator.kube.contract.gadgets import GROUP, KIND, gadget


@check("a wrong type is refused by name")
async def types_are_checked(server: Server) -> None:
    await refused(
        server,
        {"rules": "no list"},
        'spec.rules: Invalid value: "string": spec.rules in body must be of type array: "string"',
    )


@check("a refusal names every wrong field, for people and for programs")
async def refusals_name_fields(server: Server) -> None:
    made = await refused(
        server,
        {"rules": [{"name": "r1", "priority": 5000}, {"name": "r2", "priority": 1}]},
        f'{KIND}.{GROUP} "bad" is invalid: [',
        "spec.rules[0].priority: Invalid value: 5000: ",
        "spec.rules[0].priority in body should be less than or equal to 4096",
        "spec.rules[1].priority: Invalid value: 1: ",
        "spec.rules[1].priority in body should be greater than or equal to 100",
    )
    causes = {item["field"]: item["reason"] for item in made.body["details"]["causes"]}
    assert causes["spec.rules[0].priority"] == "FieldValueInvalid"


@check("enumerations tell what they know")
async def enums_are_checked(server: Server) -> None:
    await refused(
        server, {"mode": "Maybe"}, 'spec.mode: Unsupported value: "Maybe": supported values: "Alert", "Enforce"'
    )


@check("patterns and lengths are checked, lengths in characters")
async def strings_are_checked(server: Server) -> None:
    await refused(server, {"rules": [{"name": "A B"}]}, "spec.rules[0].name in body should match '^[a-z0-9-]+$'")
    await refused(server, {"nsg": ""}, "spec.nsg in body should be at least 1 chars long")
    await refused(server, {"nsg": "x" * 21}, "spec.nsg: Too long: may not be more than 20 ")
    assert (await server.make("umlauts", {"nsg": "ü" * 20})).status == 201


@check("a line's end is not the text's end in a pattern")
async def patterns_end_at_the_end(server: Server) -> None:
    await refused(server, {"rules": [{"name": "a\n"}]}, "should match")


@check("bounds of lists and maps are checked")
async def sizes_are_checked(server: Server) -> None:
    rules = [{"name": f"r{at}"} for at in range(5)]
    await refused(server, {"rules": rules}, "spec.rules: Too many: 5: must have at most 4 items")
    await refused(server, {"tags": dict.fromkeys("abcd", "x")}, "spec.tags: Too many: 4: must have at most 3 items")


@check("times are checked")
async def formats_are_checked(server: Server) -> None:
    await refused(server, {"until": "tomorrow"}, 'spec.until in body must be of type date-time: "tomorrow"')
    assert (await server.make("good", {"until": "2026-12-01T00:00:00Z"})).status == 201


@check("required fields are required")
async def required_is_checked(server: Server) -> None:
    await refused(server, {"rules": [{"priority": 200}]}, "spec.rules[0].name: Required value")


@check("two rules of one name are refused")
async def duplicates_in_list_maps(server: Server) -> None:
    made = await refused(
        server, {"rules": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "spec.rules[2]: Duplicate value"
    )
    assert made.body["details"]["causes"][0]["reason"] == "FieldValueDuplicate"


@check("a set holds a value once")
async def duplicates_in_sets(server: Server) -> None:
    await refused(server, {"ids": ["a", "b", "a"]}, 'spec.ids[2]: Duplicate value: "a"')


@check("alternatives exclude each other")
async def one_of_is_checked(server: Server) -> None:
    await refused(server, {"either": {"a": "1", "b": "2"}}, "must validate one and only one schema (oneOf)")
    assert (await server.make("good", {"either": {"a": "1"}})).status == 201


@check("a port is a number or a name")
async def int_or_string(server: Server) -> None:
    assert (await server.make("one", {"port": 22})).status == 201
    assert (await server.make("two", {"port": "ssh"})).status == 201
    await refused(server, {"port": True}, "spec.port in body must be of type integer,string")


@check("defaults are stored, also inside lists")
async def defaults_are_filled_in(server: Server) -> None:
    made = await server.make("one", {"rules": [{"name": "r1"}]})
    assert made.body["spec"]["mode"] == "Alert"
    assert made.body["spec"]["rules"] == [{"name": "r1", "priority": 100}]


@check("null is a value only where the schema says so")
async def nulls_are_handled(server: Server) -> None:
    made = await server.make("one", {"mode": None, "note": None})
    assert made.body["spec"]["mode"] == "Alert", "a null gives way to the default"
    assert made.body["spec"]["note"] is None
    made = await server.make("two", {"until": None, "rules": [{"name": "r", "access": None}], "tags": {"a": None}})
    assert made.body["spec"]["rules"] == [{"name": "r", "priority": 100}], "any other null is as if it were not there"
    assert made.body["spec"]["tags"] == {}
    assert "until" not in made.body["spec"]
    await refused(server, {"nsg": None}, "spec.nsg: Required value")
    await refused(server, {"rules": [None]}, 'spec.rules[0] in body must be of type object: "null"')


@check("unknown fields are dropped with a warning, or refused on demand")
async def unknown_fields(server: Server) -> None:
    made = await server.make("one", {"typo": 1})
    assert "typo" not in made.body["spec"]
    assert 'unknown field \\"spec.typo\\"' in made.headers.get("Warning", "")
    strict = await server.ask("POST", f"{server.gadgets}?fieldValidation=Strict", gadget("two", {"typo": 1}))
    assert strict.status == 400
    assert 'unknown field "spec.typo"' in strict.body["message"]


@check("a patch is judged as strictly as a create")
async def patches_are_checked(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", {"spec": {"mode": "Maybe"}})
    assert patched.status == 422
    assert "spec.mode: Unsupported value" in patched.body["message"]

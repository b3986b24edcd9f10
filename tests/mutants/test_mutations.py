"""How lines of mutants are named, on which the list of equivalent mutants depends."""

from tests.mutants.functions import MODULE, enclosing, functions

SOURCE = """\
LIMIT = 1


class Box:
    size: int = 2

    @property
    def area(self) -> int:
        return self.size


def outer() -> int:
    def inner() -> int:
        return 3

    return inner()
"""


def test_a_line_belongs_to_the_innermost_function() -> None:
    # An entry of equivalent.toml names the function; a method of the same name elsewhere must not match.
    scopes = functions(SOURCE)
    lines = {1: MODULE, 5: "Box", 7: "Box.area", 9: "Box.area", 12: "outer", 14: "outer.inner", 16: "outer"}
    assert {line: enclosing(scopes, line).name for line in lines} == lines

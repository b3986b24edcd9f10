"""Permissions: which Azure actions an assignment grants, and that the example roles grant what is needed."""

import json
from pathlib import Path

import pytest

from nsg_baseline.core.permissions import ENFORCE, READ, WATCH, WRITE, Grant, missing

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("actions", "not_actions", "granted"),
    [
        pytest.param(["*"], [], True, id="an owner"),
        pytest.param(["*/read"], [], True, id="a reader"),
        pytest.param(["Microsoft.Network/*/read"], [], True, id="within"),
        pytest.param(["microsoft.network/NETWORKSECURITYGROUPS/Read"], [], True, id="case means nothing"),
        pytest.param([WRITE], [], False, id="another action"),
        pytest.param(["Microsoft.Network/networkSecurityGroups"], [], False, id="a part of its name"),
        pytest.param(["MicrosoftXNetwork/networkSecurityGroups/read"], [], False, id="a dot is a dot"),
        pytest.param(["*"], ["Microsoft.Network/*"], False, id="taken back"),
        pytest.param([], [], False, id="nothing"),
    ],
)
def test_an_assignment_grants_an_action(actions: list[str], not_actions: list[str], *, granted: bool) -> None:
    assert Grant(tuple(actions), tuple(not_actions)).allows(READ) is granted


def test_not_actions_do_not_deny_what_another_assignment_grants() -> None:
    # notActions are not a denial: Azure adds up assignments.
    contributor = Grant(("*",), ("Microsoft.Network/*",))
    assert missing([contributor], [READ]) == (READ,)
    assert missing([contributor, Grant((READ,))], [READ]) == ()


@pytest.mark.parametrize(("file", "wanted"), [("azure-role-watch.json", WATCH), ("azure-role-enforce.json", ENFORCE)])
def test_the_example_roles_contain_exactly_the_needed_actions(file: str, wanted: tuple[str, ...]) -> None:
    # One action more is an unneeded privilege; with one action less, the operator fails later.
    role = json.loads((EXAMPLES / file).read_text())
    assert sorted(role["Actions"]) == sorted(wanted)
    assert role["NotActions"] == []

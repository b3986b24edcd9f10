"""Which of Azure's actions are granted: wildcards, what is taken back, and the roles that the project hands out."""

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
def test_what_an_assignment_grants(actions: list[str], not_actions: list[str], *, granted: bool) -> None:
    assert Grant(tuple(actions), tuple(not_actions)).allows(READ) is granted


def test_what_one_assignment_takes_back_another_may_grant() -> None:
    # notActions are no denial: Azure adds up assignments.
    contributor = Grant(("*",), ("Microsoft.Network/*",))
    assert missing([contributor], [READ]) == (READ,)
    assert missing([contributor, Grant((READ,))], [READ]) == ()


@pytest.mark.parametrize(("file", "wanted"), [("azure-role-watch.json", WATCH), ("azure-role-enforce.json", ENFORCE)])
def test_the_roles_hold_exactly_what_is_needed(file: str, wanted: tuple[str, ...]) -> None:
    # One more is a right that nobody needs, one less a watch that fails at three in the morning.
    role = json.loads((EXAMPLES / file).read_text())
    assert sorted(role["Actions"]) == sorted(wanted)
    assert role["NotActions"] == []

"""Holds the list of equivalent mutants against the source."""

from tests.mutants.equivalents import Equivalent, case_only, equivalents
from tests.mutants.functions import functions, text
from tests.mutants.parts import PACKAGE, PARTS
from tests.mutants.workspace import CHECKOUT


def _matches_source(entry: Equivalent) -> bool:
    source = (CHECKOUT / PACKAGE / entry.module).read_text()
    lines = source.splitlines()
    bodies = (text(lines[item.first - 1 : item.last]) for item in functions(source) if item.name == entry.function)
    return any(entry.line in body for body in bodies)


def test_equivalent_mutants_match_the_source() -> None:
    # An entry for a line that was edited excuses no mutant any more, and its reason may be wrong by now.
    outdated = [entry for entry in equivalents() if not _matches_source(entry)]
    assert outdated == [], "judge these mutants again: the line is not in the function any more"


def test_equivalent_mutants_have_a_reason_and_belong_to_a_part() -> None:
    # The reason is the only evidence that nothing differs; outside the parts no run would use the entry.
    sources = {path for part in PARTS.values() for path in part.source_files(CHECKOUT)}
    for entry in equivalents():
        assert entry.reason.strip(), entry
        assert entry.mutated, entry
        assert entry.line not in entry.mutated, entry
        assert PACKAGE / entry.module in sources, entry


def test_modules_without_regard_to_case_have_a_reason_and_belong_to_a_part() -> None:
    # In a module that is named by mistake, a wrong letter would not count.
    sources = {path for part in PARTS.values() for path in part.source_files(CHECKOUT)}
    for entry in case_only():
        assert entry.reason.strip(), entry
        assert PACKAGE / entry.module in sources, entry
        assert entry.covers(entry.module, "a = 'Tcp'", "a = 'TCP'")
        assert not entry.covers(entry.module, "a = 'Tcp'", "a = 'XXTcpXX'")


def test_the_parts_exist_and_do_not_overlap() -> None:
    # A file in two parts would be judged twice, by different tests.
    sources = [path for part in PARTS.values() for path in part.source_files(CHECKOUT)]
    assert len(sources) == len(set(sources))
    assert all(part.test_files(CHECKOUT) for part in PARTS.values())


def test_the_core_without_the_traffic_algebra_is_judged() -> None:
    # A new module of the core must not be left out by accident.
    judged = {path for part in PARTS.values() for path in part.source_files(CHECKOUT)}
    core = {
        path.relative_to(CHECKOUT)
        for path in (CHECKOUT / PACKAGE / "core").rglob("*.py")
        if "traffic" not in path.parts and len(path.read_text().splitlines()) > 1
    }
    assert core <= judged, "add the new module to a part in tests/mutants/parts.py"

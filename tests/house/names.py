"""Counts local names that do not say what their value is: `python -m tests.house.names [PATHS]`.

A local name is one name in one scope: a parameter, a local variable, a loop variable, a comprehension target, or a
private attribute of `self`. A name that is bound several times in a scope counts once, at its first binding. `self`,
`cls` and `_` are not counted.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("operator", "emulator", "tests", "benchmarks")
LIMIT = 0.005

FILLERS: Mapping[str, str] = {
    "behind": "a position; name the value, such as `stale` or `backlog`",
    "each": "a quantifier; name the element, such as `rule`",
    "found": "how the value was obtained; name the value, such as `incident` or `match`",
    "got": "how the value was obtained; name the value, such as `response`",
    "held": "means blocked, stored and owned; use the term of the glossary",
    "here": "a place that only the author sees; name the value",
    "known": "how the value was obtained; name the value, such as `stored` or `baseline_ids`",
    "lacking": "name the values, such as `missing_rules`",
    "mark": "has no fixed meaning; use `revision`, `cursor`, `digest` or the like",
    "mine": "depends on the reader's position; name the side, such as `approved` or `own_lease`",
    "one": "a quantifier; name the element, such as `rule`",
    "ones": "a quantifier; name the elements, such as `rules`",
    "ours": "depends on the reader's position; name the side, such as `approved`",
    "something": "a pronoun; name the value",
    "theirs": "depends on the reader's position; name the side, such as `live`",
    "them": "a pronoun; name the values",
    "these": "a pronoun; name the values",
    "thing": "says nothing; name the value",
    "things": "says nothing; name the values",
    "this": "a pronoun; name the value",
    "those": "a pronoun; name the values",
    "told": "means notified, configured and reported; use the term of the glossary",
    "what": "a pronoun; name the value, such as `change` or `subject`",
    "which": "a pronoun; name the value",
    "whom": "a pronoun; name the value, such as `recipient`",
}

type_of_scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class LocalName:
    """One local name: its file, the line of its first binding, and the name without leading underscores."""

    path: Path
    line: int
    name: str

    @property
    def is_filler(self) -> bool:
        """Whether the name is in the list of fillers."""
        return self.name in FILLERS


def local_names(path: Path) -> list[LocalName]:
    """Return the local names of a Python file, in the order of their lines.

    Raises:
        SyntaxError: the file is not valid Python.
    """
    tree = ast.parse(path.read_bytes(), filename=str(path))
    lines: dict[tuple[int, str], int] = {}
    for scope, name, line in _bindings(tree):
        if name not in {"self", "cls", "_"}:
            lines[scope, name] = min(line, lines.get((scope, name), line))
    names = (LocalName(path, line, name.strip("_")) for (_, name), line in lines.items())
    return sorted(names, key=lambda local: (local.line, local.name))


def _bindings(tree: ast.Module) -> Iterator[tuple[int, str, int]]:
    """Yield scope, name and line of each binding below module level, and of private attributes."""
    pending: list[tuple[ast.AST, ast.AST]] = [(tree, tree)]
    while pending:
        node, scope = pending.pop()
        if isinstance(node, type_of_scope):
            scope = node
        elif isinstance(node, ast.comprehension):
            yield from ((id(node), name.id, name.lineno) for name in _targets(node.target))
        if isinstance(scope, type_of_scope):
            yield from ((id(scope), name, line) for name, line in _binding(node))
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            yield from ((id(scope), name.id, name.lineno) for name in _targets(node.target))
        if isinstance(node, (ast.For, ast.AsyncFor)) or not isinstance(node, ast.comprehension):
            pending.extend((child, scope) for child in reversed(list(ast.iter_child_nodes(node))))
        else:
            pending.extend((child, scope) for child in (node.iter, *node.ifs))


def _binding(node: ast.AST) -> Iterator[tuple[str, int]]:
    match node:
        case ast.arg(arg=name, lineno=line):
            yield name, line
        case ast.Name(id=name, ctx=ast.Store(), lineno=line):
            yield name, line
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store(), lineno=line) if name.startswith("_"):
            yield name, line
        case ast.ExceptHandler(name=str(name), lineno=line) | ast.MatchAs(name=str(name), lineno=line):
            yield name, line
        case _:
            return


def _targets(target: ast.expr) -> Iterator[ast.Name]:
    return (node for node in ast.walk(target) if isinstance(node, ast.Name))


def python_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the Python files at and below the paths, sorted; recorded data is left out."""
    for path in paths:
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        yield from (file for file in files if "data" not in file.relative_to(path).parts)


def folder_of(path: Path) -> str:
    """Return the folder by which shares are counted, such as `operator/nsg_baseline/core` or `tests/azure`."""
    parts = path.resolve().relative_to(ROOT).parts[:-1]
    depth = 3 if parts and parts[0] in {"operator", "emulator"} else 2
    return "/".join(parts[:depth])


def share(names: Iterable[LocalName]) -> float:
    """Return the fillers among the names, as a fraction."""
    fillers = [local.is_filler for local in names]
    return sum(fillers) / max(len(fillers), 1)


def by_folder(names: Iterable[LocalName]) -> dict[str, list[LocalName]]:
    """Return the names of each folder, folders sorted."""
    folders: dict[str, list[LocalName]] = {}
    for local in names:
        folders.setdefault(folder_of(local.path), []).append(local)
    return dict(sorted(folders.items()))


def main(arguments: list[str]) -> int:
    """Print each filler name and the share of each folder; return 1 if the share of all exceeds the limit."""
    paths = [Path(argument).resolve() for argument in arguments] or [ROOT / folder for folder in FOLDERS]
    names = [local for file in python_files(paths) for local in local_names(file)]
    for local in names:
        if local.is_filler:
            print(f"{local.path.relative_to(ROOT)}:{local.line}: {local.name}: {FILLERS[local.name]}")
    for folder, members in by_folder(names).items():
        print(f"{folder}: {share(members):.2%} of {len(members)}")
    print(f"all: {share(names):.2%} of {len(names)} (limit {LIMIT:.1%})")
    return int(share(names) > LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

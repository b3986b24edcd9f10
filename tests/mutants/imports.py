"""Which modules depend on a module, directly or not, so that the others are imported once for all mutants."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOTS = ("operator", "emulator", ".")


def dependents(tree: Path, path: Path) -> set[str]:
    """Return the names of the module in `path` and of all modules that import it, directly or not."""
    imports = {module: {*_imports(tree / file), *_with_packages([module])} for module, file in _modules(tree)}
    stale = {module for module, file in _modules(tree) if file == path}
    while more := {module for module, names in imports.items() if names & stale} - stale:
        stale |= more
    return stale


def _modules(tree: Path) -> Iterator[tuple[str, Path]]:
    for folder, pattern in (("operator", "**/*.py"), ("emulator", "**/*.py"), (".", "tests/**/*.py")):
        for file in (tree / folder).glob(pattern):
            name = ".".join(file.relative_to(tree / folder).with_suffix("").parts)
            yield name.removesuffix(".__init__"), file.relative_to(tree)


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from _with_packages(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _with_packages([node.module])
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _with_packages(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))

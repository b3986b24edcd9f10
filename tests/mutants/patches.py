"""Puts a mutant into a module that is imported already, by the code of the one function that it changes.

This is the same as an import of the mutated file if nothing has run the function so far.
"""

import ast
import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

from tests.mutants.forks import NOT_PATCHED, OUTCOMES

CANNOT_PATCH = next(code for code, outcome in OUTCOMES.items() if outcome == NOT_PATCHED)


@dataclass(frozen=True)
class Body:
    """The statements of a function of a module or class, with its qualified name."""

    name: str
    first: int
    last: int


def body(source: str, first: int, last: int) -> Body | None:
    """Return the outermost body around lines; None if they are a signature, a decorator or outside of all functions."""
    for item in _outermost(ast.parse(source), ""):
        if item.first <= first and last <= item.last:
            return item
    return None


def _outermost(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Body]:
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and child.body[0].lineno > child.lineno:
            yield Body(f"{prefix}{child.name}", child.body[0].lineno, child.end_lineno or child.lineno)
        elif isinstance(child, ast.ClassDef):
            yield from _outermost(child, f"{prefix}{child.name}.")


class Functions:
    """The functions in memory. Search them before the garbage collector freezes them: then it does not list them."""

    def __init__(self) -> None:
        self._functions: defaultdict[tuple[str, str], list[FunctionType]] = defaultdict(list)
        for item in gc.get_objects():
            if isinstance(item, FunctionType):
                self._functions[item.__code__.co_filename, item.__code__.co_qualname].append(item)

    def patch(self, job: Mapping[str, object]) -> bool:
        """Give the function `function` of the file `path` its code in `source`; tell whether that was possible."""
        path, name = str(Path(str(job["path"])).resolve()), str(job["function"])
        codes = list(_codes(compile(str(job["source"]), path, "exec", dont_inherit=True), name))
        functions = self._functions[path, name]
        if len(codes) != 1 or len(functions) != 1 or functions[0].__code__.co_freevars != codes[0].co_freevars:
            return False
        functions[0].__code__ = codes[0]
        return True


def _codes(code: CodeType, name: str) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                yield constant
            yield from _codes(constant, name)

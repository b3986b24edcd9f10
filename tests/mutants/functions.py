"""Names of functions, and their text without the layout."""

import ast
from dataclasses import dataclass

MODULE = "<module>"


@dataclass(frozen=True)
class Function:
    """A function or class of a module, with its first and last line."""

    name: str
    first: int
    last: int


def functions(source: str) -> list[Function]:
    """Return all functions and classes of a module, the outer before the inner; first of all the module."""
    module = Function(MODULE, 1, source.count("\n") + 1)
    return [module, *_inner(ast.parse(source), "")]


def _inner(node: ast.AST, prefix: str) -> list[Function]:
    functions: list[Function] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{prefix}{child.name}"
            first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
            functions.append(Function(name, first, child.end_lineno or first))
            functions.extend(_inner(child, f"{name}."))
        else:
            functions.extend(_inner(child, prefix))
    return functions


def enclosing(functions: list[Function], line: int) -> Function:
    """Return the innermost function or class around a line."""
    return min((item for item in functions if item.first <= line <= item.last), key=lambda item: item.last - item.first)


def text(lines: list[str]) -> str:
    """Return lines without indentation and line ends, so that an entry fits on one line."""
    return " ".join(stripped for line in lines if (stripped := line.strip()))

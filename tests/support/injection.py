"""Exceptions in chosen functions of the operator, and the functions that a task and its subtasks call."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from typing_extensions import override

import nsg_baseline

ROOT = Path(nsg_baseline.__file__).parent
_OBSERVED: ContextVar[bool] = ContextVar("observed", default=False)
"""Whether the current task belongs to the operator and not to the test."""


class Function(NamedTuple):
    """A function of the operator: its file below the package, and its qualified name."""

    file: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.name}"


def function_of(code: CodeType) -> Function | None:
    """Return the function of a code object; None for other packages, for lambdas and for generated code."""
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT) or code.co_name.startswith("<"):
        return None
    return Function(path.relative_to(ROOT).as_posix(), code.co_qualname)


def observed_task(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Start a task whose calls, and those of the tasks that it starts, are observed."""
    context = copy_context()
    context.run(_OBSERVED.set, True)
    return asyncio.create_task(work, context=context)


@contextmanager
def recorded_calls(*folders: str) -> Iterator[set[Function]]:
    """Collect the functions in some folders of the package that observed tasks call in the block."""
    functions: dict[CodeType, Function | None] = {}

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code not in functions and _OBSERVED.get():
            functions[frame.f_code] = function_of(frame.f_code)

    calls: set[Function] = set()
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        called = (function for function in functions.values() if function is not None)
        calls |= {function for function in called if function.file.partition("/")[0] in folders}


@dataclass(slots=True)
class Injection:
    """Makes the first call of a function by an observed task fail. `fired`: whether it was called."""

    function: Function
    fired: bool = False
    _codes: dict[CodeType, bool] = field(default_factory=dict)

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Wait for the call in the block."""
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or self.fired or not self._is_meant(frame.f_code) or not _OBSERVED.get():
            return
        self.fired = True
        # An exception of a profile function is raised by the call.
        sys.setprofile(None)
        raise RuntimeError("injected")

    def _is_meant(self, code: CodeType) -> bool:
        if code not in self._codes:
            self._codes[code] = function_of(code) == self.function
        return self._codes[code]

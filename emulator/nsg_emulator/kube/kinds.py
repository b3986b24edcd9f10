"""The description of a resource type."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from .shapes import Obj


@dataclass(frozen=True, slots=True)
class Fault:
    """One invalid field: its path, the reason of the Status cause, and the message after the path."""

    path: str
    reason: str
    words: str

    @override
    def __str__(self) -> str:
        return f"{self.path}: {self.words}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a kind's table, as a CRD's `additionalPrinterColumns` declares it."""

    name: str
    path: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""
    value: Callable[[Obj], Any] | None = None
    """Computes the cell if a path cannot express it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One served resource type in one version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    schema: Obj | None = None
    singular: str = ""
    fields: tuple[str, ...] = ()
    """Field selectors in addition to `metadata.name` and `metadata.namespace`."""
    check: Callable[[Obj], list[Fault]] | None = None
    """Checks that the schema cannot express."""
    prepare: Callable[[Obj], Obj] | None = None
    """Sets the fields that the server sets before validation."""
    holds: Callable[[Obj], bool] | None = None
    """Whether a deleted object must be kept for another reason than its finalizers."""
    generations: bool = False
    """Whether `metadata.generation` counts the changes of the spec."""
    locked: bool = False
    """Whether a replace must contain the resourceVersion."""
    custom: bool = False
    """Whether a CRD defines the kind: no strategic merge patch, fields pruned by the schema."""

    @property
    def api_version(self) -> str:
        """`group/version`; only the version in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def title(self) -> str:
        """The resource as error messages name it: `plural.group`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        """The kind as validation messages name it: `Kind.group`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def root(self) -> str:
        """The path of the group version: `api/v1` or `apis/group/version`."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"


AGE = Column("Age", ".metadata.creationTimestamp", "age")
"""The age column of the built-in kinds, as text."""

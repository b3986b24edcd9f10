"""Guardrails from files, and the violations of NSGs and baselines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

import click

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.common import Severity
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject, read
from nsg_baseline.cli.failure import Failure, fail_if
from nsg_baseline.cli.sources import documents_of
from nsg_baseline.cli.text_files import reject_second_stdin
from nsg_baseline.cli.yaml_files import Document
from nsg_baseline.core.assignment import scope_of
from nsg_baseline.core.guardrails import (
    Guardrail,
    NSGFacts,
    Violation,
    applying,
    approved_facts,
    approved_violations,
    compiled,
    violations,
)
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.severity import worst
from nsg_baseline.core.traffic.tags import TagTable

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class CheckedNSG:
    """An NSG, or a baseline for it, and its violations. `baseline` is namespace and name."""

    nsg: NSGId
    violations: tuple[Violation, ...]
    baseline: str | None = None

    @property
    def severity(self) -> Severity | None:
        """The highest severity; None without violations."""
        return worst(violation.severity for violation in self.violations)


@dataclass(frozen=True, slots=True)
class GuardrailFiles:
    """The guardrails and scopes of some files, and the document of each guardrail by its name."""

    guardrails: tuple[Guardrail, ...] = ()
    scopes: tuple[NSGScope, ...] = ()
    documents: Mapping[str, Document] | None = None

    def place(self, violation: Violation) -> tuple[str, int]:
        """Return the file and line of the violated clause."""
        document = (self.documents or {})[violation.guardrail]
        return document.file, document.line(f"spec.{violation.clause}")

    def of_live(
        self, nsg: LiveNSG, now: datetime, tags: TagTable | None, approved: BaselineSpec | None = None
    ) -> CheckedNSG:
        """Return the violations of a live NSG; `approved` is its baseline, if it has one."""
        approved_tags = (approved.tags if approved is not None else None) or {}
        facts = NSGFacts(nsg.id, self._scope(nsg.id), nsg.tags, approved_tags)
        return CheckedNSG(nsg.id, violations(applying(self.guardrails, facts, now), nsg.rules, tags))

    def of_baseline(
        self, spec: BaselineSpec, now: datetime, tags: TagTable | None, name: str | None = None
    ) -> CheckedNSG:
        """Return the violations by the rules that a baseline approves."""
        nsg = NSGId.parse(spec.target.resource_id)
        guardrails = applying(self.guardrails, approved_facts(spec, self._scope(nsg)), now)
        return CheckedNSG(nsg, approved_violations(guardrails, spec, now, tags), name)

    def _scope(self, nsg: NSGId) -> str | None:
        """Return the name of an NSG's scope; None if the files contain no scope of it."""
        scope = scope_of(nsg, self.scopes)
        return scope.metadata.name if scope is not None else None


def read_guardrails(files: Sequence[str]) -> GuardrailFiles:
    """Read the NSGGuardrails and NSGScopes in files and folders. Objects of other kinds are skipped.

    Raises:
        Failure: an object is invalid, two guardrails have one name, or there is no guardrail.
    """
    resources: list[tuple[NSGGuardrail | NSGScope, Document]] = []
    invalid: list[str] = []
    for document in documents_of(files):
        kind = _KINDS.get(str(document.value.get("kind"))) if isinstance(document.value, Mapping) else None
        if kind is not None:
            try:
                resources.append((read(kind, document.value), document))
            except InvalidObject as error:
                invalid += [f"{document.at(problem.field)}: {problem}" for problem in error.problems]
    fail_if(invalid)
    guardrails = [(item, document) for item, document in resources if isinstance(item, NSGGuardrail)]
    if not guardrails:
        raise Failure(f"{', '.join(files)}: contains no NSGGuardrail; pass a file or folder with guardrails")
    documents: dict[str, Document] = {}
    for guardrail, document in guardrails:
        first = documents.setdefault(guardrail.metadata.name, document)
        if first is not document:
            raise Failure(f"{document.at('metadata.name')}: this guardrail is already defined at {first.at()}")
    return GuardrailFiles(
        tuple(compiled(guardrail.metadata.name, guardrail.spec) for guardrail, _ in guardrails),
        tuple(item for item, _ in resources if isinstance(item, NSGScope)),
        documents,
    )


def guardrail_option(command: F) -> Callable[..., Any]:
    """Add -g to a command, which receives the guardrails as `guardrails`; None without the option.

    A second - among all inputs of the command is rejected.
    """

    @click.option(
        "-g",
        "--guardrails",
        "guardrail_files",
        metavar="PATH",
        multiple=True,
        help="Guardrails: YAML or JSON files, folders, or - for standard input. NSGScopes in them decide which NSGs "
        "belong to which scope.",
    )
    @wraps(command)
    def with_guardrails(*args: Any, guardrail_files: tuple[str, ...], **kwargs: Any) -> Any:
        reject_second_stdin(*guardrail_files, *_inputs(kwargs))
        guardrails = read_guardrails(guardrail_files) if guardrail_files else None
        return command(*args, guardrails=guardrails, **kwargs)

    return with_guardrails


def _inputs(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield the input files among the arguments of a command."""
    yield from (arguments[name] for name in ("old", "new") if name in arguments)
    yield from arguments.get("files", ())
    yield from arguments.get("live_files", ())


_KINDS: Mapping[str, type[NSGGuardrail] | type[NSGScope]] = {"NSGGuardrail": NSGGuardrail, "NSGScope": NSGScope}

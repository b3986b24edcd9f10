"""Templates of a route: they are checked when the route is read, and rendered for each message by the sender."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import structlog

from nsg_baseline.alerts import channels as shared
from nsg_baseline.alerts.channels import Permissions
from nsg_baseline.alerts.formats import standard_paragraphs
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.pending import route_name
from nsg_baseline.alerts.sender.client import Turn
from nsg_baseline.alerts.sender.protocol import Answer, Failure, Render, Rendered
from nsg_baseline.alerts.written_text import TITLE_LENGTH, written_lines, written_title
from nsg_baseline.api.incident import IncidentSpec, IncidentStatus
from nsg_baseline.api.message_templates import MessageTemplates
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.conditions import ConditionState, not_ready
from nsg_baseline.core.text.phrasing import cut

RENDER_SECONDS = 4.0
"""The deadline of the templates of a message in seconds. It is part of the time for which an orderly stop waits."""
_ENVELOPE = ("schema", "event", "severity", "incidents", "namespace", "name")
_LIMITS: Mapping[Failure, str] = {
    "deadline": f"takes more than {RENDER_SECONDS:.0f} s",
    "killed": "takes more CPU time or memory than a template may use, or its process was killed",
}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Results:
    """The results of templates by name, and what is wrong with those that have none.

    `is_final` says whether another attempt has the same results.
    """

    texts: Mapping[str, str]
    problems: tuple[str, ...]
    is_final: bool = True


@dataclass(slots=True)
class RouteTemplates:
    """The templates of one route.

    Attributes:
        problem: What is wrong with them; empty if they can be used.
        failure: Why the last message has the built-in form; empty if it has the form of the templates.
    """

    problem: str = ""
    failure: str = ""
    _checked: MessageTemplates | None = None
    _applied: MessageTemplates | None = None

    async def check(self, route: NSGAlertRoute, permissions: Permissions) -> None:
        """Check the templates of a route that were not checked before."""
        templates = route.spec.templates
        if templates != self._applied:
            self.failure = ""
        if templates == self._checked:
            return
        self.problem, self._checked = "", None
        if templates is None:
            return
        async with shared.SENDER.turn(permissions.namespace, is_operator=permissions.is_operator) as turn:
            results = await rendered(turn, templates)
        self.problem = "; ".join(results.problems)
        if results.is_final:
            self._checked = templates

    async def apply(self, turn: Turn, route: NSGAlertRoute, message: AlertMessage) -> AlertMessage:
        """Return a message with the title and the body of the templates; what fails keeps its built-in form."""
        templates = route.spec.templates
        if templates is None:
            return message
        results = await rendered(turn, templates, message)
        self._applied = templates
        self.failure = "; ".join(results.problems)
        if self.failure:
            log.warning("template failed", route=route_name(route), message=message.key, problem=self.failure)
        return with_results(message, results)

    def condition(self) -> ConditionState | None:
        """Return the Ready condition of a route whose templates cannot be used, or whose last message failed."""
        if self.problem:
            return not_ready("InvalidTemplate", f"{self.problem}; messages have the built-in form")
        if self.failure:
            return not_ready("TemplateFailed", f"{self.failure}; the last message has the built-in form")
        return None


async def rendered(turn: Turn, templates: MessageTemplates, message: AlertMessage | None = None) -> Results:
    """Render templates for a message, or check them without one."""
    sources = {name: source for name, source in _sources(templates) if source is not None}
    ask = Render(sources, alert_fields(), seconds=RENDER_SECONDS)
    if message is not None:
        ask = Render(sources, alert_fields(), message.payload, _standard(message), RENDER_SECONDS)
    answer, parts = await turn.render(ask)
    return _results(sources, answer, parts)


def with_results(message: AlertMessage, results: Results) -> AlertMessage:
    """Return a message with the results of templates, and a note about each template that failed."""
    title, body = results.texts.get("title"), results.texts.get("body")
    if title is not None:
        message = replace(message, title=cut(written_title(title), TITLE_LENGTH))
    if body is not None:
        message = replace(message, text=written_lines(body))
    notes = tuple(f"A template of the route failed: {problem}" for problem in results.problems)
    if message.text:
        notes_text = written_lines("\n".join(["", *notes])) if notes else ()
        return replace(message, text=message.text + notes_text)
    return replace(message, facts=message.facts + notes)


def _sources(templates: MessageTemplates) -> Iterable[tuple[str, str | None]]:
    return ("title", templates.title), ("body", templates.body)


def _standard(message: AlertMessage) -> Mapping[str, Any]:
    """Return the parts of the built-in message for a template."""
    lines = "\n\n".join(standard_paragraphs(message)).split("\n")
    values = {"title": message.title, "lines": lines, "link": message.link, "key": message.key}
    return {name: value for name, value in values.items() if value is not None}


def _results(sources: Iterable[str], answer: Answer, parts: Iterable[Rendered]) -> Results:
    pieces: dict[str, list[str]] = {}
    complete: dict[str, str] = {}
    problems: dict[str, str] = {}
    for part in parts:
        pieces.setdefault(part.template, []).append(part.text)
        if part.problem:
            problems[part.template] = part.problem
        if part.is_last:
            complete[part.template] = "".join(pieces[part.template])
    reason = _LIMITS.get(answer.failure, "cannot be rendered")
    failures = {name: problems.get(name, reason) for name in sources if name not in complete}
    texts = tuple(f"spec.templates.{name}: {problem}" for name, problem in failures.items())
    return Results(complete, texts, is_final=not answer.failure)


@cache
def alert_fields() -> tuple[str, ...]:
    """Return the names of all fields that the alert JSON can have."""
    names = {
        name for model in (IncidentSpec, IncidentStatus) for name in _names(model.model_json_schema(by_alias=True))
    }
    return tuple(sorted(names | set(_ENVELOPE)))


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from schema.get("properties", ())
    for definition in schema.get("$defs", {}).values():
        yield from definition.get("properties", ())

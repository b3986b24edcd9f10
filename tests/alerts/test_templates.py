"""Templates of routes, rendered by the real sender: what they show, and that a message never depends on them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.alerts import channels, templating
from nsg_baseline.alerts.channels import parse_channels
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.formats import format_for
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.alerts.route_groups import members
from nsg_baseline.alerts.sender.client import Sender
from nsg_baseline.alerts.sender.slots import PER_NAMESPACE
from nsg_baseline.alerts.templating import Results, rendered, with_results
from nsg_baseline.alerts.written_text import Span, written_lines, written_title
from nsg_baseline.api.message_templates import MessageTemplates
from tests.alerts.test_dispatcher import RouteEnvironment
from tests.support.alert_scenarios import SCENARIOS
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats
from tests.support.golden import compare
from tests.support.providers import Providers, providers
from tests.support.sends import Listener, children
from tests.support.templates import EXHAUSTING, FAILING, REFUSED

GOLDEN = Path(__file__).parent / "golden"
SAMPLE = MessageTemplates(
    title="{{ alert.severity | upper }} in {{ incident.nsg | resource_name }}: {{ incident.changes[0].rule }}",
    body="""{% if alert.severity == "critical" %}
Call {{ "the network team" | bold }}, {{ "runbook" | link("https://wiki.example.com/nsg?scope=" ~ incident.scope) }}.
{% endif %}
{% for change in incident.changes %}
- {{ change.kind }} {{ change.rule | code }}, was {{ change.approved | default("absent") }}
{% endfor %}
{% for line in standard.lines %}
{{ line }}
{% endfor %}""",
)
OPENED = SCENARIOS["opened"]


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


@pytest.fixture(autouse=True)
def _shared_sender(monkeypatch: pytest.MonkeyPatch, sender: Sender) -> None:
    monkeypatch.setattr(channels, "SENDER", sender)
    # A busy machine must not look like a slow template.
    monkeypatch.setattr(templating, "RENDER_SECONDS", 120.0)


async def render(sender: Sender, body: str, message: AlertMessage = OPENED, title: str | None = None) -> Results:
    async with sender.turn("team-web", is_operator=False) as turn:
        return await rendered(turn, MessageTemplates(title=title, body=body), message)


async def text_of(sender: Sender, body: str, message: AlertMessage = OPENED) -> str:
    results = await render(sender, body, message)
    assert not results.problems
    return results.texts["body"]


async def test_a_template_shows_fields_of_the_alert(sender: Sender) -> None:
    assert await text_of(sender, "{{ alert.event }} {{ incident.name }} {{ incident.changeCount }}") == "Opened web-1 1"
    body = "{{ incident.nsg | resource_group }} {{ incident.nsg | subscription | truncate(11) }} {{ standard.key }}"
    assert await text_of(sender, body) == "rg-web 11111111... incident team-web/web-1 revision 1"
    body = (
        "{{ {'critical': 'P1'}[alert.severity] }}{{ alert.incidents[-1].changes[:1] | map(attribute='rule') | join }}"
    )
    assert await text_of(sender, body) == "P1open-ssh"
    body = "{% for c in incident.changes if c.approved %}x{% else %}none{% endfor %} {{ loop is defined }}"
    assert await text_of(sender, body) == "none false"


async def test_blank_lines_of_conditions_and_loops_are_removed(sender: Sender) -> None:
    body = "a  \n\n\n{% if incident.guardrail %}\nx\n{% endif %}\n\n  b\n\n"
    assert await text_of(sender, body) == "a\n\n  b"


async def test_a_value_can_neither_forge_a_line_nor_a_mark(sender: Sender) -> None:
    text = "x\n\x01lhttps://evil.example.com\x03free\x02\u202e"
    payload: dict[str, Any] = {**OPENED.payload, "incidents": [{"summary": text, "changes": [{"rule": text}]}]}
    message = AlertMessage("Opened", "high", "t", (), "k", "k", payload=payload)
    body = (
        "{{ incident.summary }}|{{ incident.summary | code }}|{% for c in incident.changes %}{{ c.rule }}{% endfor %}"
    )
    (line,) = written_lines(await text_of(sender, body, message))
    shown = r"x\n\x01lhttps://evil.example.com\x03free\x02\u202e"
    assert line == (Span(f"{shown}|"), Span(shown, "c"), Span(f"|{shown}"))


def test_a_result_that_is_not_from_a_template_is_escaped_too() -> None:
    # The sandbox is not trusted. Whatever it answers is text.
    assert written_lines("\x01b\x1b[31m\x02\x01lhttps://a.example.com/>\x03x\x02\x01ljavascript:a\x03y\x02") == (
        (Span("\\x1b[31m", "b"), Span("x"), Span("y")),
    )
    assert written_lines("\x01bcut") == ((Span("bcut"),),)
    assert written_title("a\n\x01bb\x02\t\u202ec") == "a b\\t\\u202ec"


async def test_a_long_result_is_cut(sender: Sender) -> None:
    loops = "{% for a in standard.lines %}{% for b in standard.lines %}{% for c in standard.lines %}"
    body = loops + "{{ a }}é\n" + "{% endfor %}" * 3
    text = await text_of(sender, body)
    assert len(text) == 8000
    assert text.endswith("…")
    message = with_results(OPENED, Results({"body": text}, ()))
    for scheme, length in (("slack", 3000), ("workflows", 4000), ("pagerduty", 1024), ("twilio", 160)):
        form = format_for(scheme)(message)
        assert len(form.body) <= length
        assert scheme in ("pagerduty", "twilio") or OPENED.key in form.body


async def test_a_sample_in_each_form(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    # People read these. The same template serves a chat, a mail and a pager.
    async with sender.turn("team-web", is_operator=False) as turn:
        message = with_results(OPENED, await rendered(turn, SAMPLE, OPENED))
    texts = []
    for scheme in ("mailto", "workflows", "json", "twilio"):
        form = format_for(scheme)(message)
        texts += [f"# {scheme}", f"title: {form.title}", form.body, ""]
    async for internet in _internet(monkeypatch):
        for scheme, url in (
            ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts"),
            ("pagerduty", "pagerduty://INTEGRATIONKEY@APIKEY/nsg-baseline/azure"),
        ):
            internet.requests.clear()
            assert (await parse_channels(url, allow_local=True)[0][0].send(message)).delivered
            texts += [f"# {scheme}", internet.requests[0].text(), ""]
    compare(GOLDEN / "template.txt", "\n".join(texts))


async def _internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    async with providers(monkeypatch) as internet:
        internet.answer = lambda request: (202, {}) if "pagerduty" in request.url else (200, "ok")
        yield internet


@pytest.fixture
def environment(chats: Chats) -> RouteEnvironment:
    return RouteEnvironment(chats)


async def delivered(environment: RouteEnvironment, **templates: str) -> dict[str, Any]:
    """Return the message to a channel of a route with templates."""
    environment.to = route(templates=templates)
    environment.outbox.put(environment.to)
    environment.outbox.secrets[environment.to.key] = environment.chats.urls("a")
    await environment.deliver()
    ((_, body),) = environment.chats.bodies
    return body


def is_builtin(body: dict[str, Any], problem: str) -> bool:
    """Return whether a message is the built-in one with a note."""
    is_note = "A template of the route failed: spec.templates.body: " in body["message"] and problem in body["message"]
    parts = ("Who: not known yet", "nsgb approve web -n team-web", "incident team-web/web-1 revision 1")
    return (
        is_note and all(part in body["message"] for part in parts) and body["title"].startswith("[MEDIUM] web (rg-web)")
    )


async def test_a_message_has_the_form_of_the_templates(environment: RouteEnvironment) -> None:
    body = await delivered(environment, title="{{ incident.name }}", body="Hello\n{{ incident.scope | bold }}")
    assert (body["title"], body["message"]) == ("web-1", "Hello\nproduction\n\nincident team-web/web-1 revision 1")
    # What machines read is the same with and without templates.
    assert body["key"] == "incident team-web/web-1 revision 1"
    assert body["alert"]["incidents"][0]["name"] == "web-1"
    assert environment.reason == "Delivering"


@pytest.mark.parametrize("name", ["range", "brackets", "unknown variable"])
async def test_an_invalid_template_costs_its_form_only(environment: RouteEnvironment, name: str) -> None:
    source, problem = REFUSED[name]
    assert is_builtin(await delivered(environment, body=source), problem)
    condition = environment.outbox.condition(environment.to)
    assert (condition.status, condition.reason) == ("False", "InvalidTemplate")
    assert "spec.templates.body: line 1: " in condition.message or name == "brackets"
    assert problem in condition.message
    environment.outbox.put(route())
    await environment.deliver()
    assert environment.reason == "Delivering"


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
async def test_each_invalid_template_costs_its_form_only(environment: RouteEnvironment, name: str) -> None:
    assert is_builtin(await delivered(environment, body=REFUSED[name][0]), REFUSED[name][1])
    assert environment.reason == "InvalidTemplate"


@pytest.mark.parametrize("name", FAILING)
async def test_a_template_that_fails_has_a_reason_with_its_line(sender: Sender, name: str) -> None:
    results = await render(sender, FAILING[name][0], title="still here")
    assert FAILING[name][1] in results.problems[0]
    assert results.texts == {"title": "still here"}


async def test_a_template_that_fails_costs_its_form_only(environment: RouteEnvironment) -> None:
    source, problem = FAILING["an absent field"]
    assert is_builtin(await delivered(environment, body=source), problem)
    assert environment.reason == "TemplateFailed"
    assert problem in environment.outbox.condition(environment.to).message


@pytest.mark.parametrize("name", ["memory", pytest.param("time in loops", marks=pytest.mark.slow)])
async def test_a_template_that_needs_too_much_is_ended(environment: RouteEnvironment, name: str) -> None:
    source, problem = EXHAUSTING[name]
    assert is_builtin(await delivered(environment, body=source), problem)
    assert environment.reason == "TemplateFailed"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXHAUSTING)
async def test_each_template_that_needs_too_much_is_ended(sender: Sender, name: str) -> None:
    async with asyncio.timeout(60):
        results = await render(sender, EXHAUSTING[name][0], title="still here")
    assert EXHAUSTING[name][1] in results.problems[0]
    assert results.texts == {"title": "still here"}


async def test_a_title_survives_a_body_that_fails(environment: RouteEnvironment) -> None:
    body = await delivered(environment, title="{{ incident.name }}", body="{{ incident.guardrail }}")
    assert body["title"] == "web-1"
    assert "spec.templates.body: line 1: guardrail is undefined" in body["message"]


async def test_a_template_that_works_again_makes_the_route_ready(environment: RouteEnvironment) -> None:
    template = "{% if incident.revision == 1 %}{{ incident.guardrail }}{% endif %}{{ incident.name }}"
    await delivered(environment, body=template)
    assert environment.reason == "TemplateFailed"
    environment.outbox.put(incident(revision=2, event="Updated"))
    await environment.deliver()
    assert environment.chats.bodies[-1][1]["message"].startswith("web-1\n")
    assert environment.reason == "Delivering"


async def test_an_edit_forgets_the_failure_of_the_templates_before(environment: RouteEnvironment) -> None:
    await delivered(environment, body="{{ incident.guardrail }}")
    assert environment.reason == "TemplateFailed"
    environment.outbox.put(route(templates={"body": "x"}))
    await environment.deliver()
    assert environment.reason == "Delivering"


async def test_alerts_that_machines_compare_have_no_templates(listener: Listener) -> None:
    # Alertmanager gets the same alert again each minute. A template must not be a part of it.
    outbox, to = MemoryOutbox(), route(templates={"title": "from a template", "body": "{{ incident.guardrail }}"})
    outbox.put(to, incident())
    outbox.secrets[to.key] = {"urls": f"alertmanager://127.0.0.1:{listener.port}"}
    clock = Clock()
    dispatcher = Dispatcher(outbox, clock, allow_local=True)
    await dispatcher.deliver(to, pending_deliveries(to, outbox.incidents(), OPERATOR, clock()))
    sent = [request for request in listener.requests if request.startswith("POST")]
    assert "open-ssh" in sent[0]
    assert "from a template" not in "".join(sent)
    assert outbox.condition(to).reason == "Delivering"


async def test_a_sender_that_cannot_start_costs_the_form_only(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Sender(command=("/does/not/exist",))
    results = await render(broken, "x")
    assert "its process was killed" in results.problems[0]
    assert not results.is_final
    assert with_results(OPENED, results).facts[-1].startswith("A template of the route failed: spec.templates.body: ")


@pytest.mark.slow
async def test_a_render_keeps_its_slot_until_its_process_has_ended(sender: Sender) -> None:
    # A tenant that edits its route again and again must not get a new process each time.
    source = EXHAUSTING["time in loops"][0]
    tasks = [asyncio.create_task(render(sender, source)) for _ in range(PER_NAMESPACE)]
    waiting = asyncio.create_task(render(sender, "x"))
    await asyncio.sleep(0)
    assert len(sender._pending) == PER_NAMESPACE
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0)
    assert len(sender._pending) == PER_NAMESPACE
    async with asyncio.timeout(120):
        assert (await waiting).texts == {"body": "x"}
    # It had to wait until one of the others ended.
    assert len(sender._pending) < PER_NAMESPACE


def limits_of(pid: int) -> dict[str, str]:
    """Return the limits of a process by name."""
    text = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    return {line[:26].strip(): line[26:47].strip() for line in text.splitlines()}


@pytest.mark.slow
async def test_the_process_of_a_template_opens_nothing(sender: Sender) -> None:
    # A template that leaves the sandbox finds no URL, and reaches neither a file nor the network.
    task = asyncio.create_task(render(sender, EXHAUSTING["time in loops"][0]))
    limits: dict[str, str] = {}
    while limits.get("Max open files") != "0" and not task.done():
        await asyncio.sleep(0)
        assert sender.pid is not None
        for child in children(sender.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                limits = limits_of(child)
    assert (limits["Max open files"], limits["Max file size"], limits["Max cpu time"]) == ("0", "0", "1")
    assert int(limits["Max address space"]) < 200 << 20
    await task


def test_a_group_has_its_own_templates_and_those_of_the_route() -> None:
    groups = [
        {"name": "pager", "urlsFrom": {"name": "a", "key": "k"}, "templates": {"title": "p"}},
        {"name": "chat", "urlsFrom": {"name": "a", "key": "k"}},
    ]
    main, pager, chat = members(route(templates={"title": "t", "body": "b"}, channels=groups))
    assert main.spec.templates == chat.spec.templates == MessageTemplates(title="t", body="b")
    assert pager.spec.templates == MessageTemplates(title="p", body="b")
    assert members(route(channels=groups))[2].spec.templates is None

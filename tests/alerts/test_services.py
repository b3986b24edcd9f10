"""All services of the installed Apprise: each is supported or refused, and an upgrade that changes them fails here."""

import ast
import importlib.util
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from apprise import NotifyFormat

from nsg_baseline.alerts import apprise_services
from nsg_baseline.alerts.apprise_refusals import FILE_OPTIONS, REASONS, REFUSED
from nsg_baseline.alerts.channels import parse_channels
from nsg_baseline.alerts.schemes import OWN_FORM, SCHEMES
from nsg_baseline.alerts.sender.client import Sender
from nsg_baseline.alerts.sender.plain_form import SHORT_LENGTH, plain_form
from tests.support.alert_scenarios import SCENARIOS
from tests.support.apprise_schemes import OURS, PAGE, Service, installed, page, table
from tests.support.providers import Providers, providers
from tests.support.sends import Listener, deliver, send_to

# Libraries that the plugins of supported services import, beside Apprise itself.
REVIEWED_IMPORTS = frozenset(
    {
        *("__future__", "base64", "binascii", "calendar", "collections", "contextlib", "contextvars", "copy"),
        *("cryptography", "dataclasses", "datetime", "email", "gzip", "hashlib", "hmac", "html", "io", "itertools"),
        *("json", "logging", "math", "nacl", "os", "random", "re", "requests", "requests_oauthlib", "secrets"),
        *("smtplib", "ssl", "stat", "string", "struct", "sys", "tempfile", "threading", "time", "typing", "urllib"),
        *("uuid", "xml"),
    }
)
# Modules of Apprise that open sockets, files or other URLs, with the plugins that may use them.
REVIEWED_HELPERS = {
    "utils.socket": "",
    "utils.wkd": "email",
    "utils.pgp": "email",
    "utils.pem": "vapid",
    "apprise_attachment": "bale discord email fcm instagram onebot slack telegram vapid workflows",
    "utils.templates": "discord slack telegram workflows",
}
COMMAND = "az network nsg rule delete -g rg_web --nsg-name web -n 'a*b' --note \"<x> & [y](z)\""


@pytest.fixture(scope="module")
def services() -> list[Service]:
    return list(installed())


def test_the_tables_are_those_of_the_installed_version() -> None:
    # Run `python -m tests.support.apprise_schemes` after an upgrade, and read the differences.
    assert Path(apprise_services.__file__).read_text() == table()
    assert page() == PAGE.read_text()


def test_every_service_is_supported_or_refused_with_a_reason(services: list[Service]) -> None:
    schemes = {scheme for service in services for scheme in service.schemes}
    assert schemes == (SCHEMES | set(REASONS)) - {scheme for names in OURS.values() for scheme in names.split()}
    assert not SCHEMES & set(REASONS)
    assert {service.module for service in services} == set(apprise_services.SERVICES) | set(REFUSED)


def sources(module: str) -> Iterator[ast.AST]:
    spec = importlib.util.find_spec(f"apprise.plugins.{module}")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin)
    for path in file.parent.rglob("*.py") if file.name == "__init__.py" else [file]:
        yield from ast.walk(ast.parse(path.read_text()))


def test_supported_services_import_only_what_was_reviewed(services: list[Service]) -> None:
    # A plugin of a later version could use another library, or Apprise's own sockets. The guard still refuses what is
    # dangerous; a service that it refuses belongs into the list of refusals.
    surprises = [
        f"{module}: {name}"
        for module in apprise_services.SERVICES
        for node in sources(module)
        for name in sorted(unreviewed(module, node))
    ]
    assert surprises == []


def unreviewed(module: str, node: ast.AST) -> set[str]:
    """Return what a plugin imports without a review."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names} - REVIEWED_IMPORTS
    if not isinstance(node, ast.ImportFrom):
        return set()
    base = node.module or ""
    if node.level == 0:
        return {base.partition(".")[0]} - REVIEWED_IMPORTS
    paths = {base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)}
    return {path for path in paths & set(REVIEWED_HELPERS) if module not in REVIEWED_HELPERS[path].split()}


@pytest.mark.parametrize("scheme", sorted(REASONS))
def test_a_refused_scheme_is_refused_with_its_reason(scheme: str) -> None:
    channels, (error,) = parse_channels(f"{scheme}://user:c4n4ry@localhost/a")
    assert channels == []
    assert REASONS[scheme] in error.problem
    assert "c4n4ry" not in error.problem


@pytest.mark.parametrize("option", sorted(FILE_OPTIONS))
@pytest.mark.parametrize("scheme", ["slack", "fcm", "mailto", "discord"])
def test_options_that_read_files_are_refused_by_name(scheme: str, option: str) -> None:
    for url in (f"{scheme}://a/b?{option}=/etc/c4n4ry", f"{scheme}://a/b?x=1&{option.upper()}=http://c4n4ry"):
        channels, (error,) = parse_channels(url)
        assert channels == []
        assert option in error.problem
        assert "c4n4ry" not in error.problem


def limits(services: list[Service]) -> Iterator[Any]:
    for service in services:
        plugin = service.plugin
        if isinstance(plugin.body_maxlen, int) and isinstance(plugin.title_maxlen, int):
            formats = plugin.notify_format if isinstance(plugin.notify_format, tuple) else (plugin.notify_format,)
            yield limit(plugin.body_maxlen, plugin.title_maxlen, formats)


def limit(body: int, title: int, formats: tuple[NotifyFormat, ...]) -> Any:
    """Return the part of a plugin that a plain form depends on."""
    return SimpleNamespace(body_maxlen=body, title_maxlen=title, _formats=lambda: formats)


def test_every_plain_form_is_within_the_limits_of_its_service(services: list[Service]) -> None:
    # A longer text is refused by the service, or sent as dozens of messages.
    for target in limits(services):
        for body in ("short", "x word & < > " * 6000, "\u202e\u00e4<" * 30000):
            form = plain_form(target, "t" * 1000, body)
            assert len(form.title) <= target.title_maxlen
            assert 0 < len(form.body) <= target.body_maxlen
            if target.body_maxlen < SHORT_LENGTH:
                assert form.body.isascii()


def test_a_command_arrives_as_it_is_where_a_service_takes_only_html() -> None:
    form = plain_form(limit(4096, 0, (NotifyFormat.HTML,)), "title", COMMAND)
    assert form.format == "html"
    assert form.body.startswith("<pre>title\n\naz network")
    assert "&nbsp;" not in form.body
    assert "&lt;x&gt; &amp; [y]" in form.body


def test_a_url_that_selects_html_gets_html() -> None:
    target = limit(4096, 0, (NotifyFormat.TEXT, NotifyFormat.HTML))
    target.notify_format = NotifyFormat.HTML
    assert plain_form(target, "title", COMMAND).format == "html"


def test_markdown_is_one_block_of_code_that_no_text_can_leave() -> None:
    # A note with a link or a mention would otherwise act in the chat.
    for formats in ((NotifyFormat.MARKDOWN,), (NotifyFormat.TEXT, NotifyFormat.MARKDOWN)):
        form = plain_form(limit(4096, 0, formats), "title", f"{COMMAND}\n```\n@everyone [a](https://evil.example.com)")
        assert form.format == "markdown"
        assert form.body.startswith("```\ntitle\n\naz network")
        assert form.body.endswith("\n```")
        assert form.body.count("```") == 2
        assert COMMAND in form.body


@pytest.mark.parametrize(
    "url",
    [
        "gotify://127.0.0.1:{}/AAAAAAAAAAAAAAA",
        "ntfy://127.0.0.1:{}/topic",
        "mmost://127.0.0.1:{}/3ccdd113474722377935511fc85d3dd4",
    ],
)
async def test_a_service_without_its_own_form_gets_title_and_text(url: str, listener: Listener) -> None:
    assert url.partition(":")[0] not in OWN_FORM
    sender = Sender()
    send = send_to(url.format(listener.port), local=True, title="[HIGH] web", body="It opens SSH.", fits=False)
    assert (await deliver(sender, send)).failure == ""
    sender.close()
    (request,) = listener.requests
    assert "[HIGH] web" in request
    assert "It opens SSH." in request


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    async with providers(monkeypatch) as servers:
        yield servers


async def test_telegram_gets_one_message_whose_commands_can_be_copied(internet: Providers) -> None:
    internet.answer = lambda _: (200, {"ok": True, "result": {}})
    (channel,), _ = parse_channels("tgram://123456789:abcdefg_hijklmnop/12315544/", allow_local=True)
    assert (await channel.send(SCENARIOS["opened"])).delivered
    (request,) = internet.requests
    assert "open-ssh" in str(request.body["text"])
    assert "&nbsp;" not in str(request.body["text"])

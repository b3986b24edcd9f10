"""The language of templates: what is refused when a template is read, and what templates can do."""

import subprocess
import sys

import pytest

from nsg_baseline.alerts.sender.protocol import Render
from nsg_baseline.alerts.sender.template_language import Language, parse
from nsg_baseline.alerts.sender.template_values import TemplateError
from nsg_baseline.alerts.templating import alert_fields
from tests.support.templates import EXHAUSTING, FAILING, REFUSED

FIELDS = frozenset(alert_fields())


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_cannot_leave_the_language(name: str) -> None:
    source, problem = REFUSED[name]
    with pytest.raises(TemplateError) as refused:
        parse(Language(), source, FIELDS)
    assert problem in str(refused.value)


@pytest.mark.parametrize("source", [source for source, _ in (*FAILING.values(), *EXHAUSTING.values())])
def test_the_other_hostile_templates_are_allowed_by_the_language(source: str) -> None:
    # They show that the limits of the process hold, not those of the language.
    parse(Language(), source, FIELDS)


def test_a_problem_names_its_line() -> None:
    with pytest.raises(TemplateError) as refused:
        parse(Language(), "a\n{% if alert %}\nb {{ 1 + 1 }}\n{% endif %}", FIELDS)
    assert refused.value.line == 3


def test_a_value_has_no_attributes() -> None:
    # A second barrier behind the check of names: a name can also be computed.
    language = Language()
    for value in ({"a": 1}, [1], "text", 1, parse, language, TemplateError("a"), Render({}, ())):
        for name in ("__class__", "items", "append", "upper", "templates", "real", "filters"):
            assert not language.getattr(value, name)
            assert not language.getitem(value, name)


def test_the_fields_are_those_of_the_alert() -> None:
    assert {"schema", "event", "incidents", "nsg", "changes", "liveRule", "changedBy", "client", "by"} <= FIELDS
    assert not {"__class__", "items", "keys", "values", "get", "deliveriesX"} & FIELDS


@pytest.mark.slow
def test_neither_the_operator_nor_the_sender_loads_jinja() -> None:
    # Two MiB that few routes need, and a parser that the operator must not run.
    modules = ("nsg_baseline.cli.main", "nsg_baseline.engine.run", "nsg_baseline.alerts.sender.process")
    code = f"import sys, {', '.join(modules)}; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "False\n"

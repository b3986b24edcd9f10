"""Templates for tests: those that are refused, and those that need too much."""

REFUSED: dict[str, tuple[str, str]] = {
    "attribute of a text": ("{{ incident.name.__class__ }}", "no field is named __class__"),
    "attribute in brackets": ('{{ incident["__class__"] }}', "no field is named __class__"),
    "subclasses": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "a call, such as range(), is not allowed"),
    "format method": ("{{ '{0.__class__}'.format(alert) }}", "a call, such as range(), is not allowed"),
    "method of an object": ("{{ alert.items() }}", "a call, such as range(), is not allowed"),
    "method without a call": ("{{ alert.items }}", "no field is named items"),
    "range": ("{% for i in range(999999999) %}x{% endfor %}", "a call, such as range(), is not allowed"),
    "repetition": ("{{ 'x' * 999999999 }}", "* is not allowed"),
    "power": ("{{ 9 ** 9 ** 9 }}", "** is not allowed"),
    "addition": ("{{ 1 + 1 }}", "+ (use ~ to join texts) is not allowed"),
    "subtraction": ("{{ 1 - 1 }}", "- is not allowed"),
    "division": ("{{ 1 / 0 }}", "/ is not allowed"),
    "whole division": ("{{ 1 // 0 }}", "// is not allowed"),
    "remainder": ("{{ '%999999999d' % 1 }}", "% is not allowed"),
    "include": ("{% include '/etc/passwd' %}", "include is not allowed"),
    "import": ("{% import 'os' as os %}", "import is not allowed"),
    "from import": ("{% from 'os' import path %}", "import is not allowed"),
    "extends": ("{% extends 'base' %}", "extends is not allowed"),
    "block": ("{% block a %}{% endblock %}", "block is not allowed"),
    "macro": ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "macro is not allowed"),
    "call block": ("{% call a() %}{% endcall %}", "a call block is not allowed"),
    "filter block": ("{% filter upper %}a{% endfilter %}", "a filter block is not allowed"),
    "with": ("{% with a = 1 %}{{ a }}{% endwith %}", "with is not allowed"),
    "set block": ("{% set a %}x{% endset %}", "a set block is not allowed"),
    "two names": ("{% set a, b = 1, 2 %}", "only a single name can be assigned"),
    "namespace": ("{% set ns = namespace(n=0) %}{% set ns.n = 1 %}", "a call, such as range(), is not allowed"),
    "recursive loop": ("{% for i in [1] recursive %}{{ loop(i) }}{% endfor %}", "a recursive loop is not allowed"),
    "autoescape": ("{% autoescape false %}{{ incident.name }}{% endautoescape %}", "autoescape is not allowed"),
    "safe": ("{{ incident.name | safe }}", "the filter safe is unknown"),
    "attr": ("{{ alert | attr('__class__') }}", "the filter attr is unknown"),
    "center": ("{{ 'a' | center(999999999) }}", "the filter center is unknown"),
    "format": ("{{ '%999999999d' | format(1) }}", "the filter format is unknown"),
    "indent": ("{{ 'a' | indent(999999999) }}", "the filter indent is unknown"),
    "map of a filter": ("{{ alert.incidents | map('bold') | list }}", "the filter list is unknown"),
    "map of a mark": ("{{ alert.incidents | map('bold') | join }}", "map needs the name of a field"),
    "arguments in a list": ("{{ 'a' | replace(*['a', 'b']) }}", "* and ** in arguments are not allowed"),
    "arguments in an object": ("{{ 'a' | truncate(**{'length': 1}) }}", "* and ** in arguments are not allowed"),
    "test": ("{{ incident is callable }}", "the test callable is unknown"),
    "unknown variable": ("{{ secrets }}", "secrets is unknown; the variables are alert, incident, standard"),
    "self": ("{{ self }}", "self is unknown"),
    "cycler": ("{{ cycler }}", "cycler is unknown"),
    "misspelt field": ("{{ incident.severty }}", "no field is named severty"),
    "link to a value": ("{{ 'a' | link(incident.summary) }}", "link needs a URL that begins with a text"),
    "link to a host of a value": (
        "{{ 'a' | link('https://' ~ incident.summary) }}",
        "link needs a URL that begins with a text",
    ),
    "link to a script": ("{{ 'a' | link('javascript:alert(1)') }}", "link needs a URL that begins with a text"),
    "mark in a mark": ("{{ 'a' | bold | link('https://a.example.com') }}", "bold must be the last filter"),
    "mark that is joined": ("{{ 'a' ~ ('b' | code) }}", "code must be the last filter"),
    "mark in a variable": ("{% set a = 'b' | bold %}{{ a }}", "bold must be the last filter"),
    "brackets": ("{{ " + "(" * 1900 + "1" + ")" * 1900 + " }}", "is nested too deeply"),
    "lists": ("{{ " + "[" * 300 + "]" * 300 + " }}", "is nested too deeply"),
    "conditions": ("{% if alert %}" * 150 + "{% endif %}" * 150, "is nested too deeply"),
    "not": ("{{ " + "not " * 900 + "1 }}", "is nested too deeply"),
    "unfinished": ("{% if alert %}", "Unexpected end of template"),
    "unknown tag": ("{% do alert %}", "Encountered unknown tag 'do'"),
}
"""Templates that are refused when they are read, and a part of the reason."""

FAILING: dict[str, tuple[str, str]] = {
    "a list": ("\n{{ incident.changes }}", "line 2: a list cannot be printed; print its fields"),
    "an object": ("{{ alert }}", "line 1: an object cannot be printed"),
    "a loop": ("{% for i in [1] %}\n\n{{ loop }}{% endfor %}", "line 3: an object cannot be printed"),
    "an absent field": ("\n\n{{ incident.guardrail }}", "line 3: guardrail is undefined; test it with if"),
    "a field of an absent one": ("{{ incident.acknowledgement.by }}", "line 1: acknowledgement is undefined"),
    "a loop over an absent field": ("{% for a in incident.acknowledgement %}{% endfor %}", "is undefined"),
    "an item too far": ("{{ alert.incidents[7].name }}", "line 1: 7 is undefined"),
    "a comparison": ("{{ incident.name < 1 }}", "line 1: '<' not supported between"),
    "arguments": ("{{ 'a' | replace }}", "line 1: do_replace() missing"),
    "a sign": ("{{ -incident.name }}", "line 1: bad operand type"),
    "nothing": ("{% if incident.guardrail %}x{% endif %}", "the result is empty"),
    "21 loops": ("{% for a in [1] %}" * 21 + "x" + "{% endfor %}" * 21, "is nested too deeply"),
}
"""Templates that are allowed and fail for a message, and a part of the reason."""

_LONG = "{% set s = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' | replace('', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb') %}"
_GROWING = "{% set s = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}" + "{% set s = s ~ s ~ s ~ s %}" * 14
EXHAUSTING: dict[str, tuple[str, str]] = {
    "time in loops": (
        _LONG + "{% for a in s %}" * 6 + "{% endfor %}" * 6 + "x",
        "takes more CPU time or memory than a template may use",
    ),
    "memory": (_GROWING + "{{ s }}", "needs more memory than a template may use"),
    "memory in a filter": (
        "{{ 'aaaaaaaa'" + " | replace('', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb')" * 8 + " }}",
        "needs more memory than a template may use",
    ),
    "memory in a list": (
        _LONG + "{% set l = s | map(attribute='name', default='aaaaaaaa') | sort %}{{ l | join(s) | replace('', s) }}",
        "than a template may use",
    ),
    "time in a comparison": (
        _LONG + "{% for a in s %}{% for b in s %}{% if (s ~ a) in (s ~ b ~ s) %}{% endif %}{% endfor %}{% endfor %}x",
        "takes more CPU time or memory than a template may use",
    ),
}
"""Templates that need too much time or memory, and a part of the reason."""

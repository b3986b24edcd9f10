"""Checks texts for words that the project does not use: `python -m tests.house.prose [PATHS]`.

Texts are Markdown outside code, the docstrings and comments of Python files, comments and descriptions in YAML files.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from tests.house.names import FOLDERS, ROOT
from tests.house.words import ENGLISH, GLOSSARY

TOP_LEVEL = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")
PLACES = (*FOLDERS, "docs", "crds", "charts", "examples", *TOP_LEVEL)
SKIPPED = ("/data/", "/golden/", "tests/house/words.py", "charts/nsg-baseline-operator/files/")
_RULES = [
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), advice) for pattern, advice in {**GLOSSARY, **ENGLISH}.items()
]
_CODE = re.compile(r"^```.*?^```|^    .*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_GLOSSARY = re.compile(r"^## Glossary$.*?(?=^## )", re.MULTILINE | re.DOTALL)
_YAML_TEXT = re.compile(r"#(?!!).*$|description:.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """A word that the project does not use, at its place, with advice."""

    path: Path
    line: int
    text: str
    advice: str

    @override
    def __str__(self) -> str:
        """Return the finding as an editor reads it."""
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.text!r}: {self.advice}"


def findings(path: Path) -> list[Finding]:
    """Return what a file's texts hold of the banned words, in the order of their lines."""
    content = path.read_text(encoding="utf-8")
    return [
        Finding(path, line + text.count("\n", 0, match.start()), match[0], advice)
        for line, text in _texts(path, content)
        for rule, advice in _RULES
        for match in rule.finditer(text)
    ]


def _texts(path: Path, content: str) -> Iterator[tuple[int, str]]:
    """Yield first line and text of each text; code inside a text is blanked, so that lines keep their numbers."""
    if path.suffix == ".py":
        yield from _python_texts(content)
    elif path.suffix == ".md":
        # The glossary names the words that it replaces.
        yield 1, _without_code(_GLOSSARY.sub(lambda section: "\n" * section[0].count("\n"), content))
    else:
        for match in _YAML_TEXT.finditer(content):
            yield content.count("\n", 0, match.start()) + 1, _without_code(match[0])


def _python_texts(content: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], _without_code(token.string)
    for node in ast.walk(ast.parse(content)):
        # Docstrings of modules, classes and functions, and the texts below constants and fields.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, _without_code(node.value.value)


def _without_code(text: str) -> str:
    return _CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]) if match[0].startswith("`") else match[0], text)


def prose_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files with texts at and below the paths, sorted."""
    suffixes = {".md", ".py", ".yaml", ".tpl", ""}
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(ROOT).as_posix()
            if file.is_file() and file.suffix in suffixes and not any(skipped in name for skipped in SKIPPED):
                yield file


def main(arguments: list[str]) -> int:
    """Print each finding and the number of them; return 1 if there are any."""
    paths = [Path(argument).resolve() for argument in arguments] or [ROOT / place for place in PLACES]
    all_findings = [finding for file in prose_files(paths) for finding in findings(file)]
    for finding in all_findings:
        print(finding)
    print(f"{len(all_findings)} findings")
    return int(bool(all_findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

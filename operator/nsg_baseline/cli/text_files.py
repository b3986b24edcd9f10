"""Reads text and JSON from files and standard input."""

import codecs
import json
import os
import sys
from pathlib import Path
from typing import Any

from nsg_baseline.cli.failure import Failure


def read_text(file: str) -> str:
    """Read a file, or standard input for -.

    Raises:
        Failure: the file cannot be read.
    """
    try:
        return _decode(_stdin() if file == "-" else Path(file).read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 or UTF-16 text; save it as UTF-8"
        raise Failure(f"{file}: {reason}") from None


def read_json(file: str) -> Any:
    """Read JSON from a file, or from standard input for -.

    Raises:
        Failure: the file cannot be read, or is not JSON.
    """
    text = read_text(file)
    if not text.strip():
        raise Failure(f"{file}: is empty; JSON is expected")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Failure(f"{file}:{error.lineno}: invalid JSON: {error.msg}") from None
    except RecursionError:
        raise Failure(f"{file}: invalid JSON: nested too deeply") from None
    except ValueError:
        # Python limits the digits of an integer.
        raise Failure(f"{file}: invalid JSON: a number has too many digits") from None


def reject_second_stdin(*files: str) -> None:
    """Reject - more than once: the second reader would find nothing.

    Raises:
        Failure: more than one of the files is standard input.
    """
    if files.count("-") > 1:
        raise Failure("- can be used only once, because standard input can be read only once; use a file for the other")


def check_writable(option: str, file: Path) -> None:
    """Check that a file can be written, before the work whose result it stores.

    Raises:
        Failure: its folder does not exist, or the file cannot be written.
    """
    if not file.absolute().parent.is_dir():
        raise Failure(f"{option}: folder {file.parent} does not exist; create it first")
    if not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise Failure(f"{option}: {file} cannot be written; pass a file in a folder that you may write to")


def _stdin() -> bytes:
    # Python sets stdin to None if the shell closed it.
    if sys.stdin is None:
        raise Failure("-: standard input is closed")
    return sys.stdin.buffer.read()


def _decode(content: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark, and UTF-16 with one, as PowerShell writes it."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig").replace("\r\n", "\n")

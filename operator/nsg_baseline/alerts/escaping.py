"""Shows characters that could forge a line or reorder text as escapes, in texts from Azure and from users."""

import unicodedata

# Controls, line and paragraph separators, and format characters such as bidirectional overrides and zero-width spaces.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})


def escape_controls(text: str) -> str:
    r"""Return a text on one line, with invisible characters as escapes such as `\n` and `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return character.encode("unicode_escape").decode()
    return character

"""The marks in a rendered template: control characters, which no printed value contains."""

from typing import Literal

START, END, SEPARATOR = "\x01", "\x02", "\x03"
Kind = Literal["", "b", "c", "l"]
"""What a part of a text is: plain, bold, code or a link. A link is `START l URL SEPARATOR text END`."""
LINK_STARTS = ("https://", "http://")
URL_CHARACTERS = ":/?#@!$&+,;=%-."
"""The characters of a link besides ASCII letters and digits. None of them is markup in a format of a channel."""

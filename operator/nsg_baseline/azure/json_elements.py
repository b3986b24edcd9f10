"""The elements of a listing whose JSON is nested too deeply for a decoder.

A decoder fails for the whole page. This splitter does not recurse, so that only the element fails.
"""

import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)
_OPENING = {ord("]"): ord("["), ord("}"): ord("{")}
_KEY = re.compile(rb'"value"\s*:\s*', re.DOTALL)
_OBJECT, _ARRAY = b"{", b"{["


def split_elements(body: bytes) -> tuple[list[bytes], bytes]:
    """Return the elements of the array `value`, and the body with that array empty.

    The JSON of the elements is not checked, except that brackets match.

    Args:
        body: an object with an array `value`.

    Raises:
        ValueError: brackets do not match, or there is no such array.
    """
    open_brackets = bytearray()
    elements: list[bytes] = []
    begin = start = end = key_end = -1
    for token in _TOKEN.finditer(body):
        character = body[token.start()]
        if character in b"[{":
            open_brackets.append(character)
            if open_brackets == _ARRAY and token.start() == key_end:
                elements, begin, start = [], token.end(), token.end()
        elif character in b"]}":
            if not open_brackets or open_brackets.pop() != _OPENING[character]:
                raise ValueError("brackets do not match")
            if start >= 0 and open_brackets == _OBJECT:
                elements.append(body[start : token.start()])
                end, start = token.start(), -1
        elif len(open_brackets) == 1 and (key := _KEY.match(body, token.start())):
            key_end = key.end()
        elif character == ord(",") and start >= 0 and open_brackets == _ARRAY:
            elements.append(body[start : token.start()])
            start = token.end()
    if open_brackets or end < 0:
        raise ValueError("it is not a complete listing with an array `value`")
    return _without_blank(elements), body[:begin] + body[end:]


def _without_blank(elements: list[bytes]) -> list[bytes]:
    """Return no element for an array that contains only white space."""
    return [] if len(elements) == 1 and not elements[0].strip() else elements

"""The recipients in a URL: each is a separate channel, so that a broken one does not affect the others."""

import hashlib
from collections.abc import Iterator

from apprise import NotifyBase

from nsg_baseline.alerts.schemes import HAVE_DEFAULT, RECIPIENTS

_LISTS = (list, tuple, set, frozenset, dict)
_COPIES = ("cc", "bcc")


def recipients(target: NotifyBase, scheme: str) -> tuple[str, ...]:
    """Return an id for each recipient, without revealing it. Empty if the URL has only one, or if none can be left out.

    An id is valid within one URL.
    """
    ids = tuple(dict.fromkeys(_id(name, entry) for name, entries in _lists(target, scheme) for entry in entries))
    return ids if len(ids) > 1 else ()


def lacks_recipients(target: NotifyBase, scheme: str) -> bool:
    """Return whether the service needs a recipient and the URL has none. Some plugins then send to the sender."""
    lists = list(_lists(target, scheme))
    return bool(lists) and scheme not in HAVE_DEFAULT and not any(entries for _, entries in lists)


def keep_only(target: NotifyBase, scheme: str, recipient: str) -> bool:
    """Remove all other recipients. Return False if the URL does not have this one."""
    ids = recipients(target, scheme)
    if recipient not in ids:
        return False
    for name, entries in list(_lists(target, scheme)):
        kept = [entry for entry in entries if _id(name, entry) == recipient][:1]
        attribute = getattr(target, name)
        setattr(target, name, type(attribute)(kept))
    if hasattr(target, "batch"):
        target.batch = False
    if recipient != ids[0]:
        # A mail to several recipients is several mails. Only one of them has copies.
        for name in _COPIES:
            if isinstance(getattr(target, name, None), _LISTS):
                setattr(target, name, type(getattr(target, name))())
    return True


def _lists(target: NotifyBase, scheme: str) -> Iterator[tuple[str, list[object]]]:
    for name in RECIPIENTS.get(scheme, ()):
        value = getattr(target, name, None)
        if isinstance(value, _LISTS):
            yield name, sorted(value.items() if isinstance(value, dict) else value, key=repr)


def _id(name: str, entry: object) -> str:
    return hashlib.blake2b(repr((name, entry)).encode(), digest_size=9, person=b"nsgb recipient").hexdigest()

"""Errors in the format of a real API server: a code, a reason and a Status."""

from collections.abc import Sequence

from .kinds import Fault, Kind
from .shapes import Obj


class ApiError(Exception):
    """An error with the reason and code of a real API server."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        """Create an error from the parts of a Status: HTTP code, reason, message and details."""
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> Obj:
        """Return the `Status` object."""
        details = {"details": self.details} if self.details else {}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **details,
            "code": self.code,
        }


def not_found(kind: Kind, name: str) -> ApiError:
    """Return the error for a missing object."""
    return ApiError(404, "NotFound", f'{kind.title} "{name}" not found', _about(kind, name))


def no_resource() -> ApiError:
    """Return the error for an unknown path, in plain text as on the real server."""
    return ApiError(404, "", "404 page not found\n")


def already_exists(kind: Kind, name: str) -> ApiError:
    """Return the error for a name that exists already."""
    return ApiError(409, "AlreadyExists", f'{kind.title} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str, *, named: str = "") -> ApiError:
    """Return the error for a failed precondition or resourceVersion check; `named` is the kind in the message."""
    words = f'Operation cannot be fulfilled on {named or kind.title} "{name}": {why}'
    return ApiError(409, "Conflict", words, _about(kind, name))


def precondition_words(name: str, expected: object, actual: object) -> str:
    """Return the message for a failed precondition of a delete."""
    spelled = {"uid": "UID", "resourceVersion": "ResourceVersion"}.get(name, name)
    ending = {"uid": "deleted and then recreated"}.get(name, "modified")
    words = f"the {spelled} in the precondition ({expected}) does not match the {spelled} in record ({actual})"
    return f"{words}. The object might have been {ending}"


def expired(message: str) -> ApiError:
    """Return the error for a resourceVersion or continue token that is older than the history."""
    return ApiError(410, "Expired", message)


def bad_request(message: str) -> ApiError:
    """Return the error for a request that cannot be parsed."""
    return ApiError(400, "BadRequest", message)


def not_allowed() -> ApiError:
    """Return the error for a verb that the path does not support."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    """Return the error for a body with an unsupported encoding."""
    words = "the body of the request was in an unknown format - accepted media types include: "
    return ApiError(415, "UnsupportedMediaType", words + ", ".join(accepted))


def invalid(kind: Kind, name: str, faults: Sequence[Fault], *, named: str = "") -> ApiError:
    """Return the error for an invalid object, with every invalid field; `named` is the kind in the message."""
    messages = list(dict.fromkeys(str(fault) for fault in faults))
    words = messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
    details = {
        **_about(kind, name),
        "kind": kind.kind,
        "causes": [_cause(fault) for fault in faults],
    }
    return ApiError(422, "Invalid", f'{named or kind.qualified} "{name}" is invalid: {words}', details)


def invalid_options(options: str, fault: Fault) -> ApiError:
    """Return the error for an invalid query parameter."""
    details = {"group": "meta.k8s.io", "kind": options, "causes": [_cause(fault)]}
    return ApiError(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: {fault}', details)


def _cause(fault: Fault) -> Obj:
    return {"reason": fault.reason, "message": fault.words, "field": fault.path}


def _about(kind: Kind, name: str) -> Obj:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}

"""Failures as a real API server answers them: a code, a reason and a Status."""

from collections.abc import Sequence

from .kinds import Fault, Kind
from .shapes import Obj


class ApiError(Exception):
    """A failure with the reason and code that a real API server would answer."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        """Hold a Status: HTTP code, machine-readable reason, words, and optional details."""
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> Obj:
        """Render as a `Status` object."""
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
    """No object of this name."""
    return ApiError(404, "NotFound", f'{kind.title} "{name}" not found', _about(kind, name))


def no_resource() -> ApiError:
    """No such path; the real server has only plain words for it."""
    return ApiError(404, "", "404 page not found\n")


def already_exists(kind: Kind, name: str) -> ApiError:
    """The name is taken."""
    return ApiError(409, "AlreadyExists", f'{kind.title} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str, *, named: str = "") -> ApiError:
    """A lost optimistic lock or a failed precondition; `named` is what the words call the kind."""
    words = f'Operation cannot be fulfilled on {named or kind.title} "{name}": {why}'
    return ApiError(409, "Conflict", words, _about(kind, name))


def precondition_words(name: str, expected: object, actual: object) -> str:
    """Say that a delete means another object or version than there is."""
    spelled = {"uid": "UID", "resourceVersion": "ResourceVersion"}.get(name, name)
    ending = {"uid": "deleted and then recreated"}.get(name, "modified")
    words = f"the {spelled} in the precondition ({expected}) does not match the {spelled} in record ({actual})"
    return f"{words}. The object might have been {ending}"


def expired(message: str) -> ApiError:
    """A resourceVersion or continue token that history no longer reaches."""
    return ApiError(410, "Expired", message)


def bad_request(message: str) -> ApiError:
    """A request that cannot be read."""
    return ApiError(400, "BadRequest", message)


def not_allowed() -> ApiError:
    """A verb that the path does not know."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    """A body in an encoding that is not read here."""
    words = "the body of the request was in an unknown format - accepted media types include: "
    return ApiError(415, "UnsupportedMediaType", words + ", ".join(accepted))


def invalid(kind: Kind, name: str, faults: Sequence[Fault], *, named: str = "") -> ApiError:
    """Refuse an object, naming every field that is wrong; `named` is what the words call the kind."""
    messages = list(dict.fromkeys(str(fault) for fault in faults))
    words = messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"
    details = {
        **_about(kind, name),
        "kind": kind.kind,
        "causes": [_cause(fault) for fault in faults],
    }
    return ApiError(422, "Invalid", f'{named or kind.qualified} "{name}" is invalid: {words}', details)


def invalid_options(options: str, fault: Fault) -> ApiError:
    """Refuse a query parameter."""
    details = {"group": "meta.k8s.io", "kind": options, "causes": [_cause(fault)]}
    return ApiError(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: {fault}', details)


def _cause(fault: Fault) -> Obj:
    return {"reason": fault.reason, "message": fault.words, "field": fault.path}


def _about(kind: Kind, name: str) -> Obj:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}

"""`/_emulator/...`: requests that control the emulator, on the same port and without a token.

| Request | Effect |
|---|---|
| `GET /_emulator` | returns the number of subscriptions, resource groups and NSGs |
| `GET, POST, PUT, DELETE .../faults` | reads, adds, replaces, clears faults (format: `faults.py`) |
| `GET, DELETE .../requests` | reads, clears the log of requests |
| `GET .../not-emulated` | lists requests for paths that are not emulated, with counts |
| `GET, POST, PUT .../state` | reads, adds to, replaces the state (format: `state.py`) |
| `GET, PATCH .../settings` | reads, changes settings by name (see `settings.py`) |
| `GET .../operations`, `POST .../operations/release` | reads operations, releases stuck operations |
| `POST .../tokens` | issues a bearer token for `{"upn": ...}` or `{"clientId": ...}` |
"""

from collections.abc import Callable
from typing import Any

import msgspec

from nsg_emulator.arm.emulator import ArmEmulator
from nsg_emulator.arm.faults import Fault
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.state import StateError

PREFIX = "/_emulator"

Command = Callable[[ArmEmulator, ArmRequest], Any]


def is_control_path(path: str) -> bool:
    """Return whether a request with this path controls the emulator."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def answer(emulator: ArmEmulator, request: ArmRequest) -> ArmResponse:
    """Execute a control request. An invalid body results in 400, an unknown request in 404."""
    name = request.path.removeprefix(PREFIX).strip("/")
    command = _COMMANDS.get((request.method, name))
    if command is None:
        commands = sorted(f"{method} {PREFIX}/{path}" for method, path in _COMMANDS)
        problem = f"unknown control request: {request.method} {request.path}"
        return ArmResponse(404, {"error": problem, "requests": commands})
    try:
        return ArmResponse(200, command(emulator, request))
    except (StateError, ValueError, TypeError, KeyError, msgspec.DecodeError) as error:
        return ArmResponse(400, {"error": str(error)})


def _overview(emulator: ArmEmulator, _: ArmRequest) -> Any:
    store = emulator.store
    return {"subscriptions": len(store.subscriptions), "resourceGroups": len(store.groups), "nsgs": len(store.nsgs)}


def _add_faults(emulator: ArmEmulator, request: ArmRequest) -> Any:
    """Add faults; the body is one fault or a list of faults."""
    emulator.faults.add(*_faults(request))
    return emulator.faults.in_force()


def _set_faults(emulator: ArmEmulator, request: ArmRequest) -> Any:
    replacement = _faults(request)
    emulator.faults.clear()
    emulator.faults.add(*replacement)
    return emulator.faults.in_force()


def _clear_faults(emulator: ArmEmulator, _: ArmRequest) -> Any:
    emulator.faults.clear()
    return []


def _faults(request: ArmRequest) -> list[Fault]:
    raw = msgspec.json.decode(request.body)
    return msgspec.convert(raw if isinstance(raw, list) else [raw], list[Fault])


def _reset_requests(emulator: ArmEmulator, _: ArmRequest) -> Any:
    emulator.requests.reset()
    return emulator.requests.document()


def _set_state(emulator: ArmEmulator, request: ArmRequest) -> Any:
    """Replace the whole state. A body that cannot be read changes nothing."""
    document = msgspec.json.decode(request.body)
    ArmEmulator(subscription="").load(document)
    emulator.store.clear()
    emulator.load(document)
    return _overview(emulator, request)


def _add_state(emulator: ArmEmulator, request: ArmRequest) -> Any:
    emulator.load(msgspec.json.decode(request.body))
    return _overview(emulator, request)


def _change_settings(emulator: ArmEmulator, request: ArmRequest) -> Any:
    emulator.configure(**request.json())
    return emulator.settings


def _release(emulator: ArmEmulator, _: ArmRequest) -> Any:
    """Release all stuck operations."""
    return emulator.release_operations()


def _token(emulator: ArmEmulator, request: ArmRequest) -> Any:
    """Issue a token; the body is `{"upn": ...}` or `{"clientId": ...}`."""
    claims = request.json()
    token = (
        emulator.user_token(claims["upn"], ip=claims.get("ip", ""))
        if "upn" in claims
        else emulator.app_token(claims["clientId"])
    )
    return {"accessToken": token}


_COMMANDS: dict[tuple[str, str], Command] = {
    ("GET", ""): _overview,
    ("GET", "faults"): lambda emulator, _: emulator.faults.in_force(),
    ("POST", "faults"): _add_faults,
    ("PUT", "faults"): _set_faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "requests"): lambda emulator, _: emulator.requests.document(),
    ("DELETE", "requests"): _reset_requests,
    ("GET", "not-emulated"): lambda emulator, _: dict(sorted(emulator.requests.not_emulated.items())),
    ("GET", "state"): lambda emulator, _: emulator.dump(),
    ("PUT", "state"): _set_state,
    ("POST", "state"): _add_state,
    ("GET", "settings"): lambda emulator, _: emulator.settings,
    ("PATCH", "settings"): _change_settings,
    ("GET", "operations"): lambda emulator, _: list(emulator.store.operations.values()),
    ("POST", "operations/release"): _release,
    ("POST", "tokens"): _token,
}

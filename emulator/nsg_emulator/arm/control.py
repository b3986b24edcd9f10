"""`/_emulator/...`: orders to the emulator itself, over the same socket, without a token.

| Order | Does |
|---|---|
| `GET /_emulator` | counts what there is |
| `GET, POST, PUT, DELETE .../faults` | reads, adds, replaces, lifts faults (`faults.py` has their form) |
| `GET, DELETE .../requests` | reads, forgets the log of requests |
| `GET .../not-emulated` | lists requests for paths that the emulator does not know, with counts |
| `GET, POST, PUT .../state` | reads, adds to, replaces the state (`state.py` has its form) |
| `GET, PATCH .../settings` | reads, changes settings by name (`settings.py`) |
| `GET .../operations`, `POST .../operations/release` | reads operations, lets stuck ones go on |
| `POST .../tokens` | makes a bearer token for `{"upn": ...}` or `{"clientId": ...}` |
"""

from collections.abc import Callable
from typing import Any

import msgspec

from nsg_emulator.arm.emulator import ArmEmulator
from nsg_emulator.arm.faults import Fault
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.state import StateError

PREFIX = "/_emulator"

Order = Callable[[ArmEmulator, ArmRequest], Any]


def is_order(path: str) -> bool:
    """Whether a path is for the emulator itself."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def answer(emulator: ArmEmulator, request: ArmRequest) -> ArmResponse:
    """Carry out an order; 400 says what is wrong with it."""
    name = request.path.removeprefix(PREFIX).strip("/")
    order = _ORDERS.get((request.method, name))
    if order is None:
        order_names = sorted(f"{method} {PREFIX}/{path}" for method, path in _ORDERS)
        return ArmResponse(404, {"error": f"no such order: {request.method} {request.path}", "orders": order_names})
    try:
        return ArmResponse(200, order(emulator, request))
    except (StateError, ValueError, TypeError, KeyError, msgspec.DecodeError) as error:
        return ArmResponse(400, {"error": str(error)})


def _overview(emulator: ArmEmulator, _: ArmRequest) -> Any:
    store = emulator.store
    return {"subscriptions": len(store.subscriptions), "resourceGroups": len(store.groups), "nsgs": len(store.nsgs)}


def _add_faults(emulator: ArmEmulator, request: ArmRequest) -> Any:
    """The body is one fault or a list of them."""
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
    """The body replaces all there is; what cannot be read changes nothing."""
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
    """All stuck operations go on."""
    return emulator.release_operations()


def _token(emulator: ArmEmulator, request: ArmRequest) -> Any:
    """The body is `{"upn": ...}` or `{"clientId": ...}`."""
    claims = request.json()
    token = (
        emulator.user_token(claims["upn"], ip=claims.get("ip", ""))
        if "upn" in claims
        else emulator.app_token(claims["clientId"])
    )
    return {"accessToken": token}


_ORDERS: dict[tuple[str, str], Order] = {
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

"""`/_emulator/...`: orders to the emulator itself, over the same socket, without a token.

| Order | Does |
|---|---|
| `GET /_emulator` | counts what there is |
| `GET, POST, PUT, DELETE .../faults` | reads, adds, replaces, lifts faults (`faults.py` has their form) |
| `GET, DELETE .../requests` | reads, forgets the log of requests |
| `GET, POST, PUT .../state` | reads, adds to, replaces the state (`state.py` has its form) |
| `GET, PATCH .../settings` | reads, changes settings by name (`settings.py`) |
| `GET .../operations`, `POST .../operations/release` | reads operations, lets stuck ones go on |
| `POST .../tokens` | makes a bearer token for `{"upn": ...}` or `{"clientId": ...}` |
"""

from collections.abc import Callable
from typing import Any

import msgspec

from nsg_emulator.arm.calls import Call, Reply
from nsg_emulator.arm.emulator import ArmEmulator
from nsg_emulator.arm.faults import Fault
from nsg_emulator.arm.state import StateError

PREFIX = "/_emulator"

Order = Callable[[ArmEmulator, Call], Any]


def is_order(path: str) -> bool:
    """Whether a path is for the emulator itself."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def answer(emulator: ArmEmulator, call: Call) -> Reply:
    """Carry out an order; 400 says what is wrong with it."""
    name = call.path.removeprefix(PREFIX).strip("/")
    order = _ORDERS.get((call.method, name))
    if order is None:
        known = sorted(f"{method} {PREFIX}/{path}" for method, path in _ORDERS)
        return Reply(404, {"error": f"no such order: {call.method} {call.path}", "orders": known})
    try:
        return Reply(200, order(emulator, call))
    except (StateError, ValueError, TypeError, KeyError, msgspec.DecodeError) as error:
        return Reply(400, {"error": str(error)})


def _overview(emulator: ArmEmulator, _: Call) -> Any:
    store = emulator.store
    return {"subscriptions": len(store.subscriptions), "resourceGroups": len(store.groups), "nsgs": len(store.nsgs)}


def _add_faults(emulator: ArmEmulator, call: Call) -> Any:
    """The body is one fault or a list of them."""
    emulator.faults.add(*_faults(call))
    return emulator.faults.in_force()


def _set_faults(emulator: ArmEmulator, call: Call) -> Any:
    wanted = _faults(call)
    emulator.faults.clear()
    emulator.faults.add(*wanted)
    return emulator.faults.in_force()


def _clear_faults(emulator: ArmEmulator, _: Call) -> Any:
    emulator.faults.clear()
    return []


def _faults(call: Call) -> list[Fault]:
    raw = msgspec.json.decode(call.body)
    return msgspec.convert(raw if isinstance(raw, list) else [raw], list[Fault])


def _reset_requests(emulator: ArmEmulator, _: Call) -> Any:
    emulator.requests.reset()
    return emulator.requests.document()


def _set_state(emulator: ArmEmulator, call: Call) -> Any:
    """The body replaces all there is; what cannot be read changes nothing."""
    document = msgspec.json.decode(call.body)
    ArmEmulator(subscription="").load(document)
    emulator.store.clear()
    emulator.load(document)
    return _overview(emulator, call)


def _add_state(emulator: ArmEmulator, call: Call) -> Any:
    emulator.load(msgspec.json.decode(call.body))
    return _overview(emulator, call)


def _change_settings(emulator: ArmEmulator, call: Call) -> Any:
    emulator.configure(**call.json())
    return emulator.settings


def _release(emulator: ArmEmulator, _: Call) -> Any:
    """All stuck operations go on."""
    return emulator.release_operations()


def _token(emulator: ArmEmulator, call: Call) -> Any:
    """The body is `{"upn": ...}` or `{"clientId": ...}`."""
    who = call.json()
    token = (
        emulator.user_token(who["upn"], ip=who.get("ip", "")) if "upn" in who else emulator.app_token(who["clientId"])
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
    ("GET", "state"): lambda emulator, _: emulator.dump(),
    ("PUT", "state"): _set_state,
    ("POST", "state"): _add_state,
    ("GET", "settings"): lambda emulator, _: emulator.settings,
    ("PATCH", "settings"): _change_settings,
    ("GET", "operations"): lambda emulator, _: list(emulator.store.operations.values()),
    ("POST", "operations/release"): _release,
    ("POST", "tokens"): _token,
}

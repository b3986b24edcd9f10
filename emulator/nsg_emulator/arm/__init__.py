"""An emulator of Azure's network security group API that works with unmodified Azure clients.

`async with serve(ArmEmulator(state=[...])) as running:` serves it at `running.url`. Use `serve_in_thread` for
blocking clients. `async with storage_queue(url) as target, deliver(emulator, target) as delivery:` sends an Event Grid
event for each change to a Storage Queue.
"""

from nsg_emulator.arm.emulator import ArmEmulator
from nsg_emulator.arm.event_delivery import POISON, Delivery, deliver
from nsg_emulator.arm.event_filters import EventFilter
from nsg_emulator.arm.event_queue import storage_queue
from nsg_emulator.arm.faults import Fault
from nsg_emulator.arm.server import Running, serve, serve_in_thread
from nsg_emulator.arm.settings import Settings

__all__ = [
    "POISON",
    "ArmEmulator",
    "Delivery",
    "EventFilter",
    "Fault",
    "Running",
    "Settings",
    "deliver",
    "serve",
    "serve_in_thread",
    "storage_queue",
]

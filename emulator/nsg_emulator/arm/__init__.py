"""An emulator of Azure's network security group API that works with unmodified Azure clients.

`async with serve(ArmEmulator(state=[...])) as running:` serves it at `running.url`. Use `serve_in_thread` for
blocking clients.
"""

from nsg_emulator.arm.emulator import ArmEmulator
from nsg_emulator.arm.faults import Fault
from nsg_emulator.arm.server import Running, serve, serve_in_thread
from nsg_emulator.arm.settings import Settings

__all__ = ["ArmEmulator", "Fault", "Running", "Settings", "serve", "serve_in_thread"]

"""An emulator of Azure Resource Manager's network security groups, that Azure's own clients take for the real thing.

`async with serve(ArmEmulator(state=[...])) as running:` serves it at `running.url`; `serve_in_thread` does so for
blocking clients.
"""

from nsg_emulator.arm.emulator import ArmEmulator
from nsg_emulator.arm.faults import Fault
from nsg_emulator.arm.server import Running, serve, serve_in_thread
from nsg_emulator.arm.settings import Settings

__all__ = ["ArmEmulator", "Fault", "Running", "Settings", "serve", "serve_in_thread"]

"""An emulator of Azure Resource Manager's network security groups."""

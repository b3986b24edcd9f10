"""Access to Azure Resource Manager (ARM)."""

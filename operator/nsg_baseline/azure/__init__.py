"""The Azure Resource Manager edge."""

"""The nsgb command."""

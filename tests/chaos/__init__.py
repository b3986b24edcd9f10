"""Chaos: everybody writes, everything fails, and what must hold is checked after each calm."""

"""Texts that people read, made from values of the core."""

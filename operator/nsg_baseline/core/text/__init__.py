"""Texts for people, rendered from values of the core."""

"""Recorded NSGs for the demo."""

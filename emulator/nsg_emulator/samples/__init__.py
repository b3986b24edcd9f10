"""Recorded NSGs with which the emulator and the demo start."""

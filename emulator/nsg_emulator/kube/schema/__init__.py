"""Structural schemas as the real API server applies them to custom resources: pruning, defaults, validation."""

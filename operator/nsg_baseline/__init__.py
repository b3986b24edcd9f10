"""Keeps Azure Network Security Groups in line with approved rules: watches, explains, alerts, restores."""

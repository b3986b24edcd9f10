"""The sender: a small process that forks a child for every message, so that no channel can harm the operator."""

"""The sender: a small process that forks a child process for each message, to isolate channels from the operator."""

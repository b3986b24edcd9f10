"""`python -m nsg_baseline.alerts.sender` runs the sender. Only the operator starts it."""

from nsg_baseline.alerts.sender.process import main

main()

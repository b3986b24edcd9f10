"""`python -m nsg_baseline.alerts.sender`: run the sender; only the operator starts it."""

from nsg_baseline.alerts.sender.process import main

main()

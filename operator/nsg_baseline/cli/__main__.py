"""`python -m nsg_baseline.cli`, the same as `nsgb`."""

from nsg_baseline.cli.main import main

main()

"""`nsgb demo`: the operator on one machine, without Azure or a cluster."""

"""`nsgb demo`: the whole story on one machine, without Azure or a cluster."""

"""Evidence for audits: what the cluster knows about incidents, approvals, coverage and notifications."""

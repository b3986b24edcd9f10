"""Approved rules of Azure Network Security Groups, kept: watch, explain, alert, put back."""

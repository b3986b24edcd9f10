"""The Kubernetes edge."""

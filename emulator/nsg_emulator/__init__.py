"""What the demo and the fast tests run on: Azure's NSG API and a Kubernetes API, both over HTTP."""

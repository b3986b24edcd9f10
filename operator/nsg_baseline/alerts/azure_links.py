"""The portal and the CLI of the Azure cloud that the operator watches, for the links and the commands of messages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AzureLinks:
    """Where people look at and undo what a message reports.

    Attributes:
        portal: The address of the portal.
        cli_cloud: The name of the cloud in the Azure CLI; empty for the public cloud, which is the CLI's default.
    """

    portal: str = "https://portal.azure.com"
    cli_cloud: str = ""

    def link(self, resource_id: str) -> str:
        """Return the address of a resource in the portal."""
        return f"{self.portal}/#resource{resource_id}"

    def cli(self, command: str) -> str:
        """Return a command of the Azure CLI for this cloud, whichever cloud the shell has chosen."""
        # A command in the wrong cloud would report that the NSG does not exist.
        return f"AZURE_CLOUD_NAME={self.cli_cloud} {command}" if self.cli_cloud else command


PUBLIC = AzureLinks()

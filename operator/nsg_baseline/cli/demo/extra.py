"""The optional dependencies of the demo and of `nsgb emulator`: the `demo` extra."""

from importlib import import_module

from nsg_baseline.cli.failure import Failure

INSTALL = "pip install 'nsg-baseline-operator[demo]'"


def require_emulator() -> None:
    """Check that the emulator and its dependencies are installed.

    Raises:
        Failure: a module is missing.
    """
    try:
        import_module("nsg_emulator.arm")
        import_module("nsg_emulator.kube")
    except ModuleNotFoundError as error:
        raise Failure(f"the emulator is not installed (no module {error.name}); run: {INSTALL}") from None

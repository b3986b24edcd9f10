"""What every test may ask for, and how hard the laws are tried."""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from tests.support.seed import Seed

pytest_plugins = ["tests.cluster.fixtures"]

# No deadline and no complaint about slowness: other work on the same machine must not fail a law.
settings.register_profile("local", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
# For a long look: pytest --hypothesis-profile deep
settings.register_profile("deep", settings.get_profile("local"), max_examples=2000)
settings.load_profile("ci" if os.environ.get("CI") else "local")

LONG_TIMEOUT_SECONDS = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests marked slow or cluster the long timeout, so that a test that hangs fails and names itself."""
    for item in items:
        is_long = item.get_closest_marker("slow") is not None or item.get_closest_marker("cluster") is not None
        if is_long and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_SECONDS))


@pytest.fixture
def seed(record_property: Callable[[str, object], None]) -> Seed:
    """Return a random seed and record it in the report."""
    seed = Seed.from_environment()
    record_property("NSGB_SEED", seed.value)
    return seed

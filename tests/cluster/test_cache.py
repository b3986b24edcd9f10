"""Parallel and killed runs share the cache of test tools: none may leave or use a partial folder."""

import threading
from pathlib import Path

import pytest

from tests.cluster import cache


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "nsg-baseline-operator"


def write(folder: Path) -> None:
    (folder / "program").write_text("whole")


def test_a_cached_folder_is_not_filled_again() -> None:
    cache.kept("tool-1", write)
    assert (cache.kept("tool-1", lambda _: pytest.fail("filled twice")) / "program").read_text() == "whole"


def test_a_failed_fill_leaves_no_folder(cache_home: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "program").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.kept("tool-1", fail)
    assert [path.name for path in cache_home.iterdir()] == ["tool-1.lock"]
    assert (cache.kept("tool-1", write) / "program").read_text() == "whole"


def test_partial_folders_of_a_killed_run_are_removed(cache_home: Path) -> None:
    half = cache_home / ".tool-1.abc"
    half.mkdir(parents=True)
    cache.kept("tool-1", write)
    assert not half.exists()


def test_parallel_runs_fill_once() -> None:
    filled: list[Path] = []
    entered = threading.Event()
    go_on = threading.Event()

    def slow(folder: Path) -> None:
        filled.append(folder)
        entered.set()
        assert go_on.wait(10)
        write(folder)

    runs = [threading.Thread(target=cache.kept, args=("tool-1", slow)) for _ in range(3)]
    for run in runs:
        run.start()
    assert entered.wait(10)
    go_on.set()
    for run in runs:
        run.join(10)
    assert len(filled) == 1


def test_keys_depend_on_the_boundaries_of_their_parts() -> None:
    # Otherwise two different lists of flags could share a folder.
    assert cache.key("ab", "c") != cache.key("a", "bc")
    assert cache.key("ab", b"c") == cache.key(b"ab", "c")

"""The turns of the namespaces: nobody waits for another tenant's thousands."""

from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.shares import CONCURRENT, CONCURRENT_PER_NAMESPACE, Shares, Task


def shares(*namespaces: str, absent: int = 1, **limits: int) -> Shares:
    """Return shares in which each namespace waits for some absent NSGs: `a-0`, `a-1` and so on."""
    built = Shares(bool, **limits)
    for namespace in namespaces:
        for number in range(absent):
            built.add(namespace, f"{namespace}-{number}", edited=False)
    return built


def take_all(work: Shares) -> list[str]:
    """Reconcile one after the other until nothing waits."""
    order = []
    while (task := work.take()) is not None:
        order.append(task.nsg)
        work.finish(task)
    return order


def test_a_change_in_azure_goes_before_edits_and_no_listing_replaces_its_reading() -> None:
    # The page of the listing may have been read before the change.
    work = Shares()
    for nsg in ("edited-1", "edited-2", "changed"):
        work.add("a", nsg, edited=True)
    work.begin_listing()
    work.add_changed("a", "changed")
    assert work.waiting() == 3
    assert work.reserve("changed")
    assert work.reserve("edited-1")
    assert take_all(work) == ["edited-2"]
    work.release("changed")
    work.release("edited-1")
    assert take_all(work) == ["changed"]
    assert work.waiting() == 0


def test_the_namespaces_take_turns() -> None:
    # 2,000 NSGs of one tenant took minutes, in which the single edit of another was not judged.
    work = shares("a", absent=2000)
    assert [task.nsg for task in [work.take()] if task] == ["a-0"]
    work.add("b", "b-0", edited=True)
    work.add("c", "c-0", edited=False)
    order = take_all(work)
    assert order.index("b-0") <= 1
    assert order.index("c-0") <= 2
    assert len(order) == 2001, "each NSG has its turn once"


def test_edited_baselines_go_before_absent_nsgs_of_their_namespace() -> None:
    work = shares("a", absent=3)
    work.add("a", "edited", edited=True)
    work.add("a", "a-2", edited=True)
    work.add("a", "a-2", edited=False)
    work.add("a", "edited", edited=True)
    assert work.waiting() == 4, "the metric counts both kinds, and each NSG once"
    assert take_all(work) == ["edited", "a-2", "a-0", "a-1"]


def test_all_namespaces_together_have_a_limit_and_each_has_its_own() -> None:
    work = shares("a", "b", "c", absent=5, concurrent=4, per_namespace=2)
    started = [task for _ in range(4) if (task := work.take()) is not None]
    assert [task.nsg for task in started] == ["a-0", "b-0", "c-0", "a-1"]
    assert work.take() is None, "four at a time"
    work.finish(started[1])
    assert work.take() == Task("b", "b-1"), "a has two"
    alone = shares("a", absent=5)
    assert [alone.take() is not None for _ in range(3)] == [True, True, False]
    assert (CONCURRENT, CONCURRENT_PER_NAMESPACE) == (4, 2)


def test_an_nsg_that_is_edited_while_it_is_reconciled_is_reconciled_again() -> None:
    # The running reconcile read the baseline before the edit.
    work = shares("a")
    task = work.take()
    assert task == Task("a", "a-0")
    work.add("a", "a-0", edited=True)
    assert work.take() is None, "never twice at a time"
    work.finish(task)
    assert take_all(work) == ["a-0"]


def test_the_listing_and_the_shares_do_not_reconcile_one_nsg_at_a_time() -> None:
    # The one that ends last would store what it read first.
    work = shares("a", absent=2)
    work.begin_listing()
    assert work.reserve("a-0")
    task = work.take()
    assert task == Task("a", "a-1")
    assert not work.reserve("a-1")
    assert work.waiting() == 0, "what the listing reconciles need not wait any more"
    work.add("a", "a-0", edited=True)
    assert work.take() is None
    work.release("a-0")
    assert work.take() == Task("a", "a-0")


def test_a_listing_does_not_follow_what_was_read_after_it_began() -> None:
    work = shares("a", absent=2)
    first = work.take()
    assert first is not None
    work.begin_listing()
    work.finish(first)
    second = work.take()
    assert second is not None
    work.finish(second)
    assert [work.reserve(nsg) for nsg in ("a-0", "a-1", "a-2")] == [False, False, True]
    work.release("a-2")
    work.begin_listing()
    assert work.reserve("a-0")
    assert work.reserve("a-1")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans()), max_size=60))
def test_every_nsg_has_its_turn_and_no_namespace_waits_for_two_of_another(
    additions: list[tuple[str, int, bool]],
) -> None:
    work = Shares()
    for namespace, number, edited in additions:
        work.add(namespace, f"{namespace}-{number}", edited=edited)
    assert work.waiting() == len({(namespace, number) for namespace, number, _ in additions})
    order = take_all(work)
    assert sorted(order) == sorted({f"{namespace}-{number}" for namespace, number, _ in additions})
    for position, nsg in enumerate(order[:-1]):
        rest = {later[0] for later in order[position + 1 :]}
        assert order[position + 1][0] != nsg[0] or rest == {nsg[0]}

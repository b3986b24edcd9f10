"""Laws of authorship over any story: whatever callers write, and whatever of it the log shows."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nsg_baseline.core.attribution.authorship import Authorship
from tests.core.test_authorship import answered
from tests.support.activity_rows import RULE, Story, content, people, story

PEOPLE = ("jo", "mo", "al")
STATES = st.sampled_from("-XY")
MANY = settings(max_examples=300, deadline=None)


@st.composite
def events(draw: st.DrawFn, *, plain: bool = False) -> str:
    """Draw an event; a plain one is listed whole and well apart from the others."""
    how = draw(st.sampled_from(("rule", "nsg", "nsg", "delete", "drop", "tags")))
    letter = draw(st.sampled_from("XY" if how == "rule" else "XY-="))
    pause = draw(st.sampled_from((2, 60) if plain else (0.05, 0.5, 2, 60)))
    flags = ("",) if plain else ("", "", "", "missing", "truncated", "refused", "broken", "wrote", "pending", "late")
    return f"{draw(st.sampled_from(PEOPLE))} {how} {letter} {draw(st.sampled_from(flags))} +{pause}s"


@st.composite
def stories(draw: st.DrawFn, *, plain: bool = False) -> tuple[Story, bool]:
    """Draw a story, and whether the NSG was read without its last state before. The operator writes what it reads."""
    first = draw(STATES)
    past = story(state=first)
    for event in draw(st.lists(events(plain=plain), min_size=1, max_size=6)):
        copies = ((), (), ("op nsg = +2s",), *(() if plain else (("op nsg = truncated +2s",),)))
        own = draw(st.sampled_from(copies))
        past.add(event.replace("=", "-") if " rule " in event and past.state == "-" else event, *own)
    return past, past.state != first and draw(st.booleans())


def certain(answer: Authorship) -> str | None:
    return next(iter(people([answer.writes[0].caller.name]))) if answer.answer == "Certain" else None


@MANY
@given(stories())
def test_a_certain_author_is_the_author(drawn: tuple[Story, bool]) -> None:
    # The most important one: a name that is wrong accuses somebody, and hides somebody else.
    past, absent = drawn
    author = certain(answered(past, absent=absent))
    assert author is None or author == past.author


@MANY
@given(stories(plain=True))
def test_a_log_that_shows_everything_names_the_author(drawn: tuple[Story, bool]) -> None:
    # "Uncertain" is honest, and useless where the log has the answer.
    past, absent = drawn
    assert not absent or certain(answered(past)) == past.author


@MANY
@given(stories(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_rows_do_not_matter(drawn: tuple[Story, bool], random: Any) -> None:
    # Pages are not sorted, and overlap.
    past, absent = drawn
    expected = answered(past, absent=absent)
    past.rows = [*past.rows, *random.sample(past.rows, len(past.rows) // 2)]
    random.shuffle(past.rows)
    assert answered(past, absent=absent) == expected


@MANY
@given(stories(), st.data())
def test_a_stranger_who_wrote_other_content_is_never_certain(drawn: tuple[Story, bool], data: st.DataObject) -> None:
    past, absent = drawn
    assume(past.state != "-")
    stranger = story("zed nsg Q", state=past.state).rows
    moved = timedelta(seconds=data.draw(st.integers(0, 600)))
    past.rows += [{**row, "eventTimestamp": _moved(row["eventTimestamp"], moved)} for row in stranger]
    assert certain(answered(past, absent=absent)) != "zed"


@MANY
@given(stories())
def test_a_certain_author_sent_the_content(drawn: tuple[Story, bool]) -> None:
    past, absent = drawn
    author = certain(answered(past, absent=absent))
    if author is None or past.state == "-":
        return
    bodies = [row["properties"].get("requestbody") for row in past.rows if row["caller"] == f"{author}@example.com"]
    assert any(_holds(body, content(past.state)["destinationPortRange"]) for body in bodies if body)


@MANY
@given(stories(), st.sampled_from(("missing", "truncated")))
def test_bodies_that_do_not_show_the_content_prove_nothing(drawn: tuple[Story, bool], how: str) -> None:
    past, absent = drawn
    assume(past.state != "-")
    for row in past.rows:
        body = row["properties"].pop("requestbody", "")
        if how == "truncated" and body:
            row["properties"]["requestbody"] = body[:-1]
    assert certain(answered(past, absent=absent)) is None


@MANY
@given(stories(), st.data())
def test_before_the_log_is_complete_only_azure_proves_an_author(drawn: tuple[Story, bool], data: st.DataObject) -> None:
    # Whatever rows are late: a name that is certain early is that of somebody whose rule was new.
    past, absent = drawn
    past.rows = data.draw(st.lists(st.sampled_from(past.rows), unique_by=id))
    author = certain(answered(past, absent=absent, after=timedelta(minutes=1)))
    proofs = {row["caller"].partition("@")[0] for row in past.rows if _proves(row)}
    assert author is None or author in proofs


def _proves(row: dict[str, Any]) -> bool:
    deletes = row["operationName"]["value"].endswith("/delete")
    return bool(row["subStatus"]["value"] == ("OK" if deletes else "Created"))


def _moved(text: str, by: timedelta) -> str:
    hour, minute, second = text[11:26].split(":")
    moved = timedelta(hours=int(hour), minutes=int(minute), seconds=float(second)) + by
    whole = int(moved.total_seconds())
    return f"{text[:11]}{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{moved.microseconds:06}0Z"


def _holds(body: str, port: str) -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False
    rules = (
        document["properties"].get("securityRules", [{"name": RULE, **document}]) if "properties" in document else []
    )
    return any(rule["name"] == RULE and rule["properties"]["destinationPortRange"] == port for rule in rules)

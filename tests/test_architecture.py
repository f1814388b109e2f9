"""The page on architecture shows the rooms that there are."""

from __future__ import annotations

import re

from tests.rooms import BEGIN, PAGE, diagram, drawn, graph, reachable


def test_the_picture_is_that_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert page == drawn(page), "draw it anew: python -m tests.rooms"
    assert page.count(BEGIN) == 1


def test_every_room_has_a_line_that_says_what_it_is_for() -> None:
    rows = re.findall(r"^\| `(\w+)` \| \S.+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(graph())


def test_an_arrow_that_follows_from_others_is_left_out_and_no_other() -> None:
    rooms = graph()
    arrows = [line.split(" --> ") for line in diagram().splitlines()[1:]]
    drawn_alone: dict[str, set[str]] = {room: set() for room in rooms}
    for above, below in arrows:
        drawn_alone[above.strip()].add(below)
    assert all(reachable(drawn_alone, room) == reachable(rooms, room) for room in rooms)
    assert rooms["models"] >= {"data", "records"}
    assert ["    models", "records"] not in arrows

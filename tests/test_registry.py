"""A registry finds what was added, and says in one line what it does not know."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.config.registry import Registry, UnknownName


def test_entries_are_found_by_name_in_the_order_in_which_they_were_added() -> None:
    sizes: Registry[int] = Registry("size")
    assert sizes.add("small", 1) == 1
    sizes.add("large", 2)
    assert sizes.names() == ("small", "large") and sizes.get("large") == 2
    assert "small" in sizes and "huge" not in sizes and dict(sizes.items())["small"] == 1


def test_a_function_is_added_where_it_is_defined() -> None:
    measures: Registry[Callable[[], int]] = Registry("measure")

    @measures.register("length")
    def length() -> int:
        return 3

    assert measures.get("length") is length and length() == 3


def test_an_unknown_name_is_one_line_that_lists_the_known() -> None:
    sizes: Registry[int] = Registry("data.size")
    sizes.add("small", 1)
    sizes.add("large", 2)
    with pytest.raises(UnknownName) as caught:
        sizes.get("smal")
    assert str(caught.value) == (
        "data.size='smal': expected one of small, large, did you mean small?"
    )
    assert sizes.faults("qq") == ["data.size='qq': expected one of small, large"]
    assert sizes.faults("large") == []


def test_no_name_is_taken_twice_but_the_same_entry_may_come_again() -> None:
    sizes: Registry[int] = Registry("size")
    entry = sizes.add("small", 1000)
    sizes.add("small", entry)
    with pytest.raises(ValueError, match="size='small': taken, expected another name"):
        sizes.add("small", 2000)

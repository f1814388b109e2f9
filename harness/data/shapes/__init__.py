"""Records to examples: which keys mean what.

A shape is an entry of `SHAPES`: the keys by which it is known, and a function from a record to an
example.
"""

from harness.data.shapes.registry import (
    SHAPES,
    Shape,
    columns_known,
    example_of,
    mapped,
    stars_apart,
    value_at,
)

__all__ = ["SHAPES", "Shape", "columns_known", "example_of", "mapped", "stars_apart", "value_at"]

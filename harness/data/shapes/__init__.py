"""Records to examples: which keys mean what.

A shape is a row of `SHAPES`: the keys by which it is known, and a function from a record to an
example.
"""

from harness.data.shapes.registry import KNOWN_COLUMNS, SHAPES, Shape, example_of, mapped

__all__ = ["KNOWN_COLUMNS", "SHAPES", "Shape", "example_of", "mapped"]

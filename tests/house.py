"""Figures of the code's form, those of many good projects: `python -m tests.house [FOLDER ...]`.

For each folder: files and the longest of them, functions with the median and the 90th percentile of
their lines, how many functions have more than 50, comments and docstrings as shares of all lines,
comprehensions and nested ones per 1,000 lines, and the share of lines of more than 100 characters.
"""

from __future__ import annotations

import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
FOLDERS = ("harness", "analysis", "tests")
HEADS = ("folder", "files", "lines", "longest", "functions", "median", "p90", "> 50 lines",
         "comments %", "docstrings %", "comprehensions", "nested", "> 100 chars %")  # fmt: skip

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def functions(tree: ast.AST) -> Iterator[int]:
    """The lines of each function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_lines(tree: ast.AST) -> int:
    """Lines of all docstrings, and of the texts below constants that say what they are."""
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return sum((text.end_lineno or text.lineno) - text.lineno + 1 for text in texts)


def comment_lines(source: str) -> int:
    """Lines that hold a comment, alone or after code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})


def comprehensions(tree: ast.AST) -> tuple[int, int]:
    """How many there are, and how many of them lie within another one."""
    count = nested = 0
    for node in ast.walk(tree):
        if isinstance(node, COMPREHENSIONS):
            count += 1
            inner = [each for each in ast.walk(node) if isinstance(each, COMPREHENSIONS)]
            nested += len(inner) > 1
    return count, nested


def row(folder: Path) -> list[str]:
    """A folder's figures, in the order of `HEADS`."""
    sources = [path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))]
    trees = [ast.parse(source) for source in sources]
    sizes = [len(source.splitlines()) for source in sources]
    total = sum(sizes)
    lengths = sorted(length for tree in trees for length in functions(tree))
    counts = [comprehensions(tree) for tree in trees]
    wide = sum(len(line) > 100 for source in sources for line in source.splitlines())
    shares = [
        100 * sum(map(comment_lines, sources)) / total,
        100 * sum(map(docstring_lines, trees)) / total,
        1000 * sum(count for count, _ in counts) / total,
        1000 * sum(nested for _, nested in counts) / total,
        100 * wide / total,
    ]
    whole = [
        len(sources),
        total,
        max(sizes),
        len(lengths),
        round(statistics.median(lengths)),
        lengths[int(0.9 * len(lengths))],
        sum(length > 50 for length in lengths),
    ]
    return [folder.name, *map(str, whole), *(f"{share:.1f}" for share in shares)]


def main(folders: Sequence[str]) -> None:
    """Print a table of the folders, of the project's own where none is named."""
    table = Table(*HEADS)
    for folder in folders or [str(ROOT / name) for name in FOLDERS]:
        table.add_row(*row(Path(folder)))
    Console(width=160).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])

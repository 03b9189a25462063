"""Sizes with names in them, such as "4*batch*(past+tokens)": their spelling is that of `src/tensor/shape.ts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Dim = int | str


def split_top(text: str, separator: str) -> list[str]:
    """Splits at a separator that stands in no parentheses."""
    parts: list[str] = []
    depth = start = 0
    for place, letter in enumerate(text):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == separator and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return parts


def size_of(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The number that a dimension is, given those of its names. Raises ValueError where a name has none."""
    if isinstance(dim, int):
        return dim
    known = sizes.get(dim)
    if known is not None:
        return known
    factors = split_top(dim, "*")
    if len(factors) > 1:
        product = 1
        for factor in factors:
            product *= size_of(factor, sizes)
        return product
    if dim.startswith("(") and dim.endswith(")"):
        return sum(size_of(term, sizes) for term in split_top(dim[1:-1], "+"))
    try:
        return int(dim)
    except ValueError:
        raise ValueError(f'no size for "{dim}"') from None


def shape_of(shape: Sequence[Dim], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size_of(dim, sizes) for dim in shape)

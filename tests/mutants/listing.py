"""The list of the variants as Markdown: `python -m tests.mutants.listing` prints what docs/mutants.md has of them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutants.variants import VARIANTS


def listing() -> Iterator[str]:
    """The lines of a table, in the order of the variants."""
    yield "| variant | what is wrong with it | check |"
    yield "| --- | --- | --- |"
    for variant in VARIANTS:
        yield f"| {variant.name} | {variant.sentence} | `{variant.meant}` |"


if __name__ == "__main__":
    print("\n".join(listing()))  # noqa: T201  # it is what it is for

"""What docs/mutants.md lists as Markdown: `python -m tests.mutants.listing` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.judging.checks import CHECKS

from tests.mutants.variants import VARIANTS
from tests.places import PROJECT
from tests.services.expected import Expected


def listing() -> Iterator[str]:
    """The lines of a table, in the order of the variants: by which check each is rejected with the load that it has here, and with that of a
    default run."""
    yield "| variant | what is wrong with it | here | default run |"
    yield "| --- | --- | --- | --- |"
    for variant in VARIANTS:
        by_default = f"`{variant.meant}`" if variant.load.seeded else f"not asked: {variant.load.count} tasks here"
        yield f"| {variant.name} | {variant.sentence} | `{variant.meant}` | {by_default} |"


def needs() -> Iterator[str]:
    """The lines of a table: what is rejected by each check, and may be by no other."""
    files = sorted((PROJECT / "tests" / "services").glob("*/expected.toml"))
    services = {file.parent.name: Expected.read(file.parent).fails.keys() for file in files}
    yield "| check | variants | services |"
    yield "| --- | --- | --- |"
    for check in CHECKS:
        variants = [each.name for each in VARIANTS if each.caught_by == (check,)]
        alone = [name for name, failing in services.items() if failing == {check}]
        yield f"| `{check}` | {', '.join(variants)} | {', '.join(alone)} |"


TABLES = (listing, needs)

if __name__ == "__main__":
    print("\n\n".join("\n".join(table()) for table in TABLES))  # noqa: T201  # it is what it is for

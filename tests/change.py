"""A small change to a service's files, by which a wrong one is made of a right one. It must not know what is wrong then."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One text in one of the service's files, in place of another that is there exactly once."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The file's text with this change.

        Raises:
            ValueError: when what is to be replaced is not there exactly once, so that no wrong service silently becomes the right one.
        """
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.file} has the text to be replaced {count} times, not once: {self.old!r}")
        return text.replace(self.old, self.new)

"""What a report says of words that were learnt of a service. It must not know how."""

from __future__ import annotations

from taskguard.history import Manifest


def learnt_note(manifest: Manifest) -> str:
    """What was learnt, as it could be stated; empty where nothing was."""
    tables: dict[str, list[str]] = {}
    for each in manifest.learnt:
        if each.is_certain:
            tables.setdefault(each.table, []).extend(each.lines)
    told = "; ".join(f"[{table}] {', '.join(dict.fromkeys(lines))}" for table, lines in tables.items())
    return f"Learnt from the service, since its taskguard.toml does not say it: {told}." if told else ""

"""What a report says of the clocks of a run. It must not know what was timed."""

from __future__ import annotations

from taskguard.history import Manifest

_WITH_A_CLOCK_OF_ITS_OWN = "localstack"


def clock_note(manifest: Manifest) -> str:
    """That the pipeline's clock ran fast, and that the machine's was set during the run; empty when neither is so."""
    told = []
    if manifest.clock_scale != 1:
        told.append(
            f"The pipeline's clock ran up to {manifest.clock_scale:g} times as fast as the machine's while the pipeline only waited. "
            "All times are its times."
        )
    if seconds := manifest.machine_clock_set_seconds:
        what = f"Warning: the machine's clock was set by {seconds:+g} s during the run, or the machine slept."
        if manifest.target == _WITH_A_CLOCK_OF_ITS_OWN:
            told.append(f"{what} The run has a clock of its own, so that its times are right all the same.")
        else:
            told.append(f"{what} Times of this run may be wrong by as much: run again.")
    return " ".join(told)

"""What is left out of an iteration's pairs, and why: one idea a file, all of them run by `run_filters`."""

from engine.data.filters.run import FilterReport, Keep, run_filters

__all__ = ["FilterReport", "Keep", "run_filters"]

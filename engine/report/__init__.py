"""The iteration log: what was changed, measured, found and decided, and which iteration was selected and why."""

from engine.report.document import markdown
from engine.report.entries import Entry, Log, Result, log_of
from engine.report.run import compare_run, iteration_log, log_json

__all__ = ["Entry", "Log", "Result", "compare_run", "iteration_log", "log_json", "log_of", "markdown"]

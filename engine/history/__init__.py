"""Recorded tables of iterations, as people publish and keep them, read into what the rules judge."""

from engine.history.table import load_history, parse_history

__all__ = ["load_history", "parse_history"]

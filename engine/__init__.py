"""The training engine: one detached process a run, and everything that it decides by."""

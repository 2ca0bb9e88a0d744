"""Records into what a screen shows: pure functions, no Textual, no clock of their own, no I/O."""

"""The terminal in front of the engine: it reads run.db, writes commands to control.db, and never trains."""

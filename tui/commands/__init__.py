"""The subcommands of `pilothouse`, a file a group. `tui.cli` imports the one that was asked for, and no other."""

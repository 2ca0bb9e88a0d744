"""Who scores or compares completions."""

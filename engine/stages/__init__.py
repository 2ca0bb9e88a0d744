"""One file a stage: what it reads, what it leaves behind, and what it leaves to others."""

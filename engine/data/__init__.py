"""Prompts, preference pairs and probes: from files, from the policy itself, or from the demo's invented world."""

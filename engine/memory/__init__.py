"""What the card holds: NVML's view of it, torch's own, and the host's memory where there is no card."""

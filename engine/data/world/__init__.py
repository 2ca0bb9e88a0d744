"""The demo's invented world: small enough to learn in seconds, rich enough to be unlearned."""

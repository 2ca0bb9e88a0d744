"""What runs behind the wall: only the standard library, started by path with nothing else importable."""

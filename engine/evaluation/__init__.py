"""What an iteration is worth: every number with its n, its interval and the items that it was made from."""

"""Composition and actions. A screen wires panels to keys; panels follow the bulletin; words come from presenters."""

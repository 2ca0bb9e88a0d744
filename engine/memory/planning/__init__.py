"""Will it fit: what a run is going to need of a card, before it starts."""

from engine.memory.planning.run import Simulator, simulate

__all__ = ["Simulator", "simulate"]

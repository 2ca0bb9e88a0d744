"""Where an iteration's preference pairs come from: files, the policy itself, critics, earlier iterations, people."""

from engine.data.collect.earlier import labelled
from engine.data.collect.gather import Critique, Gathered, Sources, gather
from engine.data.collect.pairing import joined
from engine.data.collect.sampling import Generator, Sampled

__all__ = ["Critique", "Gathered", "Generator", "Sampled", "Sources", "gather", "joined", "labelled"]

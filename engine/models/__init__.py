"""Weights on the device: load once, adapt by LoRA, switch between baseline, parent and policy, generate."""

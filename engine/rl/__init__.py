"""Proximal policy optimisation for language models (Schulman et al. 2017; Ziegler et al. 2019), one concept a file.

`rollout` samples, `experience` is what the four models say of the samples, `advantage` and `losses` are the
mathematics, `controller` keeps KL near its target, `update` learns from one batch, `metrics` names what came of it.
"""

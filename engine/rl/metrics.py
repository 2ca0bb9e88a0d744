"""An update's metrics, under the names of TRL's PPOTrainer (TRL 0.29 and before) and a few of ours."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from engine.rl.advantage import explained_variance, masked_mean
from engine.rl.experience import Experience
from engine.rl.update import Tally


def metrics(experience: Experience, tally: Tally, beta: float, target: float, per: str) -> dict[str, float]:
    """`objective/kl` and `objective/entropy` are nats a sequence, exact over the vocabulary at each sampled token,
    where TRL has the sampled token's alone; the means are the same. `beta` is what this update's rewards had.
    """
    rollout, said = experience.rollout, experience.opinions
    actions, per_sequence = rollout.actions, said.kl.sum(1).mean()
    score = float(said.scores.mean())
    non_score = float(-beta * per_sequence)
    return {
        "objective/kl": float(per_sequence),
        "objective/kl_token": float(masked_mean(said.kl, actions)),
        "objective/entropy": float(said.entropy.sum(1).mean()),
        "objective/non_score_reward": non_score,
        "objective/rlhf_reward": score + non_score,
        "objective/scores": score,
        "policy/approxkl_avg": _mean(tally.approx_kl),
        "policy/clipfrac_avg": _mean(tally.clipped),
        "policy/step_kl": tally.step_kl,
        "policy/undone": float(tally.undone),
        "loss/policy_avg": _mean(tally.policy_loss),
        "loss/value_avg": _mean(tally.value_loss),
        "val/clipfrac_avg": _mean(tally.value_clipped),
        "val/ratio": _mean(tally.ratio, 1.0),
        "val/num_eos_tokens": float(rollout.finished.sum()),
        "completions/mean_length": float(actions.sum(1).mean()),
        "loss": _mean(tally.policy_loss) + _mean(tally.value_loss),
        "grad_norm": _mean(tally.grad_norm),
        "explained_variance": explained_variance(said.values, experience.returns, actions),
        "beta": beta,
        "kl_target": target,
        "kl_measured": kl_of(experience, per),
    }


def kl_of(experience: Experience, per: str) -> float:
    """The KL that the controller steers, in the unit of its target: nats a `sequence` or a `token`."""
    kl = experience.opinions.kl
    return float(kl.sum(1).mean() if per == "sequence" else masked_mean(kl, experience.rollout.actions))


def _mean(values: Sequence[float], otherwise: float = 0.0) -> float:
    return fmean(values) if values else otherwise

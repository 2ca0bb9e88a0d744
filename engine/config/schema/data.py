"""The `data` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.fields import Real, Section, Text, Whole


class DataConfig(Section):
    """Where preference pairs come from."""

    source: Literal["file", "on_policy", "both"] = Field("on_policy", description="recorded pairs, sampled pairs, both")
    path: Text | None = Field(
        None, description="local file of pairs (.json, .jsonl, .csv, these gzipped, .parquet); for source file or both"
    )
    dataset: Text | None = Field(None, description="or the name of a dataset on the hub")
    split: Text = Field("train", description="split of that dataset")
    held_out: Real = Field(0.1, gt=0, lt=0.9, description="share of file pairs kept for evaluation, never trained on")
    bad_share: Real = Field(0.05, ge=0, lt=1, description="refuse a file with a larger share of malformed records")
    max_pairs: Whole = Field(2000, ge=2, description="pairs an iteration trains on, at most")
    min_pairs: Whole = Field(16, ge=1, description="an iteration with fewer pairs is not trained")
    prompts: Whole = Field(160, ge=1, description="on-policy: prompts an iteration")
    completions: Whole = Field(6, ge=2, le=64, description="on-policy: completions a prompt")
    temperature: Real = Field(1.0, gt=0, le=5, description="on-policy: sampling temperature")
    max_new_tokens: Whole = Field(28, ge=1, description="on-policy: length limit of a completion")
    generator: Literal["transformers", "vllm"] = Field("transformers", description="on-policy: who samples completions")
    vllm_memory: Real = Field(0.4, gt=0, lt=1, description="share of the card that vLLM may take beside the model")
    pairing: Literal["nested", "best_worst", "all"] = Field(
        "nested", description="on-policy: best against worst, a second pair from further in too, or every two"
    )
    min_gap: Real = Field(0.5, ge=0, description="on-policy: least judged gap between chosen and rejected")
    batch_size: Whole = Field(256, ge=1, description="completions generated at once")
    constitution: Text | None = Field(
        None, description="YAML file of principles: the policy's answers are criticised and revised by them into pairs"
    )
    critic: Literal["policy", "endpoint"] = Field("policy", description="who criticises and revises")
    critiques: Whole = Field(32, ge=1, description="prompts an iteration whose answers are criticised and revised")
    ngram: Whole = Field(
        13, ge=2, le=100, description="words in a row that no prompt may share with an evaluation prompt"
    )
    near_duplicate: Real = Field(
        0.9, gt=0, le=1, description="Jaccard similarity that makes a near duplicate; 1 is off"
    )
    garbled: Real = Field(0.01, ge=0, le=1, description="share of broken characters that makes a text's encoding bad")
    noise_check: Literal["none", "report", "drop"] = Field(
        "none", description="recorded labels that a cross-validated reward contradicts: leave be, name, or leave out"
    )
    noise_by: Literal["texts", "model"] = Field(
        "texts", description="what that reward sees: style and form, or the baseline's log-probabilities too (slow)"
    )
    noise_limit: Real = Field(0.7, gt=0.5, lt=1, description="probability of being wrong that makes a label suspect")
    replay: Real = Field(
        0.0, ge=0, le=1, description="share of earlier on-policy pairs trained on again; targeted ones always are"
    )
    mix: Real = Field(0.2, ge=0, lt=1, description="of max_pairs: capability exercises mixed in where a plan asks")
    mix_always: bool = Field(False, description="mix them in whether or not a plan asks")
    mix_path: Text | None = Field(None, description="file of pairs that exercise capabilities; the demo brings its own")
    kinds: dict[str, Literal["safety", "balanced", "nuanced"]] = Field(
        {}, description="which kind the data's own categories are of, for the weights by iteration"
    )

"""The causal few-step runner: CausVid's block-by-block rollout on diffusers' unmodified Wan transformer."""

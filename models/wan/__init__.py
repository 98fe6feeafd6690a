"""Wan 2.1 on diffusers' own modules: the baseline, and the parts that models distilled from it share."""

"""Stands in for torchvision: only what the learned scorers and torchmetrics' LPIPS ask of it."""

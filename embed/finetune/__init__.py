"""Training and fine-tuning open_clip models on pictures with known attributes."""

from embed.finetune.stage import run_finetune

__all__ = ["run_finetune"]

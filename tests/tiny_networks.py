"""Tiny networks in the layout that the learned scorers read: seeded random weights, a vocabulary of single bytes."""

import json
from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
    ViTConfig,
    ViTModel,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

SIDE = 32
FEATURES = 8
START, END = "<|startoftext|>", "<|endoftext|>"


def write_tokenizer(folder: Path) -> CLIPTokenizer:
    """Write a byte-level BPE without merges: each byte is a token, at a word's end another one."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))


def write_clip(folder: Path, seed: int = 0) -> Path:
    """Write a whole CLIP of 2 layers a tower, for images of 32 pixels, with its tokenizer and image processor."""
    tokenizer = write_tokenizer(folder)
    torch.manual_seed(seed)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = CLIPTextConfig(
        vocab_size=514, max_position_embeddings=77, bos_token_id=512, eos_token_id=513, pad_token_id=513, **small
    )
    vision = CLIPVisionConfig(image_size=SIDE, patch_size=8, projection_dim=FEATURES, **small)
    text.projection_dim = FEATURES
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=FEATURES)
    CLIPModel(config).save_pretrained(folder)
    size = {"shortest_edge": SIDE}
    images = CLIPImageProcessor(size=size, crop_size={"height": SIDE, "width": SIDE})
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def write_dino(folder: Path, seed: int = 0) -> Path:
    """Write a ViT of 2 layers for images of 32 pixels in patches of 8, without a pooler, as DINO has none."""
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=8
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def write_all(folder: Path) -> Path:
    """Write what `--learned-weights` may hold for the scorers that need no package beyond the suite's own."""
    write_clip(folder / "clip-vit-base-patch32")
    write_clip(folder / "clip-vit-large-patch14", seed=1)
    write_dino(folder / "dino-vitb16")
    torch.manual_seed(2)
    torch.save(torch.nn.Linear(FEATURES, 1).state_dict(), folder / "sa_0_4_vit_l_14_linear.pth")
    return folder


def moving_clip(frames: int = 5, height: int = 40, width: int = 56) -> torch.Tensor:
    """Give frames [T,3,H,W], uint8, of a bright square that walks over a gradient."""
    ramp = torch.linspace(0, 120, width).expand(3, height, width)
    clip = ramp.to(torch.uint8).repeat(frames, 1, 1, 1)
    for index in range(frames):
        clip[index, :, 8:24, 4 * index : 4 * index + 16] = torch.tensor([250, 180, 90], dtype=torch.uint8).reshape(
            3, 1, 1
        )
    return clip

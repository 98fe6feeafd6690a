"""The negative prompt that Wan was published with.

Source: Wan-Video/Wan2.1 `wan/configs/shared_config.py`, `sample_neg_prompt` (Apache-2.0). It names garish colours,
overexposure, stillness, blurred details, subtitles, drawings, low quality, JPEG residue, malformed hands, faces and
limbs, messy backgrounds, three legs, crowds, and walking backwards.
"""

NEGATIVE_PROMPT = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，"  # noqa: RUF001 - as published
    "最差质量，低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，"  # noqa: RUF001
    "画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，"  # noqa: RUF001
    "杂乱的背景，三条腿，背景人很多，倒着走"  # noqa: RUF001
)

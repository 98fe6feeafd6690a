"""The negative prompt that Wan's users are told to take."""

NEGATIVE_PROMPT = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static,"
    " overall gray, worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers,"
    " poorly drawn hands, poorly drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture,"
    " messy background, three legs, many people in the background, walking backwards"
)
"""English translation of Wan 2.1's own (Chinese) negative prompt, as printed in huggingface/diffusers 0.42.1
`pipelines/wan/pipeline_wan.py` (Apache-2.0)."""

"""Where Wan 2.1's published networks lie. One text encoder, VAE and tokenizer serve every model that builds on Wan.

The repositories of both sizes hold a copy of each. Taking all from one is fairer, as nothing but the transformer then
differs between two rows, and saves a second download of 23 GB. Counts: Wan-Video/Wan2.1 @9737cba `wan/configs/*.py`
and google/umt5-xxl's sizes, built on torch's meta device; a tied tensor counts once.
"""

from models.spec import WeightsFile

LICENCE = "Apache-2.0"
BASE_REPOSITORY = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
LARGE_REPOSITORY = "Wan-AI/Wan2.1-T2V-14B-Diffusers"
PARAMETERS_1_3B, TENSORS_1_3B = 1_418_996_800, 825
PARAMETERS_14B, TENSORS_14B = 14_288_491_584, 1095
SOURCE = "repository named in huggingface/diffusers docs/source/en/api/pipelines/wan.md; no revision is, so UNPINNED"


def _folder(repository: str, path: str, parameters: int | None = None, tensors: int | None = None) -> WeightsFile:
    return WeightsFile(
        repository=repository, path=path, licence=LICENCE, source=SOURCE, parameters=parameters, tensors=tensors
    )


TRANSFORMER_1_3B = _folder(BASE_REPOSITORY, "transformer/", PARAMETERS_1_3B, TENSORS_1_3B)
TRANSFORMER_14B = _folder(LARGE_REPOSITORY, "transformer/", PARAMETERS_14B, TENSORS_14B)
SHARED_WEIGHTS = (
    _folder(BASE_REPOSITORY, "text_encoder/", 5_680_910_336, 242),
    _folder(BASE_REPOSITORY, "vae/", 126_892_531, 194),
    _folder(BASE_REPOSITORY, "tokenizer/"),
)

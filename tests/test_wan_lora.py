"""A LoRA is fused as computed by hand, whole or not at all, and leaves a plain transformer."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_wan_lora_to_diffusers
from safetensors.torch import save_file
from torch import Tensor

from models import wan21_t2v_14b_causvid_lora
from models.spec import Recipe, RecipeError, WeightsMissingError, needed_weights
from models.wan.architecture import TINY
from models.wan.components import load_components
from models.wan.lora import LoraError, add_deltas, fuse_lora, random_deltas, read_lora
from models.wan.meta import transformer_on_meta
from models.wan.pipeline import WanPipeline
from models.wan.random_weights import build_random
from models.weights import missing_weights

WIDTH, FFN, RANK = 24, 32, 4
ATTENTION = [f"{kind}_attn.{part}" for kind in ("self", "cross") for part in "qkvo"]
LAYERS = dict.fromkeys(ATTENTION, (WIDTH, WIDTH)) | {"ffn.0": (FFN, WIDTH), "ffn.2": (WIDTH, FFN)}
Change = Callable[[dict[str, Tensor]], object]
RECIPE = Recipe(
    model=wan21_t2v_14b_causvid_lora.ID,
    weights="random",
    device="cpu",
    transformer_dtype="bfloat16",
    text_encoder_dtype="float32",
    vae_dtype="float32",
    attention="native",
    lora="v1",
    lora_strength=0.95,
)


def transformer(dtype: str = "float32") -> WanTransformer3DModel:
    made: WanTransformer3DModel = build_random(lambda: transformer_on_meta(TINY.transformer), dtype, "cpu")
    return made


def tensors(blocks: tuple[int, ...] = (0, 1), alpha: float | None = 2.0) -> dict[str, Tensor]:
    """Make up a LoRA of the tiny transformer in the layout of Kijai's files."""
    generator, made = torch.Generator().manual_seed(3), {}
    for block in blocks:
        for layer, (width_out, width_in) in LAYERS.items():
            name = f"diffusion_model.blocks.{block}.{layer}"
            made[f"{name}.lora_down.weight"] = torch.randn(RANK, width_in, generator=generator).half()
            made[f"{name}.lora_up.weight"] = torch.randn(width_out, RANK, generator=generator).half()
            if alpha is not None:
                made[f"{name}.alpha"] = torch.tensor(alpha)
    return made


def saved(folder: Path, content: dict[str, Tensor]) -> Path:
    save_file(content, folder / "lora.safetensors")
    return folder / "lora.safetensors"


@pytest.mark.parametrize(("alpha", "scale"), [(2.0, 0.5), (None, 1.0)])
def test_fused_weight_is_that_computed_by_hand(tmp_path: Path, alpha: float | None, scale: float) -> None:
    """W + strength · (alpha / rank) · up · down, in every layer of every block; without alpha the scale is 1."""
    content, fused, before = tensors(alpha=alpha), transformer(), transformer().state_dict()
    assert fuse_lora(fused, saved(tmp_path, content), 0.95) == 20
    for ours, theirs in (
        ("blocks.0.attn1.to_q", "blocks.0.self_attn.q"),
        ("blocks.1.attn2.to_out.0", "blocks.1.cross_attn.o"),
        ("blocks.1.ffn.net.0.proj", "blocks.1.ffn.0"),
        ("blocks.0.ffn.net.2", "blocks.0.ffn.2"),
    ):
        up, down = (content[f"diffusion_model.{theirs}.lora_{kind}.weight"].double() for kind in ("up", "down"))
        expected = before[f"{ours}.weight"].double() + 0.95 * scale * (up @ down)
        torch.testing.assert_close(fused.get_submodule(ours).weight.double(), expected, rtol=0, atol=1e-6)
        assert torch.equal(fused.get_submodule(ours).bias, before[f"{ours}.bias"])
    changed = {name for name, tensor in fused.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if re.search(r"(to_[qkv]|to_out\.0|net\.0\.proj|net\.2)\.weight$", name)}


def test_bfloat16_weights_are_rounded_once_from_float32(tmp_path: Path) -> None:
    """Each fused weight is the nearest bfloat16 of the exact sum, and what was kept in float32 stays so."""
    content, fused, before = tensors(), transformer("bfloat16"), transformer("bfloat16").state_dict()
    fuse_lora(fused, saved(tmp_path, content), 0.95)
    up, down = (content[f"diffusion_model.blocks.1.self_attn.k.lora_{kind}.weight"].float() for kind in ("up", "down"))
    expected = before["blocks.1.attn1.to_k.weight"].float() + 0.95 * 0.5 * (up @ down)
    assert torch.equal(fused.blocks[1].attn1.to_k.weight, expected.bfloat16())
    assert {name: tensor.dtype for name, tensor in fused.state_dict().items()} == {
        name: tensor.dtype for name, tensor in before.items()
    }


def test_nothing_of_an_adapter_is_left(tmp_path: Path) -> None:
    """The fused transformer has the modules of the base model, no tensor on the meta device, and runs."""
    fused, base = transformer(), transformer()
    fuse_lora(fused, saved(tmp_path, tensors()), 1.0)
    assert [(name, type(part)) for name, part in fused.named_modules()] == [
        (name, type(part)) for name, part in base.named_modules()
    ]
    assert not any(tensor.is_meta for tensor in (*fused.parameters(), *fused.buffers()))
    with torch.no_grad():
        inputs = (torch.ones(1, 16, 1, 8, 8), torch.tensor([500.0]), torch.ones(1, 8, 32))
        ours, theirs = (model(*inputs, return_dict=False)[0] for model in (fused, base))
    assert ours.isfinite().all()
    assert not torch.equal(ours, theirs)


def test_biases_and_whole_differences_are_added_with_the_strength(tmp_path: Path) -> None:
    """`diff_b` goes to the bias and `diff` to the weight of a layer, norms included, which diffusers would drop."""
    content = tensors() | {"diffusion_model.head.head.diff_b": torch.full((64,), 1.0)}
    for block in (0, 1):
        content[f"diffusion_model.blocks.{block}.self_attn.q.diff_b"] = torch.full((WIDTH,), 2.0)
        content[f"diffusion_model.blocks.{block}.norm3.diff"] = torch.full((WIDTH,), 4.0)
    fused, before = transformer(), transformer().state_dict()
    assert fuse_lora(fused, saved(tmp_path, content), 0.5) == 25
    assert torch.equal(fused.blocks[0].attn1.to_q.bias, before["blocks.0.attn1.to_q.bias"] + 1.0)
    assert torch.equal(fused.blocks[0].norm2.weight, before["blocks.0.norm2.weight"] + 2.0)
    assert torch.equal(fused.proj_out.bias, before["proj_out.bias"] + 0.5)


def test_names_and_products_are_those_of_diffusers_own_converter(tmp_path: Path) -> None:
    """The converter of diffusers gives every pair the same place and, alpha included, the same product."""
    content = tensors() | {
        f"diffusion_model.{layer}.lora_{kind}.weight": torch.ones(shape)
        for layer in ("time_projection.1", "head.head", "text_embedding.0", "time_embedding.2")
        for kind, shape in (("down", (RANK, 8)), ("up", (6, RANK)))
    }
    deltas = read_lora(saved(tmp_path, content))
    theirs = _convert_non_diffusers_wan_lora_to_diffusers({name: tensor.clone() for name, tensor in content.items()})
    assert {f"transformer.{name.removesuffix('.weight')}.lora_{ab}.weight" for name in deltas for ab in "AB"} == set(
        theirs
    )
    for name, delta in deltas.items():
        up, down = (theirs[f"transformer.{name.removesuffix('.weight')}.lora_{ab}.weight"].float() for ab in "BA")
        torch.testing.assert_close(delta.tensor(torch.device("cpu")), up @ down, rtol=1e-3, atol=1e-2)


def test_version_without_the_first_block_and_with_attention_only_is_whole(tmp_path: Path) -> None:
    """What v2 leaves out is left out on purpose: 8 parameters of each later block."""
    content = {key: tensor for key, tensor in tensors(blocks=(1,)).items() if "ffn" not in key}
    assert fuse_lora(transformer(), saved(tmp_path, content), 1.0) == 8


def test_only_the_first_block_may_be_left_out(tmp_path: Path) -> None:
    """Of three blocks the last alone, or none: a file that lost its beginning is not v2."""
    three = build_random(lambda: transformer_on_meta({**TINY.transformer, "num_layers": 3}), "float32", "cpu")
    assert fuse_lora(three, saved(tmp_path, tensors(blocks=(1, 2))), 1.0) == 20
    with pytest.raises(LoraError, match=r"lacks diffusion_model\.blocks\.1\.self_attn\.k\.lora_up and .* and 2 more"):
        fuse_lora(three, saved(tmp_path, tensors(blocks=(2,))), 1.0)


def test_file_without_a_pair_for_any_block_is_refused(tmp_path: Path) -> None:
    """A LoRA of the head, or differences of all blocks, are no LoRA of this model."""
    head = {
        f"diffusion_model.head.head.lora_{kind}.weight": torch.ones(shape)
        for kind, shape in (("down", (RANK, WIDTH)), ("up", (64, RANK)))
    }
    norms = {f"diffusion_model.blocks.{block}.norm3.diff": torch.ones(WIDTH) for block in (0, 1)}
    for content in (head, norms):
        with pytest.raises(LoraError, match=r"lora\.safetensors: has no pair diffusion_model\.blocks"):
            fuse_lora(transformer(), saved(tmp_path, content), 1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda t: t.pop("diffusion_model.blocks.1.self_attn.k.lora_up.weight"),
            "has only alpha, down of .*self_attn.k",
        ),
        (
            lambda t: [
                t.pop(f"diffusion_model.blocks.1.ffn.2.{part}") for part in ("lora_up.weight", "lora_down.weight")
            ],
            r"has only alpha of .*blocks\.1\.ffn\.2",
        ),
        (
            lambda t: [t.pop(key) for key in list(t) if "blocks.1.self_attn.v." in key],
            r"lacks diffusion_model\.blocks\.1\.self_attn\.v\.lora_up and \S+\.v\.lora_down, which",
        ),
        (
            lambda t: [t.pop(key) for key in list(t) if "blocks.1." in key],
            r"lacks diffusion_model\.blocks\.1\.self_attn\.k\.lora_up.*and 2 more;",
        ),
        (
            lambda t: t.update({"diffusion_model.blocks.0.self_attn.q.diff_b": torch.ones(WIDTH)}),
            r"lacks diffusion_model\.blocks\.1\.self_attn\.q\.diff_b, which another",
        ),
        (
            lambda t: t.update({"diffusion_model.blocks.1.norm3.diff": torch.ones(WIDTH)}),
            r"lacks diffusion_model\.blocks\.0\.norm3\.diff, which another",
        ),
        (
            lambda t: [t.pop(key) for key in list(t) if "blocks.0." in key and "ffn.0." not in key],
            r"lacks diffusion_model\.blocks\.0\.self_attn\.k\.lora_up",
        ),
        (
            lambda t: t.update(
                {f"diffusion_model.blocks.one.ffn.0.lora_{kind}.weight": torch.ones(4, 4) for kind in ("up", "down")}
            ),
            r"has diffusion_model\.blocks\.one\.ffn\.0\.lora_up, for which the base model has no",
        ),
        (
            lambda t: t.update({"diffusion_model.blocks.0.magic": torch.ones(1)}),
            r"the unknown diffusion_model.*\.magic",
        ),
        (
            lambda t: t.update({"diffusion_model.blocks.0.ffn.0.lora_A.weight": torch.ones(RANK, WIDTH)}),
            r"has diffusion_model\.blocks\.0\.ffn\.0\.lora_(A|down)\.weight under another name too",
        ),
        (lambda t: t.update({"lora_te_text.lora_up.weight": torch.ones(1)}), r"the unknown lora_te_text"),
        (lambda t: t.update({"diffusion_model.blocks.0.ffn.9.diff": torch.ones(1)}), r"no blocks\.0\.ffn\.9\.weight"),
        (
            lambda t: t.update({"diffusion_model.motion_encoder.enc.net_app.convs.0.1.diff_b": torch.ones(1)}),
            "no motion_encoder",
        ),
        (
            lambda t: t.update({"diffusion_model.blocks.0.ffn.0.diff": torch.ones(1)}),
            "both a LoRA and a diff for .*ffn.0",
        ),
        (
            lambda t: t.update({"diffusion_model.blocks.0.ffn.0.lora_down.weight": torch.ones(5, WIDTH)}),
            r"blocks\.0\.ffn\.0 in shapes that do not multiply: .*'up': \[32, 4\]",
        ),
        (dict.clear, "holds no LoRA"),
    ],
)
def test_lora_that_is_not_whole_is_refused_by_its_keys(tmp_path: Path, change: Change, said: str) -> None:
    """Half a pair, a missing layer or block, an unknown key: each is named with the file, and nothing is changed."""
    content, fused = tensors(), transformer()
    change(content)
    with pytest.raises(LoraError, match=rf"lora\.safetensors: .*{said}"):
        fuse_lora(fused, saved(tmp_path, content), 1.0)
    assert all(torch.equal(*pair) for pair in zip(fused.parameters(), transformer().parameters(), strict=True))


def test_lora_of_another_base_model_is_refused_with_both_shapes(tmp_path: Path) -> None:
    """A wider model's LoRA names the key, its shape and that of the base model, and changes nothing."""
    content = {
        key: torch.zeros(tensor.shape[0] * (2 if "lora_up" in key else 1), tensor.shape[1]) if tensor.ndim else tensor
        for key, tensor in tensors().items()
    }
    fused = transformer()
    with pytest.raises(
        LoraError, match=r"self_attn\.k.* for \[48, 24\], but blocks\.0\.attn1\.to_k\.weight is \[24, 24\]"
    ):
        fuse_lora(fused, saved(tmp_path, content), 1.0)
    assert all(torch.equal(*pair) for pair in zip(fused.parameters(), transformer().parameters(), strict=True))


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\xff" * 100])
def test_unreadable_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A truncated or foreign file is named."""
    path = tmp_path / "lora.safetensors"
    path.write_bytes(content)
    with pytest.raises(LoraError, match=r"lora\.safetensors: cannot be read as safetensors"):
        read_lora(path)


def test_quantised_weights_are_refused() -> None:
    """A sum in a storage type of eight bits would be another LoRA."""
    cast = transformer()
    cast.blocks[0].ffn.net[2].weight.data = cast.blocks[0].ffn.net[2].weight.data.to(torch.float8_e4m3fn)
    with pytest.raises(LoraError, match=r"before they are quantised; not so blocks\.0\.ffn\.net\.2\.weight"):
        add_deltas(cast, random_deltas(cast, 0), 1.0)


def test_random_lora_changes_every_linear_layer_of_every_block_a_little() -> None:
    """Its numbers depend on the seed only; each weight moves by about a tenth of its size."""
    fused, again, base = transformer(), transformer(), transformer()
    assert add_deltas(fused, random_deltas(fused, 1), 1.0) == 20
    add_deltas(again, random_deltas(again, 1), 1.0)
    for name, weight in fused.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
    before, after = base.blocks[1].ffn.net[2].weight, fused.blocks[1].ffn.net[2].weight
    assert 0.05 < (after - before).std() / before.std() < 0.2


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the LoRA's model file the tiny architecture."""
    monkeypatch.setattr(wan21_t2v_14b_causvid_lora, "T2V_14B", TINY)


def weights_of(pipeline: object) -> dict[str, Tensor]:
    assert isinstance(pipeline, WanPipeline)
    state: dict[str, Tensor] = pipeline._components.transformer.state_dict()
    return state


@pytest.mark.usefixtures("toy")
def test_model_fuses_a_random_lora_into_random_weights() -> None:
    """Loading twice gives the same weights, another strength others: a recipe never sees what was fused before it."""
    load = wan21_t2v_14b_causvid_lora.MODEL.load
    first = weights_of(load(RECIPE))
    stronger = weights_of(load(msgspec.structs.replace(RECIPE, lora_strength=0.5)))
    again, base = weights_of(load(RECIPE)), transformer("bfloat16").state_dict()
    name = "blocks.0.attn1.to_q.weight"
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert (first[name] - base[name]).norm() > 1.5 * (stronger[name] - base[name]).norm() > 0


def cached(cache: Path, repository: str) -> Path:
    """Make an empty repository in a hub cache; give its snapshot folder."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("a" * 40)
    (folder / "snapshots" / ("a" * 40)).mkdir(parents=True)
    return folder / "snapshots" / ("a" * 40)


@pytest.mark.usefixtures("toy")
def test_model_fuses_the_published_file_into_the_published_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the hub's cache come the teacher's networks and the version's file, fused at the recipe's strength."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    made = load_components(TINY, RECIPE)
    made.transformer.save_pretrained(cached(tmp_path, "Wan-AI/Wan2.1-T2V-14B-Diffusers") / "transformer")
    base = cached(tmp_path, "Wan-AI/Wan2.1-T2V-1.3B-Diffusers")
    for name, part in {
        "text_encoder": made.text_encoder.network(),
        "vae": made.vae,
        "tokenizer": made.tokenizer,
    }.items():
        part.save_pretrained(base / name)
    save_file(tensors(), cached(tmp_path, "Kijai/WanVideo_comfy") / "Wan21_CausVid_14B_T2V_lora_rank32.safetensors")
    assert missing_weights(needed_weights(wan21_t2v_14b_causvid_lora.MODEL)) == []
    expected = transformer("bfloat16")
    fuse_lora(expected, saved(tmp_path, tensors()), 0.95)
    loaded = weights_of(wan21_t2v_14b_causvid_lora.MODEL.load(msgspec.structs.replace(RECIPE, weights="hub")))
    assert {name: tensor.dtype for name, tensor in loaded.items()} == {
        name: tensor.dtype for name, tensor in expected.state_dict().items()
    }
    assert all(torch.equal(loaded[name], tensor) for name, tensor in expected.state_dict().items())


@pytest.mark.usefixtures("toy")
def test_model_names_the_file_of_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is loaded, the version's file is looked for in the hub's cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for lora, file in (("v1", r"rank32\.safetensors"), ("v2", r"rank32_v2\.safetensors")):
        with pytest.raises(
            WeightsMissingError, match=rf"Kijai/WanVideo_comfy/Wan21_CausVid_14B_T2V_lora_{file} is not"
        ):
            wan21_t2v_14b_causvid_lora.MODEL.load(msgspec.structs.replace(RECIPE, weights="hub", lora=lora))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lora": "v3"}, "lora is 'v3', but must be one of v1, v2"),
        ({"lora": None}, "lora is None, but must be one of v1, v2"),
        ({"lora_strength": 0.0}, "lora_strength is 0.0, but must be a finite number above 0"),
        ({"lora_strength": float("inf")}, "lora_strength is inf"),
        ({"lora_strength": float("nan")}, "lora_strength is nan"),
    ],
    ids=str,
)
def test_model_refuses_what_is_no_lora_of_its_own(change: dict[str, object], said: str) -> None:
    """Without a LoRA it would be the teacher under another name."""
    with pytest.raises(RecipeError, match=rf"^wan2\.1-t2v-14b-causvid-lora: {said}"):
        wan21_t2v_14b_causvid_lora.MODEL.load(msgspec.structs.replace(RECIPE, **change))

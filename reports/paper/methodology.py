"""The methodology: models, prompts, machines, settings, metrics, and how it was measured, all as the record has it."""

from collections.abc import Sequence

from reports.paper.citations import of_attention
from reports.paper.document import Absent, Block, Code, Inline, Paragraph, Said, Section, See, Text, joined, say
from reports.paper.escape import short
from reports.paper.hardware import hardware
from reports.paper.measures import Place, counted, exact, setting
from reports.paper.metrics import metrics
from reports.paper.models import models
from reports.paper.protocol import protocol
from reports.paper.tables import figure, name, rows_of, table, words
from reports.record import CaseRecord, Run

LONGEST_PROMPT = 160


def methodology(runs: Sequence[Run]) -> Section:
    """Write the section from everything that was planned, whatever became of it."""
    blocks: tuple[Block, ...] = (
        Section("Models", "sec:models", models(runs)),
        Section("Prompts", "sec:prompts", _prompts(runs)),
        Section("Hardware and software", "sec:hardware", hardware(runs)),
        Section("Generation settings and tracks", "sec:settings", _settings(runs)),
        Section("What is measured", "sec:metrics", metrics(runs)),
        Section("Measuring protocol", "sec:protocol", protocol(runs)),
    )
    return Section("Methodology", "sec:methodology", blocks)


def _prompts(runs: Sequence[Run]) -> tuple[Block, ...]:
    prompts: dict[str, CaseRecord] = {}
    for run in runs:
        for case in run.cases:
            prompts.setdefault(case.plan.prompt.sha256 + case.plan.prompt.id, case)
    rows: list[tuple[Text, ...]] = [
        (
            (Code(case.plan.prompt.id),),
            (Said(short(case.plan.prompt.text, LONGEST_PROMPT)),),
            (Said(short(case.plan.prompt.motion, 40)) if case.plan.prompt.motion else Absent("no class is given"),),
            (Said(short(f"{case.plan.prompt.licence}; {case.plan.prompt.source}", 80)),),
        )
        for case in prompts.values()
    ]
    if not rows:
        return (Paragraph(("No case was planned.",)),)
    text = say(
        "The runs use {prompts} with {seeds} ({table}). Where a prompt has an extended text, clips are generated from "
        "it, and scored by the short one; noise is drawn from the seed.",
        prompts=counted("distinct", [Place(run, None, "cases[*].plan.prompt.sha256") for run in runs], "prompt"),
        seeds=counted("distinct", [Place(run, None, "cases[*].plan.seed") for run in runs], "seed"),
        table=See("tab:prompts"),
    )
    caption = "Prompts by their short texts, cut where they are long."
    columns = (name("Prompt"), words("Text"), words("Motion"), words("Licence and source"))
    return Paragraph(text), table("tab:prompts", (caption,), columns, rows)


def _settings(runs: Sequence[Run]) -> tuple[Block, ...]:
    found: dict[tuple[object, ...], Place] = {}
    for run in runs:
        for case in run.cases:
            plan = case.plan
            found.setdefault((plan.setting, plan.track, plan.recipe.transformer_dtype), Place(run, case, ""))
    if not found:
        return (Paragraph(("No case was planned.",)),)
    text = say(
        "Two tracks are kept apart. In the matched track attention backend, precision, numerics, compile level, "
        "memory settings, size, length, prompt, initial noise and clock are the same, and only the sampling recipe "
        "(steps, guidance, shift) differs; only there is one model said to be so many times as fast as another. In "
        "the published track each model runs its own recipe, and no ratio is formed. {table} lists the "
        "settings.{attention}",
        table=See("tab:settings"),
        attention=_attention(runs),
    )
    columns = (
        name("Setting"), words("Track"), figure("Size"), figure("Frames"), figure("Rate", "[1/s]"), figure("Batch"),
        words("Precision, attention, compilation, memory"),
    )  # fmt: skip
    rows = rows_of(list(found.values()), _setting)
    return Paragraph(text), table("tab:settings", ("Settings as they were asked for.",), columns, rows)


def _attention(runs: Sequence[Run]) -> Text:
    names = [case.plan.recipe.attention for run in runs for case in run.cases]
    keys = of_attention(dict.fromkeys(names))
    return (" Attention kernels are named as diffusers names them", *keys, ".") if keys else ()


def _setting(place: Place) -> tuple[Text, ...]:
    run, case, _ = place
    assert case is not None, "a setting's place is that of a case"
    plan, recipe = case.plan, case.plan.recipe

    def of(field: str) -> Inline:
        return exact("px", Place(run, case, f"plan.request.{field}"))

    def value(field: str) -> Inline:
        return setting(Place(run, case, f"plan.recipe.{field}"))

    told = [
        f"transformer {recipe.transformer_dtype}, text encoder {recipe.text_encoder_dtype}, VAE {recipe.vae_dtype}",
        recipe.attention,
        f"compile {recipe.compile}",
        *([f"numerics {recipe.numerics}"] if recipe.numerics != "diffusers" else []),
        *([f"text encoder {recipe.text_encoder}"] if recipe.text_encoder != "resident" else []),
        *([f"weights {recipe.weights_dtype}"] if recipe.weights_dtype != "same" else []),
        *([f"decode {recipe.decode}"] if recipe.decode != "streamed" else []),
    ]
    parts: list[Text] = [(Said(short("; ".join(told), 300)),)]
    if recipe.lora is not None:
        parts.append(("LoRA ", Said(short(recipe.lora, 60)), " at ", value("lora_strength")))
    if recipe.memory_limit_gib is not None:
        parts.append(("limit ", value("memory_limit_gib"), " GiB"))
    return (
        (Code(plan.setting),),
        (plan.track,),
        (of("width"), " × ", of("height")),
        (of("frames"),),
        (setting(Place(run, case, "plan.request.fps")),),
        (of("batch"),),
        joined(parts, "; ", "; "),
    )

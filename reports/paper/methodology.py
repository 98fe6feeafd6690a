"""The methodology: models, prompts, machines, settings, metrics, and how it was measured, all as the record has it."""

from collections.abc import Sequence

from reports.paper.citations import SCHEDULERS, cite, of_attention, of_model
from reports.paper.configurations import is_sound
from reports.paper.document import Block, Code, Inline, Paragraph, Said, Section, See, Text, say
from reports.paper.escape import short
from reports.paper.hardware import hardware
from reports.paper.measures import Place, counted, exact, number, setting
from reports.paper.metrics import metrics
from reports.paper.protocol import protocol
from reports.paper.tables import figure, name, rows_of, table, words
from reports.record import CaseRecord, Run

SOURCES = {"hub": "published weights", "random": "random weights", "tiny": "toy model"}
LONGEST_PROMPT = 160


def methodology(runs: Sequence[Run]) -> Section:
    """Write the section from everything that was planned, whatever became of it."""
    blocks: tuple[Block, ...] = (
        Section("Models", "sec:models", _models(runs)),
        Section("Prompts", "sec:prompts", _prompts(runs)),
        Section("Hardware and software", "sec:hardware", hardware(runs)),
        Section("Generation settings and tracks", "sec:settings", _settings(runs)),
        Section("What is measured", "sec:metrics", metrics(runs)),
        Section("Measuring protocol", "sec:protocol", protocol(runs)),
    )
    return Section("Methodology", "sec:methodology", blocks)


def _models(runs: Sequence[Run]) -> tuple[Block, ...]:
    found: dict[tuple[object, ...], Place] = {}
    for run in runs:
        for case in sorted(run.cases, key=lambda case: not is_sound(case)):
            request = case.plan.request
            key = (
                case.plan.model.id,
                case.plan.model.weights_source,
                request.steps,
                request.guidance_scale,
                request.shift,
            )
            found.setdefault(key, Place(run, case, ""))
    if not found:
        return (Paragraph(("No case was planned.",)),)
    rows = rows_of(list(found.values()), _model)
    columns = (
        words("Model"), words("Scheduler"), figure("Steps"), figure("Guidance"), figure("Shift"),
        figure("Parameters", "transformer", "[billion]"), words("Weights and licence"),
    )  # fmt: skip
    caption = "Models as they were asked for. Parameters are counted in the loaded transformer."
    text = say(
        "All models run in this suite's own pipelines on PyTorch{pytorch} and diffusers{diffusers}, not in their "
        "authors' code. A guidance scale above one means classifier-free guidance{cfg}, which takes two forwards a "
        "step. {table} lists every combination of model and sampling recipe.",
        pytorch=cite(["pytorch"]),
        diffusers=cite(["diffusers"]),
        cfg=cite(["cfg"]),
        table=See("tab:models"),
    )
    return Paragraph(text), table("tab:models", (caption,), columns, rows)


def _model(place: Place) -> tuple[Text, ...]:
    run, case, _ = place
    assert case is not None, "a model's place is that of a case"
    plan, facts = case.plan, case.measurement.facts if case.measurement else None
    scheduler: Text = (
        (Code(facts.scheduler_class), *cite(SCHEDULERS.get(facts.scheduler_class, ()))) if facts else ("–",)
    )
    parameters = number(
        "value", "1e9", [Place(run, case, "measurement.facts.parameters.transformer")], decimals=3, divisor=1e9
    )
    licence = f"{plan.model.licence}" + (", non-commercial" if plan.model.non_commercial else "")
    return (
        (Said(short(plan.model.title, 80)), " (", Code(plan.model.id), ")", *of_model(case)),
        scheduler,
        *((setting(Place(run, case, f"plan.request.{field}")),) for field in ("steps", "guidance_scale", "shift")),
        (parameters if parameters is not None else "–",),
        (f"{SOURCES[plan.model.weights_source]}; ", Said(short(licence, 80))),
    )


def _prompts(runs: Sequence[Run]) -> tuple[Block, ...]:
    prompts: dict[str, CaseRecord] = {}
    for run in runs:
        for case in run.cases:
            prompts.setdefault(case.plan.prompt.sha256 + case.plan.prompt.id, case)
    rows: list[tuple[Text, ...]] = [
        (
            (Code(case.plan.prompt.id),),
            (Said(short(case.plan.prompt.text, LONGEST_PROMPT)),),
            (Said(short(case.plan.prompt.motion or "–", 40)),),
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

    told = [
        f"transformer {recipe.transformer_dtype}, text encoder {recipe.text_encoder_dtype}, VAE {recipe.vae_dtype}",
        recipe.attention,
        f"compile {recipe.compile}",
        *([f"numerics {recipe.numerics}"] if recipe.numerics != "diffusers" else []),
        *([f"text encoder {recipe.text_encoder}"] if recipe.text_encoder != "resident" else []),
        *([f"weights {recipe.weights_dtype}"] if recipe.weights_dtype != "same" else []),
        *([f"decode {recipe.decode}"] if recipe.decode != "streamed" else []),
        *([f"LoRA {recipe.lora} at {recipe.lora_strength}"] if recipe.lora is not None else []),
        *([f"limit {recipe.memory_limit_gib} GiB"] if recipe.memory_limit_gib is not None else []),
    ]
    return (
        (Code(plan.setting),),
        (plan.track,),
        (of("width"), " × ", of("height")),
        (of("frames"),),
        (setting(Place(run, case, "plan.request.fps")),),
        (of("batch"),),
        (Said(short("; ".join(told), 300)),),
    )

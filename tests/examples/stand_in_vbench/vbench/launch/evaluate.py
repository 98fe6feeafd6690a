"""Speaks the command line of VBench 0.1.5's `vbench.launch.evaluate`; STAND_IN_VBENCH says how it fails."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NO_CUSTOM = {"object_class", "multiple_objects", "scene", "appearance_style", "color", "spatial_relationship"}


def clips_of(options: argparse.Namespace, dimension: str) -> list[str]:
    """List the clips that VBench would find for a dimension."""
    videos = Path(options.videos_path)
    if options.mode == "custom_input":
        assert dimension not in NO_CUSTOM, f"dimensions : {dimension} not supported for custom input"
        prompts = json.loads(Path(options.prompt_file).read_text(encoding="utf-8"))
        names = sorted(path.name for path in videos.iterdir())
        assert set(names) <= set(prompts), "prompts not found in the prompt file"
        return names
    entries = json.loads(Path(options.full_json_dir).read_text(encoding="utf-8"))
    prompts = [entry["prompt_en"] for entry in entries if dimension in entry["dimension"]]
    named = [f"{prompt}-{index}.mp4" for prompt in prompts for index in range(5)]
    return [name for name in named if (videos / name).exists()]


def scores(options: argparse.Namespace, dimension: str, how: str) -> list[Any]:
    """Give [mean, clips] of a dimension: each clip scores its size in bytes over a thousand."""
    names = clips_of(options, dimension)
    clips: list[dict[str, Any]] = [
        {
            "video_path": f"{options.videos_path}/{name}",
            "video_results": (Path(options.videos_path) / name).stat().st_size / 1000,
        }
        for name in names
    ]
    if how in {"missing", "dropped"}:
        clips = clips[1:]
    if how == "twice":
        clips.append(clips[0])
    if how == "unasked":
        clips.append({"video_path": "elsewhere/other.mp4", "video_results": 1.0})
    if how == "nan":
        clips[0]["video_results"] = float("nan")
    if how == "text":
        clips[0]["video_results"] = "0.5"
    if how == "bool":
        clips = [{**clip, "video_results": True} for clip in clips]
    return [sum(clip["video_results"] for clip in clips) / len(clips) if how != "text" else 0.5, clips]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_path", default="./evaluation_results/")
    parser.add_argument("--full_json_dir")
    parser.add_argument("--videos_path", required=True)
    parser.add_argument("--dimension", nargs="+", required=True)
    parser.add_argument("--mode", choices=["custom_input", "vbench_standard", "vbench_category"])
    parser.add_argument("--prompt_file")
    options = parser.parse_args()
    how = os.environ.get("STAND_IN_VBENCH", "fine")
    sys.stdout.write(f"start evaluation {os.environ.get('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD')}\n")
    sys.stdout.flush()
    if how == "crash":
        sys.stderr.write("CUDA out of memory in the detector\n")
        sys.exit(3)
    if how == "hang":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # a child that must not outlive it
        time.sleep(60)
    results = Path(options.output_path)
    results.mkdir(parents=True, exist_ok=True)
    found = {name: scores(options, name, how) for name in options.dimension}
    if how == "lacking":
        found.popitem()
    texts = {"malformed": '{"subject_consistency": [0.5, [{"vid', "list": "[]", "shape": '{"subject_consistency": 0.5}'}
    name = "results_2026-01-01-00:00:00"
    (results / f"{name}_full_info.json").write_text("[]", encoding="utf-8")
    if how != "none":
        path = results / f"{name}_eval_results.json"
        path.write_text(texts.get(how) or json.dumps(found, indent=4), encoding="utf-8")


if __name__ == "__main__":
    main()

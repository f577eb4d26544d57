#!/usr/bin/env python3
# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles, judges and times the zoo's models; writes docs/zoo.md.

Example (in a virtual environment with tools/zoo/requirements.txt and
tools/bench/requirements.txt; `make zoo` makes one):
    judge.py                        every model, fetched into build/zoo at first
    judge.py ppocr_rec --no-time    one model, without timing it

Results gather in ZOO/results.json, so a run of some models renews their rows
of the page and keeps the others. Exits with 1 where a model misses its mark.
"""

import argparse
import json
import pathlib
import statistics
import sys


ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools/bench"))

import agreement
import catalog
import compare_contestants as contestants
import compare_rounds
import page
import runners

TRANSFORMERS = {"minilm", "smollm2"}



def judge_model(name, options):
    """What the page says of one model: see `page.py` for the keys."""
    module, model = catalog.MODELS[name], options.zoo / f"{name}.onnx"
    ort = runners.Ort(model)
    reference = catalog.evaluate(options.zoo, name, ort)
    score = lambda outputs: float(module.judge(options.zoo, outputs, reference))
    result = {"metric": module.METRIC, "loss": module.LOSS,
              "ort fp32": score(reference), "failures": {},
              "note": getattr(module, "NOTE", "")}
    calibration = catalog.calibration(options.zoo, name)
    frozen = getattr(module, "FROZEN", {})
    for precision in ("fp32", "int8"):
        try:
            artifact = contestants.compiled(model, calibration, precision,
                                            options, options.cache, frozen)
            result[f"{precision} bytes"] = artifact.stat().st_size
            run = runners.Qrun(options.build / "bin/qrun", artifact, ort.outputs,
                               frozen)
            outputs = catalog.evaluate(options.zoo, name, run)
            result[f"ours {precision}"] = score(outputs)
            if precision == "fp32":
                result["difference"] = agreement.relative_difference(
                    outputs, reference)
        except (contestants.Failed, runners.Failed) as failure:
            result["failures"][f"ours {precision}"] = reason(
                failure, model)
    if calibration.is_file() and not options.no_rival:
        try:
            rival = contestants.ort_int8(model, calibration, rival_kind(module),
                                         name in TRANSFORMERS, options.cache)
            result["ort int8"] = score(
                catalog.evaluate(options.zoo, name, runners.Ort(rival)))
        # Whatever its quantizer raises, it is the rival that has no figure.
        except Exception as error:
            result["failures"]["ort int8"] = reason(error, model)
    return result


def rival_kind(module):
    """How ONNX Runtime quantizes a model: static or dynamic."""
    return getattr(module, "RIVAL", "static")


def reason(failure, model):
    """What a command said after "error: ", on one line and without folders."""
    text = str(failure).rpartition("error: ")[2].strip()
    text = text.replace(str(model), model.name).replace(f"{model.parent}/", "")
    return " ".join(text.split())[:240]


def time_model(name, result, options):
    """Adds median ms and ratios; only what ran is timed."""
    kinds = [kind for kind in ("ort fp32", "ort int8", "ours fp32", "ours int8")
             if kind in result]
    if rival_kind(catalog.MODELS[name]) == "dynamic":
        kinds = [kind.replace("ort int8", "ort dynamic") for kind in kinds]
    case = compare_rounds.Case(
        name, options.zoo / f"{name}.onnx", options.zoo / f"{name}-time.npz",
        None, catalog.calibration(options.zoo, name), name in TRANSFORMERS, kinds,
        getattr(catalog.MODELS[name], "FROZEN", {}))
    timed = compare_rounds.compare(case, options)
    result["ms"] = {kind: statistics.median(values)
                    for kind, values in timed["times"].items()}
    result["ratios"] = compare_rounds.ratios(timed["times"])
    result["failures"].update(timed["failures"])


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL",
                        help=f"{', '.join(catalog.MODELS)}; none means all")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build",
                        help="folder whose bin/ holds qopt and qrun")
    parser.add_argument("--zoo", type=pathlib.Path, default=ROOT / "build/zoo",
                        help="folder of the fetched models")
    parser.add_argument("--archives", type=pathlib.Path,
                        help="folder of archives (default ZOO/cache)")
    parser.add_argument("--page", type=pathlib.Path,
                        default=ROOT / "docs/zoo.md", help="page to write")
    parser.add_argument("--no-time", action="store_true", help="judge only")
    parser.add_argument("--no-rival", action="store_true",
                        help="leave ONNX Runtime's quantizer out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0,
                        help="time of one contestant in one round")
    options = parser.parse_args()
    unknown = set(options.models) - set(catalog.MODELS)
    if unknown:
        parser.error(f"expected {', '.join(catalog.MODELS)}, "
                     f"found {', '.join(sorted(unknown))}")
    # What `compare_rounds` asks of its caller besides.
    options.cache, options.warmup = options.zoo / "artifacts", 5
    options.skip_ours = False
    return options


def read_results(path):
    return json.loads(path.read_text()) if path.exists() else {}


def main():
    options = parse_options()
    options.cache.mkdir(parents=True, exist_ok=True)
    archives = (options.archives or options.zoo / "cache").resolve()
    saved = options.zoo / "results.json"
    results = read_results(saved)
    for name in options.models or catalog.MODELS:
        if not (options.zoo / f"{name}-time.npz").exists():
            print(f"fetching {name}", flush=True)
            catalog.MODELS[name].fetch(options.zoo, archives)
        print(f"judging {name}", flush=True)
        before = results.get(name, {})
        results[name] = judge_model(name, options)
        if options.no_time:
            results[name].update({key: before[key] for key in ("ms", "ratios")
                                  if key in before})
        else:
            time_model(name, results[name], options)
        # Another run may have judged other models meanwhile.
        results = {**read_results(saved), name: results[name]}
        saved.write_text(json.dumps(results, indent=1) + "\n")
    results = {name: results[name] for name in catalog.MODELS if name in results}
    options.page.write_text(page.text(results))
    print(page.table(results))
    missed = page.missed(results)
    print("\n".join(missed))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())

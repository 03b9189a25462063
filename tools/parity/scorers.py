"""Checks the golden vectors of reference scoring against the scorers of a checkout of zackschen/CoIN.

    python tools/parity/scorers.py CHECKOUT

Every vector of src/tasks/*/golden.jsonl becomes a data set of its own, is scored by the checkout's script, and the
accuracy it prints is compared with the vector. Commit 4122465; needs Python with Pillow and tqdm. Vectors of Qwen are
passed over: their scorers are in a later commit.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TASKS = Path(__file__).resolve().parents[2] / "src" / "tasks"
COIN = "ETrain/Eval/LLaVA/CoIN"


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def run(checkout, folder, script, *arguments):
    env = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(checkout / script), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8")


def rows(annotations):
    return [{"question_id": key, **row} for key, row in annotations.items()]


def simple(script, option, name):
    def score(checkout, folder, annotations):
        write(folder / name, rows(annotations))
        return run(checkout, folder, script, option, name, "--result-file", "merge.jsonl", "--output-dir", ".")

    return score


def scienceqa(checkout, folder, annotations):
    write(folder / "pid_splits.json", {"test": list(annotations)})
    write(folder / "problems.json", annotations)
    return run(
        checkout, folder, f"{COIN}/eval_science_qa.py", "--base-dir", ".", "--result-file", "merge.jsonl",
        "--output-file", "out.json", "--output-result", "result.json",
    )


def textvqa(checkout, folder, annotations):
    write(folder / "a.json", {"data": rows(annotations)})
    return run(
        checkout, folder, f"{COIN}/eval_textvqa.py", "--annotation-file", "a.json", "--result-file", "merge.jsonl",
        "--output-dir", ".",
    )


def gqa(checkout, folder, annotations):
    more = {
        "types": {"structural": "query", "semantic": "obj", "detailed": "x"},
        "semantic": [{"operation": "query", "argument": "x", "dependencies": []}],
        "groups": {"global": "x", "local": "y"}, "question": "what is it", "imageId": "1", "entailed": [],
    }
    questions = {key: {**more, **row} for key, row in annotations.items()}
    write(folder / "cl_dataset/GQA/testdev_balanced_questions.json", questions)
    run(checkout, folder, f"{COIN}/convert_gqa_for_eval.py", "--src", "merge.jsonl", "--dst", "testdev_balanced_predictions.json")
    return run(checkout, folder, f"{COIN}/eval_gqa.py", "--path", ".", "--tier", "testdev_balanced", "--output-dir", ".")


SCORERS = {
    "scienceqa": scienceqa,
    "textvqa": textvqa,
    "gqa": gqa,
    "imagenet": simple(f"{COIN}/eval_ImagetNet.py", "--test-file", "test.json"),
    "grounding": simple(f"{COIN}/eval_grounding.py", "--test-file", "test.json"),
    "grounding minigpt": simple("ETrain/Eval/MiniGPT/eval_grounding.py", "--test-file", "test.json"),
    "vizwiz": simple(f"{COIN}/eval_vizwiz.py", "--annotation-file", "val.json"),
    "vqav2": simple(f"{COIN}/eval_vqav2.py", "--annotation-file", "val.json"),
    "ocrvqa": simple(f"{COIN}/eval_ocrvqa.py", "--annotation-file", "test.json"),
}


def accuracy(checkout, name, annotations, predictions):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        known = [p for p in predictions if str(p["question_id"]) in annotations or name == "scienceqa"]
        lines = [json.dumps({"prompt": "", **p, "question_id": str(p["question_id"])}) + "\n" for p in known]
        write(folder / "merge.jsonl", "".join(lines))
        done = SCORERS[name](checkout, folder, annotations)
        found = re.search(r"Accuracy: *([\d.]+)%", done.stdout)
        return float(found[1]) if found else f"stopped: {done.stderr.strip().splitlines()[-1:]}"


def check(job):
    checkout, name, vector = job
    model = name.partition(" ")[2]
    expected = vector["expected"].get(f"reference {model}") or vector["expected"]["reference"]
    if "prediction" in vector:
        annotations = {"1": vector["annotation"]}
        predictions = [{"question_id": "1", "text": vector["prediction"]}]
        wanted = 100 * expected["score"]
    else:
        annotations, predictions, wanted = vector["annotations"], vector["predictions"], expected["accuracy"]
    found = accuracy(checkout, name, annotations, predictions)
    # Where a script crashes, the vector says so and what is made of it here.
    crashes = "crashes" in vector["why"]
    same = isinstance(found, str) if crashes else isinstance(found, float) and abs(found - wanted) < 0.0051
    return None if same else f"{name}: {vector['why']}: the script says {found}, the vector {wanted}"


def main(checkout):
    jobs = []
    for name in SCORERS:
        file = TASKS / name.partition(" ")[0] / "golden.jsonl"
        for line in file.read_text(encoding="utf-8").splitlines():
            vector = json.loads(line)
            if "minigpt" not in name or "prediction" in vector:
                jobs.append((checkout, name, vector))
    with ThreadPoolExecutor(2) as pool:
        wrong = [message for message in pool.map(check, jobs) if message]
    print("\n".join([f"{len(jobs)} vectors, {len(wrong)} differ", *wrong]))


main(Path(sys.argv[1]).resolve())

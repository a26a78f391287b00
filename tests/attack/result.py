"""What all experiments share: their surroundings, their results and their command line.

An experiment is a module with `run(ctx)`, which yields results made by `result()`. A driver gives
it a Context; `main(run)` makes one from the command line, so that each also runs alone.
"""
import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROFILES = ("auth", "sealed", "paper", "sga")


class Context:
    """seed: repeats a run. short: fewer samples. objects: the build's folder. results: where
    pictures go, or None. profiles: those that the driver asks for."""

    def __init__(self, seed=1, short=False, objects=ROOT / "build/plain", results=None):
        self.profiles = PROFILES
        self.seed = seed
        self.short = short
        self.objects = pathlib.Path(objects)
        self.results = pathlib.Path(results) if results else None

    def profiles_but(self, *names):
        """Without those that the attack has nothing to do with."""
        return [p for p in self.profiles if p not in names]

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def picture(self, name):
        """Path for a picture, or None when nobody wants any."""
        if self.results is None:
            return None
        self.results.mkdir(parents=True, exist_ok=True)
        return self.results / name


def result(attack, profile, case, succeeded, *, tries, cost, note, numbers):
    """One outcome. case: what was tried within the attack; an attack succeeds against a profile
    when one of its cases does. tries and cost: what the attacker spent. numbers: all measures."""
    return {"attack": attack, "profile": profile, "case": case,
            "result": "succeeded" if succeeded else "prevented",
            "tries": tries, "cost": cost, "note": note, "numbers": numbers}


def main(run):
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="fewer samples, within seconds")
    parser.add_argument("--json", action="store_true", help="one line a result, with all numbers")
    parser.add_argument("--objects", default=ROOT / "build/plain", help="folder of the build")
    parser.add_argument("--results", help="folder for pictures (none when not given)")
    given = parser.parse_args()
    ctx = Context(given.seed, given.short, given.objects, given.results)
    for row in run(ctx):
        if given.json:
            print(json.dumps(row), flush=True)
        else:
            print(f"{row['attack']:<12} {row['profile']:<6} {row['result']:<10} {row['case']}: "
                  f"{row['note']} (tries {row['tries']}; {row['cost']})", flush=True)

#!/usr/bin/env python3
"""attack.py - run the experiments, print the matrix, compare it with the expected one.

    attack.py [--profile P] [--only NAME] [--json] [--seed N] [--short] [--check | --accept]

Attacks run side by side, each in a process of its own; most of their time is waiting.

--check compares each result with the file `expected` beside this one: a result that differs is
tried once more with another seed, since some attackers guess, and fails the run if it differs
again. --accept writes what was found to that file; only after a full run.
"""
import argparse
import concurrent.futures
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import result

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = HERE / "expected"
NAMES = ("replay", "parallel", "forgery", "mitm", "insider", "reflection", "online-guess",
         "offline-guess", "brute-force", "dictionary", "visual", "statistical", "image", "desync",
         "backward", "downgrade", "traffic", "three-party")
PROFILES = result.PROFILES
SKIPPED = 77  # exit code


class Broken(Exception):
    """An experiment that ended in the middle."""


def parse():
    parser = argparse.ArgumentParser(prog="attack", description="The attack suite.")
    parser.add_argument("--profile", choices=PROFILES, help="only against this one")
    parser.add_argument("--only", choices=NAMES, action="append", metavar="NAME",
                        help="only this attack; may be repeated: " + ", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="a line for each result, on stdout")
    parser.add_argument("--seed", type=int, default=1, help="repeats a run (1)")
    parser.add_argument("--short", action="store_true", help="smaller samples and budgets")
    parser.add_argument("--objects", default=result.ROOT / "build/plain", help="the build's folder")
    parser.add_argument("--results", help="folder for pictures (none when not given)")
    parser.add_argument("--jobs", type=int, default=3, help="attacks at a time (3)")
    parser.add_argument("--check", action="store_true", help="fail where tests/attack/expected does")
    parser.add_argument("--accept", action="store_true", help="write tests/attack/expected")
    parser.add_argument("--one", choices=NAMES, help=argparse.SUPPRESS)
    return parser.parse_args()


def experiment(name):
    """The module of an attack; None when what it is made with is not installed."""
    try:
        return importlib.import_module(name.replace("-", "_"))
    except ModuleNotFoundError as e:
        if e.name in ("numpy", "skimage", "PIL"):
            print(f"skip - {name}: python3-{e.name} is not installed", file=sys.stderr, flush=True)
            return None
        raise


def run_here(name, given):
    """One attack in this process, its rows as JSON on stdout."""
    module = experiment(name)
    if module is None:
        return SKIPPED
    ctx = result.Context(given.seed, given.short, given.objects, given.results)
    ctx.profiles = (given.profile,) if given.profile else PROFILES
    for row in module.run(ctx):
        print(json.dumps(row), flush=True)
    return 0


def results(name, given, seed):
    """All rows of one attack, or None when it was skipped."""
    argv = [sys.executable, "-B", __file__, "--one", name, "--seed", str(seed), "--objects",
            str(given.objects)]
    argv += ["--short"] if given.short else []
    argv += ["--profile", given.profile] if given.profile else []
    argv += ["--results", given.results] if given.results else []
    rows, began = [], time.monotonic()
    said = tempfile.TemporaryFile("w+") if given.check else None  # shown when it cannot be run
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=said, text=True) as process:
        for line in process.stdout:
            row = json.loads(line)
            if given.profile is None or row["profile"] == given.profile:
                rows.append(row)
                show(row, given)
    if process.returncode == SKIPPED:
        return None
    if process.returncode != 0:
        if said is not None:
            said.seek(0)
            print(said.read(), file=sys.stderr)
        raise Broken(f"{name} could not be run, exit {process.returncode}")
    print(f"{name}: {len(rows)} results in {time.monotonic() - began:.0f} s", file=sys.stderr,
          flush=True)
    return rows


def show(row, given):
    if given.json:
        print(json.dumps(row), flush=True)
    if given.check:
        return
    print(f"{row['attack']:<13} {row['profile']:<7} {row['result']:<9} {row['case']}: {row['note']} "
          f"(tries {row['tries']}; {row['cost']})", file=sys.stderr, flush=True)


def key_of(row):
    return row["attack"], row["case"], row["profile"]


# ---- the expected matrix: ATTACK | CASE | PROFILE | RESULT, a line each -------------------------


def read_expected():
    if not EXPECTED.exists():
        return {}
    expected = {}
    for line in EXPECTED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            attack, case, profile, verdict = (part.strip() for part in line.split("|"))
            expected[attack, case, profile] = verdict
    return expected


def write_expected(rows):
    lines = ["# The matrix that scripts/attack --short --check expects; written by --accept.\n",
             "# attack | case | profile | result\n"]
    lines += [f"{' | '.join(key_of(row))} | {row['result']}\n" for row in rows]
    EXPECTED.write_text("".join(lines), encoding="utf-8")


def differs(rows, expected, attack, given):
    """Sentences on what is not as expected of one attack."""
    found = {key_of(row): row["result"] for row in rows}
    wrong = [f"{' | '.join(key)}: {verdict}, not {expected.get(key, 'in the expected matrix')}"
             for key, verdict in found.items() if expected.get(key) != verdict]
    wrong += [f"{' | '.join(key)}: no result" for key in expected
              if key[0] == attack and key not in found
              and (given.profile is None or key[2] == given.profile)]
    return wrong


# ---- the matrix for people ----------------------------------------------------------------------


def verdict_of(rows):
    """Of the cases of one attack against one profile."""
    won = [row for row in rows if row["result"] == "succeeded"]
    if not rows:
        return ""
    if not won:
        return "prevented"
    if len(won) == len(rows) == 1:
        return f"**succeeded**: tries {won[0]['tries']}, {won[0]['cost']}"
    return f"**succeeded** in {len(won)} of {len(rows)} cases"


def summary(rows, profiles):
    yield "| attack | " + " | ".join(f"`{p}`" for p in profiles) + " |"
    yield "| --- " * (1 + len(profiles)) + "|"
    for name in dict.fromkeys(row["attack"] for row in rows):
        cells = [verdict_of([r for r in rows if (r["attack"], r["profile"]) == (name, p)])
                 for p in profiles]
        yield f"| {name} | " + " | ".join(cells) + " |"


def matrix(rows, given):
    profiles = (given.profile,) if given.profile else PROFILES
    yield from summary(rows, profiles)
    yield ""
    cells = {}
    for row in rows:
        cells.setdefault((row["attack"], row["case"]), {})[row["profile"]] = row
    yield "| attack | case | " + " | ".join(f"`{p}`" for p in profiles) + " |"
    yield "| --- " * (2 + len(profiles)) + "|"
    for (attack, case), of in cells.items():
        if not any(p in of for p in profiles):
            continue  # a control
        verdicts = []
        for p in profiles:
            row = of.get(p)
            verdicts.append("" if row is None else "prevented" if row["result"] == "prevented"
                            else f"**succeeded**: tries {row['tries']}, {row['cost']}")
        yield f"| {attack} | {case} | " + " | ".join(verdicts) + " |"


def verified(name, given, expected):
    """Rows of an attack and what is wrong with them; None when it was skipped."""
    for seed in (given.seed, given.seed + 1):
        try:
            rows = results(name, given, seed)
            wrong = differs(rows, expected, name, given) if given.check and rows else []
        except Broken as e:
            rows, wrong = [], [str(e)]
        if not wrong:
            break
        print("\n".join(f"seed {seed}: {w}" for w in wrong), file=sys.stderr, flush=True)
    return rows, wrong


def main():
    given = parse()
    if given.one:
        return run_here(given.one, given)
    expected = read_expected()
    everything, failed, skipped = [], 0, 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        work = [pool.submit(verified, name, given, expected) for name in given.only or NAMES]
        for done in work:
            rows, wrong = done.result()
            everything += rows or []
            skipped += rows is None
            failed += len(wrong)
            for w in wrong:
                print(f"not ok - {w}", flush=True)
    if given.accept and not (given.only or given.profile or skipped or failed):
        write_expected(everything)
    if given.check:
        print(f"attack: {max(len(everything) - failed, 0)} passed, {failed} failed, "
              f"{skipped} skipped")
    elif not given.json:
        print("\n".join(matrix(everything, given)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

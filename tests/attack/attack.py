#!/usr/bin/env python3
"""attack.py - run the experiments, print the matrix, compare it with the expected one.

    attack.py [--profile P] [--only NAME] [--json] [--seed N] [--short] [--check | --accept]

--check compares each result with the file `expected` beside this one: a result that differs is
tried once more with another seed, since some attackers guess, and fails the run if it differs
again. --accept writes what was found to that file; only after a full run.
"""
import argparse
import importlib
import json
import pathlib
import sys
import time

import result

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = HERE / "expected"
NAMES = ("replay", "parallel", "forgery", "mitm", "insider", "reflection", "online-guess",
         "offline-guess", "brute-force", "dictionary", "visual", "statistical", "image", "desync",
         "backward", "downgrade", "traffic")
PROFILES = ("auth", "paper")


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
    parser.add_argument("--check", action="store_true", help="fail where tests/attack/expected does")
    parser.add_argument("--accept", action="store_true", help="write tests/attack/expected")
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


def results(name, given, seed):
    """All rows of one attack, or None when it was skipped."""
    module = experiment(name)
    if module is None:
        return None
    ctx = result.Context(seed, given.short, given.objects, given.results)
    ctx.profiles = (given.profile,) if given.profile else PROFILES
    rows = []
    for row in module.run(ctx):
        if given.profile is None or row["profile"] == given.profile:
            rows.append(row)
            show(row, given)
    return rows


def show(row, given):
    if given.json:
        print(json.dumps(row), flush=True)
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


def matrix(rows, given):
    profiles = (given.profile,) if given.profile else PROFILES
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
                            else f"**succeeded**: {row['tries']} tries, {row['cost']}")
        yield f"| {attack} | {case} | " + " | ".join(verdicts) + " |"


def main():
    given = parse()
    expected = read_expected()
    everything, passed, failed, skipped = [], 0, 0, 0
    for name in given.only or NAMES:
        began = time.monotonic()
        rows = results(name, given, given.seed)
        if rows is None:
            skipped += 1
            continue
        wrong = differs(rows, expected, name, given) if given.check else []
        if wrong:
            print("\n".join(f"once more, for: {w}" for w in wrong), file=sys.stderr, flush=True)
            rows = results(name, given, given.seed + 1)
            wrong = differs(rows, expected, name, given)
        everything += rows
        failed += len(wrong)
        passed += len(rows) - len([w for w in wrong if not w.endswith("no result")])
        for w in wrong:
            print(f"not ok - {w}", flush=True)
        print(f"{name}: {len(rows)} results in {time.monotonic() - began:.0f} s", file=sys.stderr,
              flush=True)
    if given.accept and not given.only and not given.profile:
        write_expected(everything)
    if given.check:
        print(f"attack: {passed} passed, {failed} failed, {skipped} skipped")
    elif not given.json:
        print("\n".join(matrix(everything, given)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

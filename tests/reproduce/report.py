#!/usr/bin/env python3
"""report.py FOLDER - the report of scripts/reproduce from the figures in a folder.

Reads codes.jsonl (Table 1), keys.jsonl (2, 3), images.jsonl (4), attacks.jsonl (5, may be missing),
times.jsonl (6) and about.txt; writes report.md, attacks.md (each case of Table 5) and the plots
beside them.
"""
import json
import pathlib
import sys

sys.dont_write_bytecode = True
import plots  # noqa: E402
import tables  # noqa: E402

TABLES = (
    ("Table 1: the same message, different codes", "codes", tables.table_1, (plots.codes,)),
    ("Table 2: salt keys of variable length", "keys", tables.table_2, ()),
    ("Table 3: trying all keys", "keys", tables.table_3, (plots.entropy,)),
    ("Table 4: MSE and PSNR", "images", tables.table_4, (plots.psnr, plots.lattice)),
    ("Table 5: security features", "attacks", tables.table_5, ()),
    ("Table 6: time", "times", tables.table_6, (plots.terms, plots.phases)),
)


def read(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def main():
    folder = pathlib.Path(sys.argv[1])
    about = (folder / "about.txt").read_text().rstrip()
    text = ["# The tables of Al Sibahee and others (2020), measured", "",
            "Lightweight Secure Message Delivery for E2E S2S Communication in the IoT-Cloud "
            "System, IEEE Access 8. Under each table: where ours and the printed one differ, and "
            "why.", "",
            "```text", about, "```", ""]
    for title, source, make, drawn in TABLES:
        found = read(folder / f"{source}.jsonl")
        text += [f"## {title}", "", make(found), ""]
        for plot in drawn:
            plot(folder, found)
    attacks = read(folder / "attacks.jsonl")
    if attacks:
        (folder / "attacks.md").write_text(f"# Each case of Table 5\n\n{tables.cases(attacks)}\n")
    (folder / "report.md").write_text("\n".join(text))
    print(folder / "report.md")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""quote.py RESULTS SYNTHETIC - put the report of one run into docs/reproduction.md.

RESULTS: the folder of a run of scripts/reproduce; SYNTHETIC: that of one with `--signatures
tests/data/signatures`, from which Table 2 is taken, because bytes made from a volunteer's scan are
not shipped. Plots are left out. Rewrites all that follows the document's own introduction.
"""
import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reproduction.md"
NOTE = ("(From a second run, with the synthetic scans: bytes made from a volunteer's scan are not "
        "shipped.)\n\n")


def report(folder):
    return (pathlib.Path(folder) / "report.md").read_text()


def table_2(text):
    """From below its heading to the next one."""
    begin = text.index("\n\n", text.index("## Table 2: ")) + 2
    return begin, text.index("## Table 3: ")


def main():
    text, synthetic = report(sys.argv[1]), report(sys.argv[2])
    (begin, end), (other, other_end) = table_2(text), table_2(synthetic)
    text = text[:begin] + NOTE + synthetic[other:other_end] + text[end:]
    text = text[text.index("```text"):]
    text = re.sub(r"^## ", "### ", text, flags=re.M)
    text = re.sub(r" ?!\[[^]]*\]\([^)]*\)", "", text)
    text = text.replace("[attacks.md](attacks.md)", "`attacks.md` of that run")
    head = PAGE.read_text().split("```text")[0]
    PAGE.write_text(re.sub(r"\n{3,}", "\n\n", head + text).rstrip("\n") + "\n")


if __name__ == "__main__":
    main()

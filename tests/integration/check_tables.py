"""check_tables.py FOLDER SDS SIGNATURES - is what scripts/reproduce wrote there consistent?

Each check compares figures of one run with each other, with what arithmetic says, or with the
program sds: none of them is a constant that a report could just print.
"""
import itertools
import json
import math
import pathlib
import subprocess
import sys
import tempfile

folder, sds, signatures = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
report = (folder / "report.md").read_text()


def rows(name, kind):
    lines = (folder / f"{name}.jsonl").read_text().splitlines()
    return [r for r in map(json.loads, lines) if r["row"] == kind]


def lab(*args):
    return subprocess.run([sds, "lab", *args], capture_output=True, text=True, check=True).stdout


def section(n):
    return report.split(f"## Table {n}: ")[1].split("\n## ")[0]


def line(n, begin):
    """The cells of a table's line, by how it begins."""
    found = [text for text in section(n).splitlines() if text.startswith(f"| {begin}")]
    assert len(found) == 1, f"table {n}: {len(found)} lines begin with {begin}"
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def the_same_message_gives_different_codes():
    messages, (many,) = rows("codes", "message"), rows("codes", "many")
    assert len({m["sha1"] for m in messages}) == len(messages) == 4
    assert len({m["code"] for m in messages}) >= 2
    for m in messages:
        assert lab("macless", m["sha1"]).strip() == m["code"] == line(1, f"{m['session']} | "
                                                                     f"{m['index']} ")[4]
    assert many["digests"] == many["messages"] > many["codes"] > 300
    assert 1 / 400 < many["commonest_count"] / many["messages"] < 1 / 100
    counts = [r["count"] for r in rows("codes", "histogram")]
    assert sum(counts) == many["messages"] and len(counts) == many["codes"]


def the_printed_digest_gives_its_code():
    codes = {r["sha1"]: r["code"] for r in rows("codes", "printed")}
    assert codes.pop("54d32f22593cb0000a6f09d19e99b36fc20c383c") == "2695"
    for digest, code in codes.items():
        assert code == (str(sum(map(ord, digest))) if len(digest) == 40 else "")
    assert sorted(map(len, codes)) == [39, 40, 40, 40]


def salt_keys_are_slices_of_a_real_rv():
    slices = rows("keys", "slice")
    rvs = []
    with tempfile.TemporaryDirectory() as work:
        for a, b in itertools.combinations(sorted(signatures.glob("*.pgm")), 2):
            lab("fx1", str(a), str(b), "--out", f"{work}/rv")
            rvs.append(pathlib.Path(f"{work}/rv").read_bytes())
    assert len(slices) == 5 and len({s["i"] for s in slices}) > 1
    keys = [bytes.fromhex(s["hex"]) for s in slices]
    assert any(all(rv[s["i"]:s["e"] + 1] == k for s, k in zip(slices, keys)) for rv in rvs)
    for s, key in zip(slices, keys):
        assert s["length"] == len(key) == s["e"] - s["i"] + 1 and 14 <= len(key) <= 64 and any(key)
        assert s["value"] == "".join(map(str, key)) and s["value"] in section(2)


def slices_have_few_bits():
    whole, known, draws = (rows("keys", k)[0] for k in ("bytes", "known_rv", "draws"))
    bits = {r["length"]: r for r in rows("keys", "entropy")}
    assert known["slices"] == sum(3060 - n + 1 for n in range(14, 65))
    assert abs(2 ** known["bits"] / known["slices"] - 1) < 0.01
    assert 0 < bits[14]["mean"] < bits[39]["mean"] < bits[64]["mean"] < 64 * whole["ceiling"]
    assert bits[64]["mean"] < whole["rv_bits"] < 3060 * whole["ceiling"]
    for length, row in bits.items():
        assert 0 <= row["least"] <= row["median"] <= row["most"] <= 8 * length
        shares = [r["share"] for r in rows("keys", "histogram") if r["length"] == length]
        assert abs(sum(shares) - 1) < 0.001
    assert 0.3 < whole["zero_share"] < whole["one_digit_share"] < 1
    assert draws["zero"] < draws["drawn"] / 20
    assert f"{known['slices']:,} slices" in section(3)


def images_lose_little():
    covers = rows("images", "cover")
    assert {c["kind"] for c in covers} == {"named", "photograph", "stress"}
    assert [c["file"] for c in covers if c["kind"] == "named"] == ["mine.pgm"]
    for c in covers:
        for code in ("naive", "light", "stealth"):
            of = c[code]
            # Every change is by 1; a mean of logarithms is a little above that of the mean.
            assert of["wrong"] == 0 and abs(of["mse"] * 16384 - of["changed"]) < 0.01
            assert -0.01 < of["psnr"] - 10 * math.log10(65025 / of["mse"]) < 0.3
        assert c["naive"]["psnr"] + 3 < c["light"]["psnr"] > 80 and c["light"]["changed"] < 10
        assert 22 < c["naive"]["changed"] < 42 and c["stealth"]["psnr"] > 77
    mean = line(4, "mean of the photographs")
    assert float(mean[2]) < 76.4279 < float(mean[8]) < float(mean[5])


def the_printed_rule_is_not_storable():
    for c in rows("images", "cover"):
        for band in ("printed_ll", "printed_hh"):
            of = c[band]
            assert of["mse_rounded"] == 0 and 16 < of["wrong_rounded"] < 48
            assert abs(of["mse"] * 16384 - of["edits"] / 4) < 0.01
            # What it could move is read back wrong, and so is what was right before.
            assert abs(of["wrong"] + of["stuck"] - 64) < 0.01
    squares = 255 ** 2 / 10 ** 7.64279 * 16384
    assert f"{squares:.4f}" in section(4) and abs(squares - 97 / 4) < 0.001


def attacks_stand_where_they_belong():
    assert line(5, "8 |")[3:] == ["replay prevented, 1 of 1", "replay not measured"]
    assert line(5, "9 |")[3:] == ['parallel not measured; **forgery succeeded** in 1 of 2 "two"',
                                  "parallel not measured; forgery prevented, 1 of 1"]
    assert line(5, "2 |")[3:] == ["see Table 3", ""]
    assert line(5, " | desync")[3] == '**desync succeeded** in 1 of 1 "one"'
    cases = (folder / "attacks.md").read_text()
    assert "\n| forgery | two | **succeeded**: c (tries 311; 3 s) |  |\n" in cases


def times_of_every_term_and_party():
    us = {r["term"]: r["us"] for r in rows("times", "term")}
    for term in ("T_ASE", "T_ASD", "T_bio-v", "T_SkSDi", "T_SkCS", "T_h", "T_ST", "T_Ex"):
        assert 0 < us[term] < 1e6 and len(line(6, f"{term} |")) == 5
    assert 0 < us["T_Xor"] < us["T_Xor + T_shift"] < us["T_ST"] < us["T_bio-v"]
    phases = {(r["phase"], r["profile"]) for r in rows("times", "phase")}
    assert len(phases) == 6 and len(rows("times", "phase")) == 6
    for r in rows("times", "phase"):
        assert all(0 < r[who] < 1e6 for who in ("sds", "sdr", "cloud"))
    # The printed sums that the notes do not bear out.
    assert line(6, "delivery | sds")[3:5] == ["22.3", f"{50 + 60 + 0.005 + 0.0001:.3g}"]


def plots_are_drawn():
    for name in ("codes", "entropy", "psnr", "lattice", "terms", "phases"):
        png = (folder / f"{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG") and len(png) > 4000, name
        assert f"({name}.png)" in report
    assert str(folder) not in report


for check in (the_same_message_gives_different_codes, the_printed_digest_gives_its_code,
              salt_keys_are_slices_of_a_real_rv, slices_have_few_bits, images_lose_little,
              the_printed_rule_is_not_storable, attacks_stand_where_they_belong,
              times_of_every_term_and_party, plots_are_drawn):
    check()
    print(f"ok - {check.__name__.replace('_', ' ')}")

"""tables.py - the six tables as Markdown: what was measured, what is printed, why they differ."""
import math

import printed

PIXELS = 128 * 128
RATE = 1e6  # guesses a second; what Table 3's years come to


def number(value, figures=3):
    """So many figures; from 1,000 on all that stand before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{figures}g}"


def table(head, rows, left=1):
    """A Markdown table; the cells after the first `left` are set to the right."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(str(c) for c in row) + " |" for row in [head, rule, *rows])


def bullets(*lines):
    return "\n".join(f"- {line}" for line in lines)


def rows(found, name):
    return [row for row in found if row["row"] == name]


def one(found, name):
    return rows(found, name)[0]


# ---- Table 1 ----

def code_shares():
    """The share of each sum of 40 random hex digits in ASCII."""
    shares = {0: 1.0}
    for _ in range(40):
        after = {}
        for total, share in shares.items():
            for digit in b"0123456789abcdef":
                after[total + digit] = after.get(total + digit, 0) + share / 16
        shares = after
    return shares


def table_1(found):
    many, shares = one(found, "many"), code_shares().values()
    bits = -sum(s * math.log2(s) for s in shares)
    ours = table(["session", "message", "R^T", "SHA-1, which is not sent", "MACLESS, which is"],
                 [[r["session"], r["index"], r["rt"], f"`{r['sha1']}`", r["code"]]
                  for r in rows(found, "message")])
    print_ = table(["printed digest", "hex digits", "its MACLESS"],
                   [[f"`{r['sha1']}`", r["digits"], r["code"] or "none: no SHA-1"]
                    for r in rows(found, "printed")])
    return "\n\n".join([
        '"Hello", again and again, by the profile `paper`:', ours,
        "The digests that the paper prints, in Table 1 and, the last, in Table 4:", print_,
        bullets(
            f"The same: {many['messages']:,} times the same message gave {many['digests']:,} "
            "different digests. Salt, Sk or R^T is new each time.",
            f"Different: the table shows MAC-SHA-1, but what is sent is the sum of its digits. The "
            f"same messages gave only {many['codes']:,} different codes, and one in "
            f"{many['messages'] / many['commonest_count']:.0f} was {many['commonest']}. By "
            f"calculation a code holds {bits:.2f} bits and the best guess is right once in "
            f"{1 / max(shares):.0f}. ![codes](codes.png)",
            "The third printed digest has 39 digits, one too few for a SHA-1.",
            f"Table 4's digest gives the printed {printed.CODE_OF}: so the code is the decimal sum "
            "of ASCII codes, as we read it.")])


# ---- Table 2 ----

def table_2(found):
    share = one(found, "bytes")["one_digit_share"]
    ours = table(["run", "I", "E", "length", "value", "in hex"],
                 [[n + 1, r["i"], r["e"], r["length"], f"`{r['value']}`", f"`{r['hex']}`"]
                  for n, r in enumerate(rows(found, "slice"))])
    theirs = table(["run", "I", "E", "length", "digits in value", "value"],
                   [[n + 1, i, e, length, len(value), f"`{value}`"]
                    for n, (i, e, length, value) in enumerate(printed.KEYS)])
    return "\n\n".join([
        "Five salt keys from one Rv, drawn as the cloud draws them; the value is, as in the "
        "paper, each byte in decimal, one after the other:", ours, "Printed:", theirs,
        bullets(
            "The same: length is E - I + 1, both ends included.",
            "Different: each printed value has exactly as many digits as its slice has bytes. So "
            "every feature is a single digit 0 to 9, which has 3.3 bits at most and not 8. In our "
            f"Rv {100 * share:.0f} % of the bytes are below 10, and the rest need two or three "
            f"digits: that 14 bytes in a row are below 10 is, if bytes were independent, expected "
            f"of {100 * share ** 14:.0f} % of the slices, of all five printed ones (115 bytes) "
            f"once in {power(-115 * math.log10(share))}.",
            "Decimal digits without separators cannot be read back (`1`, `12` and `11`, `2` look "
            "alike). Ours are carried as bytes; the hex column is what is used.")])


# ---- Table 3 ----

UNITS = (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("s", 1), ("ms", 1e-3))


def power(log10):
    """A power of ten in words."""
    return number(10 ** log10) if log10 < 7 else f"10^{log10:.0f}"


def duration(log10_tries):
    """How long so many tries take."""
    seconds = log10_tries - math.log10(RATE)
    for unit, size in UNITS:
        if seconds >= math.log10(size):
            return f"{power(seconds - math.log10(size))} {unit}"
    return "under 1 ms"


def search(what, bits):
    log10 = bits * math.log10(2)
    return [what, f"{bits:,.{1 if bits < 1000 else 0}f}", power(log10), duration(log10)]


def table_3(found):
    whole, known, draws = (one(found, n) for n in ("bytes", "known_rv", "draws"))
    lines = [["printed: 2^3060", "3,060", "1.418 * 10^921", "4.494 * 10^907 years"],
             search("if 3060 bytes were uniform", 8 * printed.BITS),
             search("measured: all of Rv", whole["rv_bits"])]
    for r in rows(found, "entropy"):
        lines += [search(f"measured: a slice of {r['length']} bytes, mean", r["mean"]),
                  search(f"the weakest slice of {r['length']} bytes", r["least"])]
    lines.append(search("any slice, for who knows Rv", known["bits"]))
    alike = rows(found, "entropy")[0]
    return "\n\n".join([
        f"Min-entropy, estimated from {whole['pairs']} Rv of pairs of different signers, "
        f"{whole['scans']} scans; a guesser tries a million keys a second, which is the rate "
        "behind the printed years:",
        table(["what is guessed", "bits", "tries", "time"], lines), "![slices](entropy.png)",
        bullets(
            "Different: the table raises 2 to the number of bytes. Rv has 3060 bytes, which would "
            f"be {8 * printed.BITS:,} bits if they were uniform. They are not: "
            f"{100 * whole['zero_share']:.0f} % are zero, and a byte has "
            f"{whole['bits_a_byte']:.2f} bits of min-entropy in the mean.",
            "The key is not Rv but a slice of it, 14 to 64 bytes. Its entropy is what a guesser "
            "must find, and who has both signatures has Rv: then there are only "
            f"{known['slices']:,} slices to try, {known['bits']:.1f} bits.",
            f"Zero: of {draws['drawn']:,} slices drawn, {draws['zero']:,} were all zero "
            f"({100 * draws['zero'] / draws['drawn']:.2f} %). The paper does not speak of them; "
            "they are drawn again here. With them, the key is known to everybody once in "
            f"{number(draws['drawn'] / max(draws['zero'], 1))} sessions.",
            f"At {alike['alike']} of {alike['slices']:,} places the slice of {alike['length']} "
            "bytes is one and the same for more than half of all pairs.",
            f"The estimate: minus the logarithm of the share of a byte's commonest value, added up "
            f"over the slice. It cannot see more than {whole['ceiling']:.1f} bits in a byte with "
            "so few pairs, and takes neighbouring bytes for independent, which flatters the "
            "scheme. More scans would give better figures.")])


# ---- Table 4 ----

def psnr(unit_changes):
    return 10 * math.log10(255 ** 2 * PIXELS / unit_changes)


def cover_name(row):
    return row["file"].rsplit(".", 1)[0].removesuffix("-128")


def mean(values):
    values = list(values)
    return sum(values) / len(values)


CODES = ("naive", "light", "stealth")


def quality(covers):
    lines = [[cover_name(r), r["kind"] + (", flat" if r["flat"] else ""),
              *(cell for c in CODES for cell in (f"{r[c]['psnr']:.2f}", f"{r[c]['mse']:.5f}",
                                                 f"{r[c]['changed']:.1f}"))] for r in covers]
    photographs = [r for r in covers if r["kind"] == "photograph"]
    lines.append(["mean of the photographs", "", *(
        cell for c in CODES for cell in (f"{mean(r[c]['psnr'] for r in photographs):.2f}",
                                         f"{mean(r[c]['mse'] for r in photographs):.5f}",
                                         f"{mean(r[c]['changed'] for r in photographs):.1f}"))])
    head = ["cover", "", *(f"{c}{what}" for c in CODES for what in (" dB", " MSE", " changed"))]
    return table(head, lines, 2)


def arithmetic():
    """What Table 4's PSNR means, step by step."""
    mse = 255 ** 2 / 10 ** (printed.PSNR / 10)
    low, high = (PIXELS * 255 ** 2 / 10 ** ((printed.PSNR + d) / 10) for d in (5e-5, -5e-5))
    whole = math.floor(low)
    return "\n".join([
        "```text",
        f"PSNR = 10 log10(255^2 / MSE) = {printed.PSNR} dB",
        f"MSE  = 255^2 / 10^{printed.PSNR / 10:.5f} = {mse:.8f}     (printed: {printed.MSE})",
        f"sum of the squared changes = MSE * 128 * 128 = {mse * PIXELS:.4f}",
        f"   between {low:.4f} and {high:.4f}, for all that rounds to {printed.PSNR}",
        f"pixels of 8 bits: the sum is a whole number: {whole} gives {psnr(whole):.4f} dB, "
        f"{whole + 1} gives {psnr(whole + 1):.4f} dB",
        f"coefficients moved by 1/2: each adds 1/4: {round(4 * mse * PIXELS)} of them give "
        f"{round(4 * mse * PIXELS) / 4} and {psnr(round(4 * mse * PIXELS) / 4):.4f} dB",
        "```"])


def printed_rule(covers):
    photographs = [r for r in covers if r["kind"] == "photograph"]
    lines = []
    for band in ("ll", "hh"):
        of = {k: mean(r[f"printed_{band}"][k] for r in photographs)
              for k in photographs[0][f"printed_{band}"]}
        rounded = f"{psnr(of['mse_rounded'] * PIXELS):.2f}" if of["mse_rounded"] else "no change"
        lines.append([band.upper(), f"{of['edits']:.1f}", f"{of['stuck']:.1f}",
                      f"{psnr(of['mse'] * PIXELS):.2f}", f"{of['wrong']:.1f}", rounded,
                      f"{of['wrong_rounded']:.1f}"])
    return table(["band", "coefficients moved", "zeros, which cannot move", "dB, unrounded",
                  "bits wrong of 64", "dB, rounded to 8 bits", "bits wrong of 64, rounded"], lines)


def table_4(found):
    covers = rows(found, "cover")
    lost = sum(r[c]["wrong"] for r in covers for c in CODES)
    light, naive = (mean(r[c]["psnr"] for r in covers if r["kind"] == "photograph")
                    for c in ("light", "naive"))
    return "\n\n".join([
        "64 bits (MACLESS and R^T, 4 bytes each) in covers of 128x128, means over several keys and "
        f"nonces; read back with {lost} wrong bits:",
        quality(covers), "![PSNR](psnr.png)",
        f"Printed: MSE {printed.MSE} \"dB\" (a mean square has no dB), PSNR {printed.PSNR} dB, on "
        "Lena.", "Why no image of 8-bit pixels has that PSNR:", arithmetic(),
        "![whole numbers](lattice.png)",
        "The paper's rule itself (first pass, the first 64 coefficients of a band), means over the "
        "photographs:", printed_rule(covers),
        bullets(
            f"Different: {light:.2f} dB with `light` against {printed.PSNR} dB, because groups of "
            "carriers share a change (matrix embedding): about 8 pixels change for 64 bits. Naive "
            f"parity changes half of 64 and has {naive:.2f} dB, below the print.",
            "The printed figure fits an image of unrounded numbers in every digit: its error is 97 "
            "quarters, that is, 97 coefficients moved by 1/2, each of which moves four pixels by "
            "1/4. How 97 come from 64 bits, the paper does not say; the rule moves half of the "
            "coefficients that it looks at.",
            "Rounded to 8 bits, every such edit is gone: the image is the cover, and what is read "
            "is noise.",
            "Unrounded, what is embedded is read back with every bit wrong: the rule makes a bit 0 "
            "fractional and reads fractional as 1. Where a coefficient is 0 it cannot move, since "
            "sgn(0) = 0, and such a bit comes out right by accident.",
            "A cover that you name with `--cover` stands in the table as `named`: Lena itself may "
            "not be shipped.")])


# ---- Table 5 ----

NAMED = 3  # so many cases are named in the table


def verdict(found, names, profile):
    """What the suite found for these experiments, each with its cases."""
    cells = []
    for name in names:
        seen = [r for r in found if r["attack"] == name and r["profile"] == profile]
        won = [r for r in seen if r["result"] == "succeeded"]
        if won:
            which = ", ".join(f'"{r.get("case", "")}"' for r in won) if len(won) <= NAMED else ""
            cells.append(f"**{name} succeeded** in {len(won)} of {len(seen)} {which}".strip())
        elif seen:
            cells.append(f"{name} prevented, {len(seen)} of {len(seen)}")
        else:
            cells.append(f"{name} not measured")
    return "; ".join(cells)


def cases(found):
    """Each case of each attack; what is not about one of the two profiles is a control."""
    lines = {}
    for r in found:
        if r["profile"] in ("paper", "auth"):
            result = "**succeeded**" if r["result"] == "succeeded" else r["result"]
            lines.setdefault((r["attack"], r.get("case", "")), {})[r["profile"]] = (
                f"{result}: {r['note']} (tries {r['tries']}; {r['cost']})")
    return table(["attack", "case", "`paper`", "`auth`"],
                 [[*key, of.get("paper", ""), of.get("auth", "")] for key, of in lines.items()], 4)


def table_5(found):
    elsewhere = {2: "Table 3", 3: "Table 1", 4: "Table 1", 5: "Table 2"}
    lines = []
    for n, (feature, names) in enumerate(printed.FEATURES, 1):
        measured = ([verdict(found, names, "paper"), verdict(found, names, "auth")] if names else
                    [f"see {elsewhere[n]}", ""])
        lines.append([n, feature, "yes", *measured])
    named = {n for _, names in printed.FEATURES for n in names}
    others = (r["attack"] for r in found if r["profile"] in ("paper", "auth"))
    for name in dict.fromkeys(name for name in others if name not in named):
        lines.append(["", name, "not in the table", verdict(found, (name,), "paper"),
                      verdict(found, (name,), "auth")])
    text = [table(["", "feature", "printed", "measured, `paper`", "measured, `auth`"], lines, 5)]
    if not found:
        return "\n\n".join([*text, "Not measured in this run, see `attacks` above. Without "
                            "`--short`, `scripts/reproduce` runs the attack suite; `--attacks "
                            "FILE` takes what it printed before."])
    return "\n\n".join([*text, "Each case: [attacks.md](attacks.md).", bullets(
        "Different: the printed column is argued, ours is what an attacker reached against running "
        "programs; docs/attacks.md says how, and what counts as success.",
        "Where an attack succeeds against `auth`, too, that is how it is.")])


# ---- Table 6 ----

def our_terms(found):
    """Microseconds by the paper's names. A turn is measured whole, its shift by difference."""
    us = {r["term"]: r["us"] for r in rows(found, "term")}
    us["T_shift"] = max(us["T_Xor + T_shift"] - us["T_Xor"], 0)
    return us


def total(formula, terms):
    return sum(n * terms[name] for name, n in formula.items())


def formula_text(formula):
    return " + ".join(f"{n if n > 1 else ''}{name}" for name, n in formula.items()) or "not counted"


def phase_rows(found):
    ours = our_terms(found)
    done = {(r["phase"], r["profile"]): r for r in rows(found, "phase")}
    lines = []
    for phase in printed.OVERALL:
        sums = [0.0] * 5
        for _, party, formula, ms in (p for p in printed.PARTIES if p[0] == phase):
            cells = [ms or 0, total(formula, printed.TERMS), total(formula, ours),
                     done[phase, "paper"][party], done[phase, "auth"][party]]
            sums = [a + b for a, b in zip(sums, cells)]
            lines.append([phase, party, formula_text(formula), number(ms) if ms else "-",
                          *(number(c) for c in cells[1:])])
        lines.append([phase, "**all**", "", f"{number(printed.OVERALL[phase], 4)} "
                      f"(sum: {number(sums[0], 4)})", *(number(s) for s in sums[1:])])
    return lines


def table_6(found):
    ours = our_terms(found)
    terms = [[name, printed.WORDS[name], number(ms), number(ours[name]),
              number(1000 * ms / ours[name]) if ours[name] else "-"]
             for name, ms in printed.TERMS.items()]
    return "\n\n".join([
        "Each term; ours are medians, T_bio-v in CPU time:",
        table(["term", "", "printed, ms", "ours, us", "printed / ours"], terms, 2),
        "![terms](terms.png)",
        "Each party in each phase. Printed and its sum in ms, ours in us of CPU:",
        table(["phase", "party", "formula", "printed, ms", "its own terms added, ms",
               "the same with our terms, us", "`paper` as it runs, us", "`auth` as it runs, us"],
              phase_rows(found), 3),
        "![phases](phases.png)",
        bullets(
            "Different machines and code: the printed terms are cited from other papers, ours are "
            "measured here. Only ratios within a column say something. In print a hash takes five "
            "sixths of what hiding takes; here it takes "
            f"{100 * ours['T_h'] / ours['T_ST']:.1f} %.",
            "The print disagrees with itself. The sender's message is T_h + T_ST + T_Xor + "
            "T_shift, 110 ms by the notes, of which T_h and T_ST alone are 50 and 60 ms; the table "
            "says 22.3 ms. The receiver's is 90 ms, the table says 21.0. The cloud's registration "
            "is 744 ms, the table says 1,954. The negotiation is said to take 2,951 ms in all, but "
            "its three parties add up to 2,915. SDS is given \"2T_ASD + T_ASD\"; we take one of "
            "them for T_ASE, as section IV-B-1 has it and as for SDR.",
            "The salt is one multiplication in a group, and so is most of T_ASD; T_ASE is two. In "
            "print the first takes 0.001 ms and the others 222 and 300 ms.",
            "Left out in print: the cloud's work for a message, which is to extract R^T and turn "
            "both keys, and one of its encryptions: three are counted, but the salt goes to two "
            "devices and steps 3 and 5 to one each. Our cloud makes six, because Shk goes along "
            "with the salt each time.",
            "`paper` as it runs also encodes, decodes and checks every field, and hashes the "
            "package for its receipt. T_bio-v: "
            f"{number(ours['Rv alone'])} us of it are union and features, the rest brings two "
            "scans to their canvas. A device's registration is dearer than T_ASE, because the scan "
            "is what it encrypts, and has no T_ASD, because Shk comes with the salt.",
            "`auth` beside it: two more Diffie-Hellman messages in a negotiation (Noise KKpsk2); "
            "in delivery a keyed BLAKE2b and 192 bits in the cover instead of SHA-1 and 64, and "
            "nothing for the cloud to do but to decode.",
            "Not in these figures: the hop, the disk, the network, reading image files. "
            "docs/performance.md has those.")])

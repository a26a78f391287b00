"""plots.py - the plots of the report, by gnuplot."""
import subprocess

import printed
import tables

STYLE = """set terminal pngcairo size 960,{height} noenhanced font "sans,11"
set datafile separator "\\t"
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set output "{output}"
set title "{title}"
"""
BLUE, GREY, ORANGE, RED = "#1b6ca8", "#9a9a9a", "#e0a050", "#b0302a"


def draw(folder, name, title, lines, script, height=560):
    """Write NAME.tsv, and NAME.png by the script, in which DATA stands for the former."""
    data = folder / f"{name}.tsv"
    data.write_text("\n".join("\t".join(str(c) for c in line) for line in lines) + "\n")
    style = STYLE.format(output=folder / f"{name}.png", title=title, height=height)
    subprocess.run(["gnuplot"], input=style + script.replace("DATA", f'"{data}"'), text=True,
                   check=True)


def codes(folder, found):
    total = tables.one(found, "many")["messages"]
    seen = {r["code"]: r["count"] / total for r in tables.rows(found, "histogram")}
    shares = tables.code_shares()
    lines = [[c, 100 * seen.get(c, 0), 100 * shares[c]] for c in sorted(shares)
             if 2350 <= c <= 3350]
    draw(folder, "codes", f"MACLESS of Hello, {total:,} times: how often each code comes", lines,
         f"""set xlabel "code"
set ylabel "share, %"
set key top right
set xrange [2350:3350]
plot DATA using 1:2 with impulses lc rgb "{BLUE}" title "measured", \\
     DATA using 1:3 with lines lw 2 lc rgb "{RED}" title "by calculation, of a random SHA-1"
""")


def entropy(folder, found):
    blocks = []
    for row in tables.rows(found, "entropy"):
        share = {r["bits"]: r["share"] for r in tables.rows(found, "histogram")
                 if r["length"] == row["length"]}
        blocks.append([[b, 100 * share.get(b, 0)] for b in range(max(share) + 2)])
    lengths = [r["length"] for r in tables.rows(found, "entropy")]
    lines = [line for block in blocks for line in [*block, [""], [""]]]
    known = tables.one(found, "known_rv")["bits"]
    curves = ", ".join(
        f'DATA index {n} using 1:2 with steps lw 2 lc rgb "{colour}" '
        f'title "slices of {lengths[n]} bytes"' for n, colour in enumerate((RED, ORANGE, BLUE)))
    draw(folder, "entropy", "Min-entropy of a salt key (Table 3 claims 3060 bits, far outside)",
         lines, f"""set xlabel "bits"
set ylabel "share of all slices, %"
set key top right
set arrow from {known},graph 0 to {known},graph 1 nohead dt 2 lc rgb "#333333"
set label "who knows Rv: {known:.1f} bits" at {known + 1},graph 0.96
plot {curves}
""")


def psnr(folder, found):
    covers = tables.rows(found, "cover")
    lines = [["", *tables.CODES]]
    lines += [[tables.cover_name(r), *(r[c]["psnr"] for c in tables.CODES)] for r in covers]
    bars = ", ".join(f'DATA using {n + 2}:xtic(1) lc rgb "{colour}" title columnheader({n + 2})'
                     for n, colour in enumerate((GREY, BLUE, ORANGE)))
    draw(folder, "psnr", "64 bits in 128x128: PSNR (higher is better)", lines,
         f"""set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set ylabel "dB"
set yrange [72:84]
set key outside top center horizontal
set xtics rotate by -35 noenhanced
plot {bars}, {printed.PSNR} with lines lw 2 dt 2 lc rgb "{RED}" title "printed, {printed.PSNR}"
""")


def lattice(folder, _):
    lines = [[n, tables.psnr(n)] for n in range(20, 31)]
    quarters = [[n / 4, tables.psnr(n / 4)] for n in range(80, 121)]
    draw(folder, "lattice", "PSNR of a 128x128 image, by the sum of its squared changes",
         [*lines, [""], [""], *quarters], f"""set xlabel "sum of the squared changes"
set ylabel "dB"
set key top right
set xrange [20:30]
set xtics 1
set arrow from 24.25,graph 0 to 24.25,{printed.PSNR} nohead dt 3 lc rgb "{RED}"
set label "24.25" at 24.33,graph 0.04
plot DATA index 1 using 1:2 with points pt 7 ps 0.5 lc rgb "{GREY}" \\
         title "coefficients moved by 1/2, not rounded", \\
     DATA index 0 using 1:2 with points pt 7 ps 1.6 lc rgb "{BLUE}" title "8-bit pixels", \\
     {printed.PSNR} with lines lw 2 dt 2 lc rgb "{RED}" title "printed, {printed.PSNR}"
""")


BARS = """set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set logscale y
set ytics ("10 ns" 1e-2, "100 ns" 0.1, "1 us" 1, "10 us" 10, "100 us" 100, "1 ms" 1e3, \\
           "10 ms" 1e4, "100 ms" 1e5, "1 s" 1e6, "10 s" 1e7)
set mytics 1
set key outside top center horizontal
set bmargin 4
"""


def bars(colours):
    return "plot " + ", ".join(
        f'DATA using {n + 2}:xtic(1) lc rgb "{colour}" title columnheader({n + 2})'
        for n, colour in enumerate(colours)) + "\n"


def terms(folder, found):
    ours = tables.our_terms(found)
    lines = [["", "printed", "measured here"]]
    lines += [[name, 1000 * ms, ours[name]] for name, ms in printed.TERMS.items()]
    draw(folder, "terms", "Table 6: each term", lines,
         BARS + "set yrange [0.003:1e6]\n" + bars((GREY, BLUE)))


def phases(folder, found):
    done = {(r["phase"], r["profile"]): r for r in tables.rows(found, "phase")}
    names = {"sds": "SDS", "sdr": "SDR\\n{}", "cloud": "cloud"}
    lines = [["", "printed", "its terms added", "paper here", "auth here"]]
    for phase, party, formula, ms in printed.PARTIES:
        own = 1000 * tables.total(formula, printed.TERMS)
        lines.append([names[party].format(phase), 1000 * ms if ms else "nan", own or "nan",
                      done[phase, "paper"][party], done[phase, "auth"][party]])
    draw(folder, "phases", "Table 6: each party in each phase", lines,
         BARS + "set yrange [0.03:1e7]\n" + bars((GREY, "#5a5a5a", RED, BLUE)))

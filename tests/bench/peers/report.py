"""report.py - the table, the bars and the plots of one run of the comparison."""
import subprocess

import parts
import servers

BAR_RATE, BAR_RATE_RATIO, BAR_LATENCY_RATIO, BAR_MEMORY = 5000, 8, 3, 4096


def number(value):
    """Three figures, or all of a whole number."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(a, b):
    return number(a / b) if b > 0 else "-"


def table(head, rows):
    """A Markdown table; every cell but the first is set to the right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(str(c) for c in row) + " |" for row in [head, rule, *rows])


def latency(found):
    rows = []
    for size in parts.SIZES:
        of = found[str(size)]
        for name, row in of.items():
            rows.append([f"{size:,} B", label(name), number(row["p50"]), number(row["p99"]),
                         ratio(of["inkpost"]["p50"], row["p50"]), number(row["cpu"])])
        rows.append([f"{size:,} B", "inkpost, until the receipt is back at sds",
                     number(of["inkpost"]["receipt"]), "", "", ""])
    return (f"One message at a time; a sync of this disk (4 KiB): {found['sync_us']:.0f} us.\n\n"
            + table(["message", "", "p50, us", "p99, us", "inkpost / this", "server CPU, us"],
                    rows))


def label(name):
    """A contestant's name in words."""
    security = {"plain": "plain", "psk": "TLS-PSK"}
    setting = {"default": "default", "durable": "autosave_on_changes", "debian": "Debian's"}
    first, _, rest = name.partition(" ")
    if first in security:
        return " ".join(["mosquitto", security[first], setting.get(rest, rest)]).strip()
    if first in setting:
        return f"mosquitto {setting[first]}"
    return name


def rate(found):
    rows = []
    for name, _, _, size in (*parts.SHAPES, parts.BARE):
        ours, durable, fast = found[name], found[f"durable {size}"], found[f"default {size}"]
        rows.append([name, f"{size:,} B", number(ours["rate"]), number(durable["rate"]),
                     number(fast["rate"]), ratio(ours["rate"], durable["rate"]),
                     ratio(ours["rate"], fast["rate"]), number(ours["cpu"]),
                     number(durable["cpu"]), number(fast["cpu"])])
    return table(["inkpost's", "mosquitto's", "inkpost/s", "autosave_on_changes/s", "default/s",
                  "ratio, durable", "ratio, default", "CPU inkpost, us", "durable", "default"],
                 rows)


def survivors(found):
    rows = []
    for name, row in found.items():
        who, size = name.rsplit(" ", 1)
        lost = row["acked"] - row["survived"]
        rows.append([label(who) if who != "inkpost" else f"inkpost, {row['what']}",
                     f"{int(size):,} B",
                     f"{number(row['acked'])} of {number(row['planned'])}", f"{row['seconds']:.1f}",
                     number(row["survived"]), number(lost), number(row["twice"])])
    return table(["", "message", "acknowledged", "in s", "survived", "lost", "twice"], rows)


def memory(found):
    rows = []
    for name, row in found.items():
        who, n = name.split()
        rows.append([f"{int(n):,}", label(who), number(row["bytes_each"]),
                     number(row["attach_us"])])
    return table(["idle connections", "", "memory each, bytes", "attached in, us each"], rows)


def setup(found):
    ours = found["inkpost"]
    rows = [[label(name) if name != "inkpost" else "inkpost, sealed hop", number(row["keys_p50"]),
             number(row["keys_p99"]), number(row["all_p50"]), number(row["all_p99"]),
             ratio(ours["all_p50"], row["all_p50"]), number(row["cpu"])]
            for name, row in found.items()]
    return table(["", "to the keys p50, us", "p99", "to attached p50, us", "p99", "inkpost / this",
                  "server CPU, us"], rows)


def wire(found):
    rows = []
    for name, row in found.items():
        who, size, *side = name.split()
        both = row["sender_bytes"] + row["receiver_bytes"]
        rows.append([f"{int(size):,} B", label(who) + (f", cover {side[0]}x{side[0]}" if side
                                                       else ""),
                     number(row["sender_bytes"]), number(row["receiver_bytes"]), number(both),
                     ratio(both, 2 * float(size))])
    return table(["message", "", "sender's link", "receiver's link", "both", "bytes / payload"],
                 rows)


def growth(found):
    rows = [[number(row["devices"]), number(row["packages"]),
             *(number(row[k]) for k in ("enrol", "attach", "fetch", "put_one", "receipt_one",
                                        "put", "receipt")),
             f"{row['mib']:.1f}"] for row in found.values()]
    return table(["devices", "queued each", "enrol", "attach", "fetch 64", "enqueue, 1",
                  "receipt, 1", "enqueue, 100", "receipt, 100", "file, MiB"], rows)


SECTIONS = {
    "latency": ("Online latency", latency),
    "rate": ("Acknowledged messages a second, 100 under way, the receiver away", rate),
    "survivors": ("kill -9 at the last acknowledgement", survivors),
    "memory": ("Memory of the server for an idle connection", memory),
    "setup": ("Connecting", setup),
    "wire": ("Bytes of TCP payload for a message, to its receipt", wire),
    "growth": ("Growth of inkpost's store: us an operation, packages of 1 KiB in nine mailboxes",
               growth),
}


def bar(what, wanted, value, met):
    return f"{what:<66} {wanted:>8} {number(value):>9}  {'met' if met else 'missed'}"


def bars(found):
    """The bars of the design, as far as this run has measured them."""
    lines = []
    if "rate" in found:
        ours, durable = found["rate"][parts.SHAPES[0][0]], found["rate"]["durable 16384"]
        times = ours["rate"] / durable["rate"]
        lines += [bar("durable packages of 16 KiB a second, window 100", f">= {BAR_RATE}",
                      ours["rate"], ours["rate"] >= BAR_RATE),
                  bar("the same / mosquitto with autosave_on_changes", f">= {BAR_RATE_RATIO}",
                      times, times >= BAR_RATE_RATIO)]
    if "latency" in found:
        of = found["latency"]["16384"]
        times = of["inkpost"]["p50"] / of["psk default"]["p50"]
        lines.append(bar("latency p50 at 16 KiB / mosquitto TLS-PSK QoS 1 (writes nothing)",
                         f"<= {BAR_LATENCY_RATIO}", times, times <= BAR_LATENCY_RATIO))
        times = of["inkpost"]["p50"] / of["psk durable"]["p50"]
        lines.append(bar("   no bar: the same / TLS-PSK with autosave_on_changes", "", times,
                         times <= BAR_LATENCY_RATIO).rsplit("  ", 1)[0])
    if "memory" in found:
        for name, row in found["memory"].items():
            if name.startswith("inkpost"):
                each = row["bytes_each"]
                lines.append(bar(f"memory of an idle sealed connection, {name.split()[1]} of them",
                                 f"<= {BAR_MEMORY}", each, each <= BAR_MEMORY))
    for name, row in found.get("survivors", {}).items():
        if name.startswith("inkpost"):
            lost = row["acked"] - row["survived"] + row["twice"]
            lines.append(bar(f"lost or twice after kill -9, {row['what']}", "0", lost, lost == 0))
    return "\n".join(lines)


def markdown(found, machine):
    text = ["# inkpost beside mosquitto", "", "```text", machine, "```", ""]
    for key, (title, make) in SECTIONS.items():
        if key in found:
            text += [f"## {title}", "", make(found[key]), ""]
    text += ["## Bars", "", "```text", bars(found), "```", ""]
    if found.get("turns"):
        text += ["## Longest turn of cloudd's loop, run by run", "", "```text", *found["turns"],
                 "```", ""]
    return "\n".join(text)


# ---- plots ----

STYLE = """set terminal pngcairo size 960,600 noenhanced font "sans,11"
set datafile separator "\\t"
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key outside right top vertical noenhanced
set format y "%.0f"
set output "{output}"
set title "{title}"
"""
BARS = """set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
"""
COLOURS = ("#1b6ca8", "#b0b0b0", "#6f6f6f", "#e0a050", "#b0502a")


def plot(folder, name, title, columns, rows, settings):
    """Write NAME.tsv and NAME.png: a cluster for each row, a colour for each column."""
    lines = ["\t".join([""] + columns)]
    lines += ["\t".join(str(c) for c in row) for row in rows]
    (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    lines_style = "with linespoints lw 2 pt 7" if "set logscale x" in settings else ""
    using = "1:{0}" if lines_style else "{0}:xtic(1)"
    curves = ", ".join(
        f'"{folder}/{name}.tsv" using {using.format(i + 2)} {lines_style} '
        f'lc rgb "{COLOURS[i % len(COLOURS)]}" title columnheader({i + 2})'
        for i in range(len(columns)))
    script = STYLE.format(output=folder / f"{name}.png", title=title)
    script += ("" if lines_style else BARS) + settings + f"\nplot {curves}\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def plot_latency(folder, found):
    names = list(found["64"])
    plot(folder, "latency", "Online latency, p50 (lower is better)", [label(n) for n in names],
         [[f"{s:,} B", *(found[str(s)][n]["p50"] for n in names)] for s in parts.SIZES],
         'set ylabel "us"\nset logscale y\nset yrange [10:*]')


def plot_rate(folder, found):
    rows = []
    for name, _, _, size in (*parts.SHAPES, parts.BARE):
        rows.append([name.replace(" and", "\\nand").replace(" in", "\\nin").replace(", ", "\\n"),
                     found[name]["rate"], found[f"durable {size}"]["rate"],
                     found[f"default {size}"]["rate"]])
    plot(folder, "rate", "Acknowledged messages a second, window 100 (higher is better)",
         ["inkpost", "mosquitto autosave_on_changes", "mosquitto default (keeps nothing)"], rows,
         'set ylabel "messages/s"\nset logscale y\nset yrange [10:*]')


def plot_memory(folder, found):
    crowds = sorted({int(name.split()[1]) for name in found})
    plot(folder, "memory", "Memory of the server for an idle connection (lower is better)",
         ["inkpost, sealed", "mosquitto plain", "mosquitto TLS-PSK"],
         [[f"{n:,} connections", *(found[f"{w} {n}"]["bytes_each"] / 1024
                                   for w in ("inkpost", "plain", "psk"))] for n in crowds],
         'set ylabel "KiB"\nset yrange [0:*]')


def plot_wire(folder, found):
    columns = ["inkpost, message of 64 B", "inkpost, message of 1 KiB",
               "mosquitto TLS-PSK, 64 B", "mosquitto TLS-PSK, 1 KiB"]

    def both(row):
        return row["sender_bytes"] + row["receiver_bytes"]

    plot(folder, "wire", "TCP payload of a message on both links", columns,
         [[side, both(found[f"inkpost 64 {side}"]), both(found[f"inkpost 1024 {side}"]),
           both(found["psk 64"]), both(found["psk 1024"])] for side in parts.COVERS],
         'set ylabel "bytes"\nset logscale x 2\nset logscale y\n'
         'set xlabel "side of the cover, pixels"\nset yrange [50:*]')


def plot_growth(folder, found):
    operations = ["attach", "fetch", "put_one", "put", "receipt"]
    titles = ["attach", "fetch 64", "enqueue, 1 at a time", "enqueue, 100 under way",
              "receipt, 100 under way"]
    for name, axis, keep in (("growth-devices", "devices", lambda r: r["packages"] == 1),
                             ("growth-queue", "packages", lambda r: True)):
        rows = [r for r in found.values() if keep(r)]
        if axis == "packages":
            many = sorted(r["devices"] for r in rows)[len(rows) // 2]
            rows = [r for r in rows if r["devices"] == many]
        rows.sort(key=lambda r: r[axis])
        word = "registered devices" if axis == "devices" else "packages waiting in a mailbox"
        plot(folder, name, f"The store: time of an operation, by {word}", titles,
             [[r[axis], *(r[o] for o in operations)] for r in rows],
             f'set ylabel "us"\nset logscale x 10\nset logscale y\nset yrange [1:10000]\n'
             f'set xlabel "{word}"')


PLOTS = {"latency": plot_latency, "rate": plot_rate, "memory": plot_memory, "wire": plot_wire,
         "growth": plot_growth}


def plots(folder, found):
    for key, draw in PLOTS.items():
        if key in found:
            draw(folder, found[key])


def settings_note():
    return "\n".join(f"mosquitto {name}: {words}" for name, (words, _) in
                     servers.SETTINGS.items())

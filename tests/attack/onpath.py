#!/usr/bin/env python3
"""onpath.py - the attacker on the way, by hand: for docs/exercise.md.

    onpath.py --listen PORT --cloud PORT                        show what passes
    onpath.py --listen PORT --cloud PORT --hand FOLDER          hold each package for you
    onpath.py --listen PORT --cloud PORT --text T --guess 2805  change each package

Devices are started with `--cloud 127.0.0.1:PORT --hop open --allow-research`. With --hand, a package
that is held lies in FOLDER as message.txt and stego.pgm: change them, then make the file FOLDER/go.
With --text the message of every package is exchanged, and the guess put in place of the four digits
of its tag; R^T stays. A refusal is told to the sender as that the receiver has no session.
"""
import argparse
import pathlib
import random
import sys
import threading
import time

import result
from bed import Helper
from forgery import Forger
from wire import UP, Proxy, decode, frame

HIDDEN = ("HOP_HELLO", "HOP_REPLY")


class Hand:
    """A rule: every package from a device waits until somebody has looked at it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).expanduser()
        self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, link, way, f):
        if f.name != "PACKAGE" or way != UP:
            return None
        values = decode(f.name, f.body)
        message, image, go = (self.folder / n for n in ("message.txt", "stego.pgm", "go"))
        message.write_bytes(values["message"])
        image.write_bytes(values["image"])
        say(f"held: {message} and {image}; when they are as you like: touch {go}")
        while not go.exists():
            time.sleep(0.05)
        go.unlink()
        text = message.read_bytes()
        return [frame(f.name, {**values, "message": text, "message_bytes": len(text),
                               "image": image.read_bytes()})]


def say(text):
    print(text, flush=True)


def shown(rule):
    """The rule, telling what passes."""
    def wrapped(link, way, f):
        frames = rule(link, way, f) if rule is not None else None
        if f.name not in HIDDEN:
            who = link.who or "?"
            arrow = f"{who} -> cloud" if way == UP else f"cloud -> {who}"
            changed = "" if frames is None or frames == [f] else "  (changed)"
            say(f"{arrow}  {f.name}, {len(f.body)} bytes{changed}")
        return frames
    return wrapped


def main():
    parser = argparse.ArgumentParser(description="The attacker on the way.")
    parser.add_argument("--listen", type=int, required=True, metavar="PORT")
    parser.add_argument("--cloud", type=int, required=True, metavar="PORT")
    parser.add_argument("--hand", metavar="FOLDER")
    parser.add_argument("--text", help="the message in place of the sender's")
    parser.add_argument("--guess", default="2805", help="four digits (2805)")
    given = parser.parse_args()
    rule = None
    if given.hand:
        rule = Hand(given.hand)
    elif given.text is not None:
        rule = Forger(Helper(result.Context()), given.guess.encode(), random.Random(),
                      given.text.encode())
    proxy = Proxy(given.cloud, time.monotonic, given.listen)
    proxy.rule = shown(rule)
    say(f"listening 127.0.0.1:{proxy.port}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        proxy.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

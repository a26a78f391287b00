"""Alter the packages that wait in a cloud's store, as somebody with access to its disk could.

    tamper.py CLOUD.DB bits REGION SEED   one random bit in each; REGION: header, message, image, any
    tamper.py CLOUD.DB pixel              a grey value by 2 in each: every parity stays
    tamper.py CLOUD.DB payload            the lowest bit of a pixel whose block is part of the mask
    tamper.py CLOUD.DB cut                the last bytes of each are gone
    tamper.py CLOUD.DB common             the last bit of what the members of a set get in common
    tamper.py CLOUD.DB kept               the same of what is kept to be read again
    tamper.py CLOUD.DB parts              two members' parts change places
"""
import random
import sqlite3
import struct
import sys

FIXED = 1 + 1 + 32 + 1 + 8 + 8  # profile, codec, session, direction, index, seq


def regions(body):
    """(start, end) of header, message and image; lengths of blobs belong to none."""
    at = FIXED
    for _ in range(2):  # from, to
        at += 1 + body[at]
    at += 4 + 2 + 2  # length of the message, width, height
    length, = struct.unpack_from(">I", body, at)
    message = (at + 4, at + 4 + length)
    length, = struct.unpack_from(">I", body, message[1])
    image = (message[1] + 4, message[1] + 4 + length)
    if image[1] != len(body):
        sys.exit("a package is not as expected")
    return {"header": (0, at), "message": message, "image": image, "any": (0, len(body))}


def first_pixel(body, image):
    """Behind the three white spaces that end the PGM's header lines."""
    at = image[0]
    for _ in range(3):
        at = body.index(b"\n", at) + 1
    return at


def alter(body, how, args, rng):
    where = regions(body)
    if how == "bits":
        start, end = where[args[0]]
        body[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    elif how == "cut":
        del body[-5:]
    else:
        pixel = first_pixel(body, where["image"]) + 2  # block 0, 1
        body[pixel] = body[pixel] ^ (2 if how == "pixel" else 1)


def alter_sets(db, how):
    if how != "parts":
        table = "packages" if how == "common" else "kept"
        rows = db.execute("SELECT number, body FROM commons WHERE number IN"
                          f" (SELECT common FROM {table})").fetchall()
        for number, body in rows:
            db.execute("UPDATE commons SET body = ? WHERE number = ?",
                       (body[:-1] + bytes([body[-1] ^ 1]), number))
        return len(rows)
    rows = db.execute("SELECT number, body FROM packages WHERE common <> 0 LIMIT 2").fetchall()
    for (number, _), (_, body) in zip(rows, reversed(rows)):
        db.execute("UPDATE packages SET body = ? WHERE number = ?", (body, number))
    return len(rows)


def main():
    path, how, *args = sys.argv[1:]
    rng = random.Random(int(args[1]) if how == "bits" else 0)
    db = sqlite3.connect(path, timeout=20)
    with db:
        if how in ("common", "kept", "parts"):
            print(alter_sets(db, how))
            return
        rows = db.execute("SELECT number, body FROM packages").fetchall()
        for number, body in rows:
            body = bytearray(body)
            alter(body, how, args, rng)
            db.execute("UPDATE packages SET body = ? WHERE number = ?", (bytes(body), number))
    print(len(rows))


if __name__ == "__main__":
    main()

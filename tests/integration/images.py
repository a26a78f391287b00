"""Images for the tests, with nothing but the standard library.

    images.py WHAT FILE WIDTH HEIGHT [SEED]

WHAT is texture, flat or ink (strokes on paper); FILE ends in .pgm, .bmp, .png or .jpg (texture
only). rotated is a texture as a .jpg that EXIF says is to be turned.
"""
import random
import struct
import sys
import zlib


def pixels(what, width, height, rng):
    if what == "flat":
        return bytes([90]) * (width * height)
    if what == "ink":
        grid = bytearray([250]) * (width * height)
        x, y, dx, dy = width * 0.1, height * 0.5, 1.0, 0.0
        while x < width * 0.9:
            for i in range(-1, 2):
                for k in range(-1, 2):
                    px = min(max(int(x) + i, 0), width - 1)
                    py = min(max(int(y) + k, 0), height - 1)
                    grid[py * width + px] = 20
            dx = min(max(dx + rng.uniform(-0.3, 0.35), -0.4), 1.0)
            dy = min(max(dy + rng.uniform(-0.4, 0.4), -1.5), 1.5)
            x += dx
            y = min(max(y + dy, height * 0.1), height * 0.9)
        return bytes(grid)
    return bytes((x * 3 + y * 5) % 160 + rng.randrange(60)
                 for y in range(height) for x in range(width))


def pgm(width, height, grey):
    return b"P5\n%d %d\n255\n" % (width, height) + grey


def bmp(width, height, grey):
    """24 bits a pixel, bottom row first."""
    pad = bytes(-3 * width % 4)
    rows = [b"".join(bytes([g]) * 3 for g in grey[y * width:(y + 1) * width]) + pad
            for y in reversed(range(height))]
    body = b"".join(rows)
    return (b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) +
            struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), 2835, 2835, 0, 0) +
            body)


def png(width, height, grey):
    def chunk(name, body):
        return (struct.pack(">I", len(body)) + name + body +
                struct.pack(">I", zlib.crc32(name + body)))
    rows = b"".join(b"\0" + grey[y * width:(y + 1) * width] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def segment(marker, body):
    return struct.pack(">BBH", 0xff, marker, len(body) + 2) + body


def jpeg(width, height, rng, orientation):
    """Baseline, grey. The coefficients themselves are drawn at random: no transform is needed."""
    bits = []

    def put(value, n):
        bits.extend((value >> i) & 1 for i in reversed(range(n)))

    def put_number(value):
        """Our tables give a number of `size` bits, behind no zeros, the 4-bit code `size`."""
        size = abs(value).bit_length()
        put(size, 4)
        put(value if value > 0 else value + (1 << size) - 1, size)

    level = 0
    for _ in range((width + 7) // 8 * ((height + 7) // 8)):
        level, last = rng.randrange(-60, 60), level
        put_number(level - last)
        for _ in range(20):
            put_number(rng.choice((-1, 1)) * rng.randrange(1, 12))
        put(0, 4)
    bits.extend([1] * (-len(bits) % 8))
    scan = bytearray()
    for i in range(0, len(bits), 8):
        byte = int("".join(map(str, bits[i:i + 8])), 2)
        scan += bytes([byte, 0]) if byte == 0xff else bytes([byte])
    exif = b""
    if orientation != 1:
        exif = segment(0xe1, b"Exif\0\0MM\0\x2a\0\0\0\x08" +
                       struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0))
    counts = bytes([0, 0, 0, 11]) + bytes(12)
    return (b"\xff\xd8" + exif + segment(0xdb, b"\0" + bytes([6]) * 64) +
            segment(0xc0, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0])) +
            segment(0xc4, b"\x00" + counts + bytes(range(11))) +
            segment(0xc4, b"\x10" + counts + bytes(range(11))) +
            segment(0xda, bytes([1, 1, 0, 0, 63, 0])) + bytes(scan) + b"\xff\xd9")


def main():
    what, path = sys.argv[1:3]
    width, height = int(sys.argv[3]), int(sys.argv[4])
    rng = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    ending = path.rsplit(".", 1)[-1]
    if ending == "jpg":
        data = jpeg(width, height, rng, 6 if what == "rotated" else 1)
    else:
        data = {"pgm": pgm, "bmp": bmp, "png": png}[ending](
            width, height, pixels(what, width, height, rng))
    with open(path, "wb") as f:
        f.write(data)


if __name__ == "__main__":
    main()

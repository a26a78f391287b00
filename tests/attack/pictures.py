"""Photographs to attack: those that Debian's python3-skimage and what it depends on bring along.

They are read where they are installed. Drawings and test patterns are left out, and crops that
`send` would refuse as flat. A crop always knows its source: training and testing are split by it.
"""
import bz2
import collections
import importlib.util
import pathlib
import pickle

import numpy as np
from PIL import Image

SKIMAGE = ("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png",
           "clock_motion.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
           "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "page.png",
           "retina.jpg", "rocket.jpg", "text.png")
COVERS = pathlib.Path(__file__).resolve().parents[1] / "data/covers"

Crop = collections.namedtuple("Crop", "source pixels")


def grey(pixels):
    """The device's integer rule (common/image.h)."""
    if pixels.ndim == 2:
        return pixels.astype(np.uint8)
    red, green, blue = (pixels[..., i].astype(np.uint32) for i in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)


def read(path):
    image = Image.open(path)
    return grey(np.asarray(image if image.mode == "L" else image.convert("RGB")))


def installed(package):
    """Folder of an installed package, found without running its code."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"attack: {package} is not installed; run scripts/setup --tests")
    return pathlib.Path(spec.origin).parent


def raccoon(path):
    return grey(np.frombuffer(bz2.decompress(path.read_bytes()), np.uint8).reshape(768, 1024, 3))


def stairs(path):
    return grey(np.array(pickle.loads(path.read_bytes())))


def aerial(path):
    return grey(np.load(path)["data"])


def sources():
    """Name and grey pixels of every photograph that the installed version has."""
    data = installed("skimage") / "data"
    readers = {data / name: read for name in SKIMAGE}
    readers[installed("scipy") / "misc/face.dat"] = raccoon
    readers[installed("scipy") / "misc/ascent.dat"] = stairs
    readers[installed("pywt") / "data/aero.npz"] = aerial
    return {path.stem: reader(path) for path, reader in readers.items() if path.exists()}


def is_flat(pixels):
    """stego_is_flat: more than half of the 2x2 blocks are constant."""
    height, width = (side // 2 * 2 for side in pixels.shape)
    blocks = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2)
    return np.mean(blocks.max(axis=(1, 3)) == blocks.min(axis=(1, 3))) > 0.5


def crops(side, most, rng):
    """Squares that overlap by half, at most `most` of each source, chosen by rng."""
    chosen = []
    for name, pixels in sorted(sources().items()):
        height, width = pixels.shape
        places = [(y, x) for y in range(0, height - side + 1, side // 2)
                  for x in range(0, width - side + 1, side // 2)]
        rng.shuffle(places)
        squares = (np.ascontiguousarray(pixels[y:y + side, x:x + side]) for y, x in places)
        good = [Crop(name, square) for square in squares if not is_flat(square)]
        chosen += good[:most]
    return chosen


def covers():
    """Name and pixels of the covers that the tests bring along."""
    return {path.stem: read(path) for path in sorted(COVERS.glob("*.png"))}

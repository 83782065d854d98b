"""Writes src/data/colormap_tables.cpp from the tables of Debian's python3-matplotlib.

Sampled as napari does, at 256 points of [0, 1]. Each component is a fixed-point number of 30 bits (unit 2^-29) in five
base-64 digits, which is closer than single precision, in a file that still can be read by line.
Run with Debian's interpreter: /usr/bin/python3 tools/scripts/make_colormaps.py
"""

import pathlib

import matplotlib
import numpy as np

NAMES = ["viridis", "magma", "inferno", "plasma", "hsv", "turbo", "twilight", "twilight_shifted", "gist_earth", "PiYG"]
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LINE = 90  # characters a line of the table, whole components

HEADER = """// Colour tables of matplotlib {version}, sampled at 256 points; written by tools/scripts/make_colormaps.py, not by hand.
#include "data/colormap_tables.hpp"

namespace napari::data {{
namespace {{

constexpr EncodedColormap kTables[] = {{
"""

FOOTER = """};

}  // namespace

std::span<const EncodedColormap> encoded_colormaps() { return kTables; }

}  // namespace napari::data
"""


def encode(value: float) -> str:
    number = int(round(float(value) * (1 << 29)))
    return "".join(DIGITS[(number >> shift) & 63] for shift in (24, 18, 12, 6, 0))


def table(name: str) -> str:
    rgb = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    text = "".join(encode(v) for v in rgb.ravel())
    lines = [f'     "{text[i:i + LINE]}"' for i in range(0, len(text), LINE)]
    return f'    {{"{name}",\n' + "\n".join(lines) + "},\n"


def main() -> None:
    target = pathlib.Path(__file__).resolve().parents[2] / "src/data/colormap_tables.cpp"
    body = "".join(table(name) for name in NAMES)
    target.write_text(HEADER.format(version=matplotlib.__version__) + body + FOOTER)


if __name__ == "__main__":
    main()

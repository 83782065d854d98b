#!/usr/bin/python3
"""Judges what headless Chromium had on its canvas: computes each picture anew from the data set and compares.

Reads the folder that browser_test.mjs wrote: `states.json` and one PNG per state. Knows nothing of the server's code: the formulas are
those of docs/drawing.md and of src/scene/camera.hpp's comments, in tests/_helpers/oracle.py. Prints one line a check, exits 1 when one fails.

    browser_judge.py DATA.zarr FOLDER [--json REPORT]
"""
import argparse
import json
import math
import pathlib
import sys

import numpy as np
import zarr
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from _helpers import oracle  # noqa: E402
from _helpers.oracle import psnr  # noqa: E402

SLICE_DB_MIN = 35.0     # a settled slice against the oracle
DRAG_DB_MIN = 30.0      # two pictures of one drag, where they overlap
VOLUME_DB_MIN = 35.0    # a settled projection against the oracle
ANCHOR_PX_MAX = 1.0
NEIGHBOUR_DB_MIN = 3.0   # how much better the slice asked for must fit than its neighbours
OTHER_AXIS_DB_MIN = 10.0  # how much better the right axis' projection must fit than the wrong one's


class DataSet:
    """Levels of an OME-Zarr 0.4 image with world transforms, read by zarr-python."""

    def __init__(self, path):
        group = zarr.open_group(str(path), mode="r")
        multiscale = group.attrs["multiscales"][0]
        self.levels = []
        for entry in multiscale["datasets"]:
            array = group[entry["path"]]
            scale, translate = np.ones(array.ndim), np.zeros(array.ndim)
            for transform in entry["coordinateTransformations"]:
                if transform["type"] == "scale":
                    scale, translate = scale * transform["scale"], translate * transform["scale"]
                elif transform["type"] == "translation":
                    translate = translate + transform["translation"]
            self.levels.append((array, scale, translate))


def tone(value, painted, controls):
    """Gray codes as the canvas should show them; black where nothing is painted."""
    low, high = controls["contrast_limits"]
    codes = oracle.colour(value, low, high, controls["gamma"], controls["opacity"], drawn=painted & controls["visible"])
    return codes[..., 0].astype(np.float64)


def draw_plane(data, state, level):
    """The picture of a 2-D state from one level: (codes, painted)."""
    array, scale, translate = data.levels[level]
    dims, pose = state["dims"], state["pose"]["plane"]
    width, height = state["stream"]["width"], state["stream"]["height"]
    row_axis, column_axis = dims["displayed"]
    selection = []
    for axis, step in enumerate(dims["step"]):
        if axis in dims["displayed"]:
            selection.append(slice(None))
        else:
            fine_scale, fine_translate = data.levels[0][1][axis], data.levels[0][2][axis]
            world = fine_scale * step + fine_translate
            selection.append(int(np.clip(np.floor((world - translate[axis]) / scale[axis] + 0.5), 0, array.shape[axis] - 1)))
    plane = np.asarray(array[tuple(selection)], np.float64)
    if row_axis > column_axis:
        plane = plane.T
    controls = state["layers"][0]["controls"]
    values, painted, _ = oracle.plane(plane, (width, height), pose["center"], 1 / pose["zoom"], (translate[column_axis], translate[row_axis]),
                                      (scale[column_axis], scale[row_axis]), controls["interpolation"])
    return tone(values, painted, controls), painted


def draw_volume(data, state, level, stride):
    """The projection of a 3-D state from one level, at every `stride`-th canvas pixel: (codes, painted)."""
    array, scale, translate = data.levels[level]
    dims, pose = state["dims"], state["pose"]["volume"]
    lead = tuple(slice(None) if axis in dims["displayed"] else dims["step"][axis] for axis in range(array.ndim))
    volume = np.asarray(array[lead])
    displayed = np.array(dims["displayed"])
    scale, translate = np.asarray(scale)[displayed], np.asarray(translate)[displayed]
    width, height = state["stream"]["width"], state["stream"]["height"]
    perspective = pose["fov"] > 0
    pixel = (2 * pose["distance"] * math.tan(math.radians(pose["fov"]) / 2) if perspective else pose["distance"]) / height
    origins, directions = oracle.rays((width, height), pose["center"][::-1], oracle.turntable(*pose["angles"]), pixel,
                                      pose["distance"] if perspective else 0)
    controls = state["layers"][0]["controls"]
    best, painted = oracle.mip(volume, origins[::stride, ::stride], directions[::stride, ::stride], perspective, translate, scale,
                               controls["interpolation"])
    return tone(best, painted, controls), painted


def fit_quality(data, state, picture, stride=3):
    """(PSNR, level) of the level that explains the picture best; a server may draw any level that fits its view."""
    results = []
    for level in range(len(data.levels)):
        if state["dims"]["ndisplay"] == 2:
            codes, _ = draw_plane(data, state, level)
            results.append((psnr(codes, picture), level))
        else:
            codes, _ = draw_volume(data, state, level, stride)
            results.append((psnr(codes, picture[::stride, ::stride]), level))
    return max(results)


def neighbour_quality(data, state, picture, level):
    """How well the slices beside the one asked for fit: a picture of the right slice fits better."""
    results = []
    axis = next(axis for axis in range(len(state["dims"]["step"])) if axis not in state["dims"]["displayed"] and state["dims"]["sizes"][axis] > 1)
    for offset in (-1, 1):
        other = json.loads(json.dumps(state))
        other["dims"]["step"][axis] += offset
        if 0 <= other["dims"]["step"][axis] < state["dims"]["sizes"][axis]:
            results.append(psnr(draw_plane(data, other, level)[0], picture))
    return max(results)


def shift_of(before, after):
    """The whole-pixel shift (dx, dy), each below half the picture, that moves `before` onto `after` best."""
    a, b = (picture - picture.mean() for picture in (before, after))
    spectrum = np.fft.rfft2(b) * np.conj(np.fft.rfft2(a))
    correlation = np.fft.irfft2(spectrum, a.shape)
    dy, dx = np.unravel_index(np.argmax(correlation), a.shape)
    height, width = a.shape
    return int(dx - width * (dx > width / 2)), int(dy - height * (dy > height / 2))


def overlap(before, after, dx, dy):
    """The parts of two pictures that show the same, when `after` is `before` moved by (dx, dy)."""
    height, width = before.shape
    rows, columns = slice(max(0, dy), min(height, height + dy)), slice(max(0, dx), min(width, width + dx))
    moved = before[slice(rows.start - dy, rows.stop - dy), slice(columns.start - dx, columns.stop - dx)]
    return moved, after[rows, columns]


def anchor_error(data, before, after, pictures, anchor):
    """How far the data under the anchor moved, in canvas pixels: as the poses say, and as the pictures say (by registration)."""
    said = []
    for state in (before, after):
        pose, stream = state["pose"]["plane"], state["stream"]
        said.append([pose["center"][0] + (anchor[0] - stream["width"] / 2) / pose["zoom"],
                     pose["center"][1] + (anchor[1] - stream["height"] / 2) / pose["zoom"]])
    by_pose = math.dist(*said) * after["pose"]["plane"]["zoom"]
    # What the picture after should be if the anchor had stayed exactly, and where the real one lies relative to it.
    zoom = after["pose"]["plane"]["zoom"]
    center = [said[0][k] - (anchor[k] - (after["stream"]["width"], after["stream"]["height"])[k] / 2) / zoom for k in range(2)]
    ideal = json.loads(json.dumps(after))
    ideal["pose"]["plane"]["center"] = center
    level = fit_quality(data, after, pictures[1])[1]
    codes, _ = draw_plane(data, ideal, level)
    x, y = (int(round(value)) for value in anchor)
    window = (slice(max(0, y - 160), y + 160), slice(max(0, x - 160), x + 160))
    return by_pose, max(map(abs, subpixel_shift(codes[window], pictures[1][window])))


def subpixel_shift(a, b):
    """(dx, dy) by least squares on the gradient, good for a few pixels at most."""
    gy, gx = np.gradient((a + b) / 2)
    difference = a - b
    system = np.array([[(gx * gx).sum(), (gx * gy).sum()], [(gx * gy).sum(), (gy * gy).sum()]])
    return tuple(np.linalg.lstsq(system, np.array([(gx * difference).sum(), (gy * difference).sum()]), rcond=None)[0])


class Report:
    def __init__(self):
        self.rows = []

    def check(self, name, good, evidence):
        self.rows.append({"name": name, "ok": bool(good), "evidence": evidence})
        print(f"{'ok  ' if good else 'FAIL'} {name}: {evidence}", flush=True)


def judge(data, folder, report):
    run = json.loads((folder / "states.json").read_text())
    states = {state["name"]: state for state in run["states"]}
    picture = {name: np.asarray(Image.open(folder / state["file"]).convert("L"), np.float64) for name, state in states.items()}

    for name, state in states.items():
        quality, level = fit_quality(data, state, picture[name])
        minimum = SLICE_DB_MIN if state["dims"]["ndisplay"] == 2 else VOLUME_DB_MIN
        lively = picture[name].std() > 3
        evidence = f"{quality:.1f} dB against the oracle at level {level} (>= {minimum:.0f})"
        if state["dims"]["ndisplay"] == 2:
            neighbour = neighbour_quality(data, state, picture[name], level)
            lively = lively and quality > neighbour + NEIGHBOUR_DB_MIN
            evidence += f", {neighbour:.1f} dB against the better neighbouring slice"
        report.check(f"picture {name}", quality >= minimum and lively, evidence)

    for drag in run["drags"]:
        before, after = picture[drag["before"]], picture[drag["after"]]
        dx, dy = shift_of(before, after)
        said = [states[drag["before"]]["pose"]["plane"]["center"][k] - states[drag["after"]]["pose"]["plane"]["center"][k] for k in range(2)]
        said = [value * states[drag["after"]]["pose"]["plane"]["zoom"] for value in said]
        near = abs(dx - drag["dx"]) <= 2 and abs(dy - drag["dy"]) <= 2
        quality = psnr(*overlap(before, after, dx, dy))
        report.check(f"drag {drag['after']}", near and quality >= DRAG_DB_MIN,
                     f"moved by ({dx}, {dy}) for a drag of ({drag['dx']:.1f}, {drag['dy']:.1f}), poses say ({said[0]:.1f}, {said[1]:.1f}), overlap {quality:.1f} dB (>= {DRAG_DB_MIN:.0f})")

    for zoom in run["zooms"]:
        pair = [picture[zoom["before"]], picture[zoom["after"]]]
        by_pose, by_picture = anchor_error(data, states[zoom["before"]], states[zoom["after"]], pair, zoom["anchor"])
        magnified = states[zoom["after"]]["pose"]["plane"]["zoom"] / states[zoom["before"]]["pose"]["plane"]["zoom"]
        report.check(f"zoom {zoom['after']}", max(by_pose, by_picture) <= ANCHOR_PX_MAX and magnified > 1.2,
                     f"magnified {magnified:.2f} times, the anchor moved {by_pose:.3f} px by the poses and {by_picture:.3f} px by the pictures (<= {ANCHOR_PX_MAX:.0f})")

    for orbit in run["orbits"]:
        before, after = states[orbit["before"]], states[orbit["after"]]
        turned = after["pose"]["volume"]["angles"][0] - before["pose"]["volume"]["angles"][0]
        right, level = fit_quality(data, after, picture[orbit["after"]])
        stale = json.loads(json.dumps(after))
        stale["pose"]["volume"]["angles"] = before["pose"]["volume"]["angles"]
        wrong, _ = fit_quality(data, stale, picture[orbit["after"]])
        report.check(f"orbit {orbit['after']}", abs(abs(turned) - 90) < 0.5 and right >= VOLUME_DB_MIN and right - wrong >= OTHER_AXIS_DB_MIN,
                     f"turned by {turned:.2f} degrees; the other axis' projection fits with {right:.1f} dB at level {level}, the first one's with {wrong:.1f} dB")

    for check in run["checks"]:
        report.check(check["name"], check["ok"], check["evidence"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    report = Report()
    judge(DataSet(options.data), options.folder, report)
    if options.json:
        options.json.write_text(json.dumps(report.rows, indent=1))
    failed = [row["name"] for row in report.rows if not row["ok"]]
    print(f"{len(report.rows) - len(failed)} of {len(report.rows)} checks passed", flush=True)
    return 1 if failed or not report.rows else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The judge itself: its projections against numpy's max, its verdicts against pictures that are right and pictures that are planted wrong."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np
import zarr
from PIL import Image
from scipy import ndimage

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import browser_judge as judge  # noqa: E402

SHAPE = (40, 52, 46)
CANVAS = {"width": 320, "height": 200}
CONTROLS = {"visible": True, "opacity": 1.0, "colormap": "gray", "interpolation": "linear", "gamma": 1.0, "contrast_limits": [0, 255]}


def state(name, ndisplay, step=20, **pose):
    center = [(size - 1) / 2 for size in SHAPE[::-1]]
    plane = {"center": pose.get("center", center[:2]), "zoom": pose.get("zoom", 3.0)}
    volume = {"center": center, "angles": pose.get("angles", [0, 0, 0]), "distance": CANVAS["height"], "fov": pose.get("fov", 0)}
    return {"name": name, "file": f"{name}.png", "stream": CANVAS, "layers": [{"controls": CONTROLS}],
            "dims": {"ndisplay": ndisplay, "step": [step, 0, 0], "sizes": list(SHAPE), "displayed": [0, 1, 2][-ndisplay:]},
            "pose": {"plane": plane, "volume": volume}}


class JudgeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        noise = np.random.default_rng(7).random(SHAPE)
        smooth = ndimage.gaussian_filter(noise, 1.2)
        cls.volume = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
        path = pathlib.Path(cls.folder.name) / "data.zarr"
        group = zarr.open_group(str(path), mode="w")
        group.create_dataset("0", data=cls.volume, chunks=(16, 16, 16))
        group.attrs["multiscales"] = [{"datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]}]
        cls.data = judge.DataSet(path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def codes(self, wanted):
        draw = judge.draw_plane(self.data, wanted, 0) if wanted["dims"]["ndisplay"] == 2 else judge.draw_volume(self.data, wanted, 0, 1)
        return draw[0]

    def inner(self, picture, rows, columns):
        top, left = (CANVAS["height"] - rows) // 2, (CANVAS["width"] - columns) // 2
        return picture[top:top + rows, left:left + columns]

    def test_projections_along_axes_are_maxima(self):
        # One voxel a pixel, so that every ray goes through voxel centres: front along +y, side along -x, top along -z.
        for angles, axis, turn in (([0, 0, 0], 1, lambda m: m[::-1]), ([-90, 0, 0], 2, lambda m: m[::-1, ::-1]), ([0, 90, 0], 0, lambda m: m[::-1])):
            expected = turn(self.volume.max(axis=axis))
            picture = self.inner(self.codes(state("v", 3, angles=angles)), *expected.shape)
            self.assertGreater(judge.psnr(picture, expected), 60, f"angles {angles}")

    def test_plane_at_whole_pixels_is_the_slice(self):
        picture = self.inner(self.codes(state("p", 2, zoom=1.0)), *SHAPE[1:])
        np.testing.assert_array_equal(picture, self.volume[20])

    def run_judge(self, pictures, **lists):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        for wanted, codes in pictures:
            Image.fromarray(np.uint8(codes)).save(folder / wanted["file"])
        run = {"states": [wanted for wanted, _ in pictures], "drags": [], "zooms": [], "orbits": [], "checks": [], **lists}
        (folder / "states.json").write_text(json.dumps(run))
        report = judge.Report()
        with contextlib.redirect_stdout(io.StringIO()):
            judge.judge(self.data, folder, report)
        return {row["name"]: row["ok"] for row in report.rows}

    def test_right_pictures_pass_and_wrong_ones_fail(self):
        plane, volume = state("p", 2), state("v", 3, angles=[20, 10, 0])
        right = {"p": self.codes(plane), "v": self.codes(volume)}
        self.assertEqual(self.run_judge([(plane, right["p"]), (volume, right["v"])]), {"picture p": True, "picture v": True})
        wrong = [(plane, right["p"][::-1]), (plane, np.roll(right["p"], 2, 1)), (plane, self.codes(state("p", 2, step=21))), (plane, 0 * right["p"]),
                 (volume, right["v"][:, ::-1]), (volume, self.codes(state("v", 3, angles=[24, 10, 0])))]
        for number, (wanted, codes) in enumerate(wrong):
            self.assertNotIn(True, self.run_judge([(wanted, codes)]).values(), f"planted error {number}")

    def test_drags_zooms_and_orbits(self):
        start, moved = state("a", 2), state("b", 2, center=[(SHAPE[2] - 1) / 2 - 4, (SHAPE[1] - 1) / 2 - 2])
        pictures = [(start, self.codes(start)), (moved, self.codes(moved))]
        drag = {"before": "a", "after": "b", "dx": 12, "dy": 6}
        self.assertTrue(self.run_judge(pictures, drags=[drag])["drag b"])
        self.assertFalse(self.run_judge(pictures, drags=[{**drag, "dx": 20}])["drag b"])
        # Zooming by 2 with the anchor (200, 80) fixed, and by an anchor that slides by two pixels.
        for slide, good in ((0, True), (2, False)):
            center = [start["pose"]["plane"]["center"][k] + (200, 80)[k] / 3 - (160, 100)[k] / 3 - ((200, 80)[k] - (160, 100)[k] + slide) / 6 for k in range(2)]
            zoomed = state("z", 2, zoom=6.0, center=center)
            verdict = self.run_judge([(start, self.codes(start)), (zoomed, self.codes(zoomed))], zooms=[{"before": "a", "after": "z", "anchor": [200, 80]}])
            self.assertEqual(verdict["zoom z"], good)
        front = state("f", 3)
        for azimuth, good in ((-90, True), (-80, False)):
            side = state("s", 3, angles=[azimuth, 0, 0])
            verdict = self.run_judge([(front, self.codes(front)), (side, self.codes(side))], orbits=[{"before": "f", "after": "s"}])
            self.assertEqual(verdict["orbit s"], good)


if __name__ == "__main__":
    unittest.main()

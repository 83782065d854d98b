"""NIfTI files that nibabel writes, converted by ours (through zarr_dump) and read back with python-zarr: values, orientation,
pyramid, and what must be refused. Usage: nifti_convert_test.py ZARR_DUMP"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest

import nibabel
import numpy as np
import zarr

DUMP = sys.argv.pop(1) if len(sys.argv) > 1 else "zarr_dump"
HEAD = "/usr/share/mricron/templates/ch2better.nii.gz"
RNG = np.random.default_rng(11)
RAS = np.diag([2.0, 3.0, 4.0, 1.0])


def halve(data, axes):
    """Mean by 2 along `axes`, integers half to even: not the converter's algorithm, but padding with NaN and nanmean."""
    out = data.astype(np.float64)
    for axis in axes:
        if out.shape[axis] % 2:
            pad = [(0, 0)] * out.ndim
            pad[axis] = (0, 1)
            out = np.pad(out, pad, constant_values=np.nan)
    shape = []
    for axis, n in enumerate(out.shape):
        shape += [n // 2, 2] if axis in axes else [n, 1]
    out = np.nanmean(out.reshape(shape), axis=tuple(range(1, 2 * data.ndim, 2)))
    return (np.rint(out) if data.dtype.kind in "iu" else out).astype(data.dtype)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.out = os.path.join(self.folder, "out.ome.zarr")

    def save(self, data, affine=RAS, name="in.nii", endian="<", slope=None, inter=None, units=("mm", "sec")):
        header = nibabel.Nifti1Header(endianness=endian)
        header.set_data_dtype(data.dtype)
        image = nibabel.Nifti1Image(data, affine, header)
        image.header.set_data_dtype(data.dtype.newbyteorder(endian))
        image.header.set_xyzt_units(*units)
        path = os.path.join(self.folder, name)
        if slope is None:
            image.to_filename(path)
            return path
        # Stored values as they are, with a scale beside them.
        image.header.set_slope_inter(1, 0)
        image.to_filename(path)
        with open(path, "r+b") as file:
            file.seek(112)
            file.write(np.array([slope, inter], endian + "f4").tobytes())
        return path

    def convert(self, path, *options):
        return subprocess.run([DUMP, "convert", path, self.out, *map(str, options)], capture_output=True,
                              timeout=120)

    def converted(self, path, *options):
        done = self.convert(path, *options)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return zarr.open_group(self.out, mode="r")

    def multiscale(self):
        with open(f"{self.out}/.zattrs", encoding="utf-8") as file:
            return json.load(file)["multiscales"][0]

    def transform(self, level=0):
        first, second = self.multiscale()["datasets"][level]["coordinateTransformations"]
        return first["scale"], second["translation"]


class Values(Case):
    def test_every_dtype_and_byte_order(self):
        for name in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"):
            for endian in "<>":
                with self.subTest(dtype=name, endian=endian):
                    dtype = np.dtype(name)
                    data = (RNG.normal(size=(9, 10, 11)) * 50).astype(dtype)
                    path = self.save(data, endian=endian, name=f"{name}{'le' if endian == '<' else 'be'}.nii")
                    group = self.converted(path)
                    self.assertEqual(group["0"].dtype, dtype)
                    np.testing.assert_array_equal(group["0"][:], data.transpose())
                    subprocess.run(["rm", "-r", self.out], check=True)

    def test_slope_and_intercept(self):
        data = RNG.integers(-3000, 3000, (70, 20, 9)).astype("i2")
        path = self.save(data, slope=0.25, inter=-100)
        group = self.converted(path, 16)
        self.assertEqual(group["0"].dtype, np.float32)
        np.testing.assert_array_equal(group["0"][:], nibabel.load(path).get_fdata().T.astype("f4"))

    def test_time_series(self):
        data = RNG.integers(0, 255, (12, 11, 10, 5)).astype("u1")
        path = self.save(data, name="in.nii.gz")
        group = self.converted(path)
        np.testing.assert_array_equal(group["0"][:], data.transpose())
        self.assertEqual([a["name"] for a in self.multiscale()["axes"]], ["t", "z", "y", "x"])
        self.assertEqual([a["unit"] for a in self.multiscale()["axes"]], ["second"] + ["millimeter"] * 3)

    def test_a_plane(self):
        data = RNG.integers(0, 255, (30, 20)).astype("u1")
        np.testing.assert_array_equal(self.converted(self.save(data))["0"][0], data.T)

    def test_pyramid_is_the_mean_half_to_even(self):
        for dtype in ("u1", "i2", "f4"):
            with self.subTest(dtype=dtype):
                data = (RNG.normal(size=(131, 40, 261)) * 60).astype(dtype)
                group = self.converted(self.save(data, name=f"{dtype}.nii"), 32)
                self.assertEqual(sorted(group.array_keys()), ["0", "1", "2"])
                level = data.transpose()
                for index, axes in ((1, (0, 2)), (2, (0, 2))):
                    axes = tuple(a for a in axes if level.shape[a] > 64)
                    level = halve(level, axes)
                    if dtype == "f4":
                        np.testing.assert_allclose(group[str(index)][:], level, rtol=1e-6, atol=1e-5)
                    else:
                        np.testing.assert_array_equal(group[str(index)][:], level)
                subprocess.run(["rm", "-r", self.out], check=True)

    def test_little_memory_gives_the_same(self):
        data = RNG.integers(0, 60000, (50, 60, 140)).astype("u2")
        path = self.save(data, np.diag([1.0, 1, -1, 1]))
        group = self.converted(path, 64, 50 * 60 * 2 * 5)
        self.assertEqual(group["0"].chunks[0], 4)
        np.testing.assert_array_equal(group["0"][:], data.transpose()[::-1])


class Orientations(Case):
    def test_all_48_give_what_nibabel_calls_closest_canonical(self):
        import itertools
        for order in itertools.permutations(range(3)):
            for signs in itertools.product((1, -1), repeat=3):
                with self.subTest(order=order, signs=signs):
                    affine = np.zeros((4, 4))
                    affine[3, 3] = 1
                    for column, (row, sign) in enumerate(zip(order, signs)):
                        affine[row, column] = sign * (column + 1.5)
                    affine[:3, 3] = (-10, 20, 30)
                    data = RNG.integers(0, 255, (9, 21, 13)).astype("u1")
                    group = self.converted(self.save(data, affine), 8)
                    best = nibabel.as_closest_canonical(nibabel.Nifti1Image(data, affine))
                    np.testing.assert_array_equal(group["0"][:], np.asarray(best.dataobj).T)
                    scale, translation = self.transform()
                    np.testing.assert_allclose(scale, np.diag(best.affine)[2::-1], rtol=1e-6)
                    np.testing.assert_allclose(translation, best.affine[2::-1, 3], rtol=1e-6)
                    subprocess.run(["rm", "-r", self.out], check=True)

    def test_oblique_stays_as_stored(self):
        angle = 0.3
        rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        affine = np.eye(4)
        affine[:3, :3] = rotation @ np.diag([2, 3, 4])
        affine[:3, 3] = (5, 6, 7)
        data = RNG.integers(0, 255, (9, 21, 13)).astype("u1")
        group = self.converted(self.save(data, affine))
        np.testing.assert_array_equal(group["0"][:], data.T)
        scale, translation = self.transform()
        np.testing.assert_allclose(scale, [4, 3, 2], rtol=1e-6)
        self.assertEqual(translation, [0, 0, 0])
        with open(f"{self.out}/.zattrs", encoding="utf-8") as file:
            noted = json.load(file)["napari_cuda"]
        self.assertFalse(noted["affine_applied"])
        np.testing.assert_allclose(noted["affine"], affine[:3], rtol=1e-6)

    def test_qform_where_there_is_no_sform(self):
        affine = np.array([[0, -2.0, 0, 3], [1.5, 0, 0, -4], [0, 0, -2.5, 50], [0, 0, 0, 1]])
        data = RNG.integers(0, 255, (9, 21, 13)).astype("u1")
        image = nibabel.Nifti1Image(data, None)
        image.set_qform(affine, code=1)
        image.set_sform(None, code=0)
        path = os.path.join(self.folder, "q.nii")
        image.to_filename(path)
        group = self.converted(path)
        best = nibabel.as_closest_canonical(nibabel.load(path))
        np.testing.assert_array_equal(group["0"][:], np.asarray(best.dataobj).T)
        scale, translation = self.transform()
        np.testing.assert_allclose(scale, np.diag(best.affine)[2::-1], rtol=1e-5)
        np.testing.assert_allclose(translation, best.affine[2::-1, 3], rtol=1e-5)


class Refusals(Case):
    def refused(self, path, *words):
        done = self.convert(path)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr.decode())
        self.assertEqual([n for n in os.listdir(self.folder) if "partial" in n], [])

    def test_damaged_files(self):
        path = self.save(RNG.integers(0, 255, (40, 40, 40)).astype("u1"))
        with open(path, "rb") as file:
            good = file.read()
        packed = gzip.compress(good)
        for name, content, word in (
                ("short.nii", good[:-1], "cut off"), ("header.nii", good[:100], "cut off"),
                ("none.nii", b"", "cut off"), ("text.nii", b"x" * 4096, "NIfTI"),
                ("short.nii.gz", packed[:-100], "short.nii.gz"),
                ("flip.nii.gz", packed[:5000] + bytes(b ^ 255 for b in packed[5000:5100]) + packed[5100:], "flip"),
                ("dims.nii", good[:40] + b"\x09\0" + good[42:], "dimensions"),
                ("type.nii", good[:70] + b"\x80\0" + good[72:], "data type 128"),
                ("extent.nii", good[:42] + b"\xff\xff" + good[44:], "extent"),
                ("offset.nii", good[:108] + np.float32(np.nan).tobytes() + good[112:], "begin"),
                ("pair.nii", good[:344] + b"ni1\0" + good[348:], "n+1")):
            with self.subTest(name=name):
                bad = os.path.join(self.folder, name)
                with open(bad, "wb") as file:
                    file.write(content)
                self.refused(bad, word, name)
                self.assertFalse(os.path.exists(self.out))
        self.refused(os.path.join(self.folder, "absent.nii"), "does not exist")
        self.refused(self.folder, "no file")

    def test_what_exists_is_left_alone(self):
        path = self.save(np.zeros((4, 4, 4), "u1"))
        os.makedirs(self.out)
        self.refused(path, "exists already")


class Head(Case):
    @unittest.skipUnless(os.path.exists(HEAD), f"{HEAD} is missing: install mricron-data")
    def test_the_demo_equals_nibabels_array(self):
        group = self.converted(HEAD)
        image = nibabel.as_closest_canonical(nibabel.load(HEAD))
        data = np.asarray(image.dataobj)
        np.testing.assert_array_equal(group["0"][:], data.T)
        scale, translation = self.transform()
        np.testing.assert_allclose(scale, np.diag(image.affine)[2::-1])
        np.testing.assert_allclose(translation, image.affine[2::-1, 3])
        axes = tuple(range(3))
        np.testing.assert_array_equal(group["1"][:], halve(data.T, axes))
        np.testing.assert_array_equal(group["2"][:], halve(halve(data.T, axes), axes))
        with open(f"{self.out}/.zattrs", encoding="utf-8") as file:
            window = json.load(file)["omero"]["channels"][0]["window"]
        np.testing.assert_allclose([window["start"], window["end"]], np.percentile(group["2"][:], [0.5, 99.5]))


if __name__ == "__main__":
    unittest.main(verbosity=1)

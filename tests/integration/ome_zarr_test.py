"""What `convert` writes, read by ome-zarr, ome-zarr-models and zarr 3 beside nibabel's own array; what they write, read by ours.

Runs in build/venv (tests/requirements.txt), whatever interpreter starts it; without that, every case skips and says why.
"""
import importlib.metadata
import itertools
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from _helpers import tap  # noqa: E402
from _helpers.server import BUILD, DEMO  # noqa: E402

VENV = BUILD / "venv"
MISSING = ""
if (VENV / ".complete").exists() and pathlib.Path(sys.prefix).resolve() != VENV.resolve():
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])
if (VENV / ".complete").exists():
    import nibabel
    import numcodecs
    import numpy as np
    import zarr
    from ome_zarr.format import FormatV04
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image
    from ome_zarr_models.v04 import Image
    logging.getLogger("ome_zarr").setLevel(logging.ERROR)  # it warns of every format but its newest
else:
    MISSING = f"the packages of tests/requirements.txt are not in {VENV}: ./run test installs them where a package registry answers"

HEAD = pathlib.Path("/usr/share/mricron/templates/ch2better.nii.gz")
SERVER, DUMP = BUILD / "napari-cuda-server", BUILD / "tests/data/zarr_dump"
SPACE = "zyx"


def evidence(text: str) -> None:
    print(f"evidence A1.1 ome-zarr: {text}", file=sys.stderr)


def run(*command, status: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=180, check=False)
    if done.returncode != status:
        raise AssertionError(f"{command} ended with {done.returncode}, not {status}: {done.stderr.decode()}")
    return done


def halved(level, axes):
    """The next level: the mean of pairs along `axes`, a last voxel alone for itself; integers to the nearest, halves to even."""
    total, count = level.astype(np.float64), np.ones(level.shape)
    for axis in axes:
        pairs = np.arange(0, level.shape[axis], 2)
        total, count = np.add.reduceat(total, pairs, axis), np.add.reduceat(count, pairs, axis)
    mean = total / count
    return (np.rint(mean) if level.dtype.kind in "iu" else mean).astype(level.dtype)


class Case(unittest.TestCase):
    def setUp(self):
        if MISSING:
            self.skipTest(MISSING)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.rng = np.random.default_rng(29)

    def opened(self, path):
        """ome-zarr's node: .data is the levels as dask arrays, .metadata axes and transformations. Three readers must agree."""
        location = parse_url(str(path), mode="r")
        self.assertIsNotNone(location, f"ome-zarr finds no image in {path}")
        self.assertEqual(location.version, "0.4")
        node = next(iter(Reader(location)()))
        group = zarr.open_group(str(path), mode="r", zarr_format=2)
        model = Image.from_zarr(group).attributes.multiscales[0]  # raises where the metadata breaks the specification
        self.assertEqual([d.path for d in model.datasets], sorted(group.array_keys()))
        self.assertEqual(len(node.data), len(model.datasets))
        for data, dataset in zip(node.data, model.datasets):
            np.testing.assert_array_equal(data.compute(), group[dataset.path][...])
        return node

    def transform(self, node, level):
        scale, translation = node.metadata["coordinateTransformations"][level]
        return np.array(scale["scale"]), np.array(translation["translation"])

    def agrees(self, nifti, path, frames: bool = False):
        """Levels, values and places of `path` against nibabel's view of `nifti`."""
        node, stored = self.opened(path), nibabel.load(nifti)
        axes = [axis["name"] for axis in node.metadata["axes"]]
        self.assertEqual(axes, ["t"] * frames + list(SPACE))
        first = node.data[0].compute()
        values = stored.get_fdata().astype(first.dtype) if first.dtype.kind == "f" else np.asarray(stored.dataobj)
        canonical = nibabel.as_closest_canonical(nibabel.Nifti1Image(values, stored.affine))
        np.testing.assert_array_equal(first, np.asarray(canonical.dataobj).transpose())
        scale, translation = self.transform(node, 0)
        np.testing.assert_allclose(scale[frames:], np.diag(canonical.affine)[2::-1], rtol=1e-6)
        np.testing.assert_allclose(translation[frames:], canonical.affine[2::-1, 3], rtol=1e-6, atol=1e-5)
        self.same_places(values, stored.affine, first, scale[frames:], translation[frames:])
        self.pyramid(node, first, scale, translation, frames)
        return node

    def same_places(self, values, affine, ours, scale, translation):
        """Voxels at the world position that the file's affine gives them, nothing canonical about it."""
        index = self.rng.integers(0, values.shape[:3], (500, 3))
        world = (index @ affine[:3, :3].T + affine[:3, 3])[:, ::-1]
        place = (world - translation) / scale
        np.testing.assert_allclose(place, np.rint(place), atol=1e-3)
        z, y, x = np.rint(place).astype(int).T
        i, j, k = index.T
        np.testing.assert_array_equal(ours[..., z, y, x], np.moveaxis(values[i, j, k], 0, -1))

    def pyramid(self, node, level, scale, translation, frames):
        factor = np.ones(level.ndim)
        for number, data in enumerate(node.data[1:], 1):
            self.assertGreater(max(level.shape[frames:]), 128)
            axes = [axis for axis in range(frames, level.ndim) if level.shape[axis] > 64]
            factor[axes] *= 2
            level = halved(level, axes)
            if level.dtype.kind == "f":
                np.testing.assert_allclose(data.compute(), level, rtol=1e-6, atol=1e-5)
                level = data.compute()
            else:
                np.testing.assert_array_equal(data.compute(), level)
            found = self.transform(node, number)
            np.testing.assert_allclose(found[0], scale * factor)
            np.testing.assert_allclose(found[1], translation + scale * (factor - 1) / 2, atol=1e-9)
        self.assertLessEqual(max(level.shape[frames:]), 128, "a coarser level is missing")


class Converted(Case):
    def convert(self, nifti):
        out = self.folder / f"{nifti.name}.ome.zarr"
        run(SERVER, "convert", nifti, out, "--quiet")
        return out

    def save(self, data, affine, name="in.nii.gz", endian="<", stored=None, slope=None, units=("mm", "sec")):
        image = nibabel.Nifti1Image(data, affine, nibabel.Nifti1Header(endianness=endian), dtype=stored or data.dtype)
        image.header.set_xyzt_units(*units)
        if slope:
            image.header.set_slope_inter(*slope)
        image.to_filename(self.folder / name)
        return self.folder / name

    def test_ome_zarr_reads_the_demo_as_nibabel_does(self):
        self.assertTrue(HEAD.exists(), f"{HEAD} is missing: install mricron-data")
        node = self.agrees(HEAD, DEMO)
        self.assertEqual([axis["unit"] for axis in node.metadata["axes"]], ["millimeter"] * 3)
        self.assertEqual([axis["type"] for axis in node.metadata["axes"]], ["space"] * 3)
        self.assertEqual(node.metadata["channel_names"], ["ch2better"])
        low, high = node.metadata["contrast_limits"][0]
        self.assertTrue(0 <= low < high <= 255, (low, high))
        shapes = " > ".join("x".join(map(str, data.shape)) for data in node.data)
        reader = importlib.metadata.version("ome-zarr")
        versions = f"{reader} and zarr {zarr.__version__}"
        evidence(f"{versions} read the demo's {shapes} equal to nibabel {nibabel.__version__}'s array and its means")

    def test_ome_zarr_reads_scaled_int16(self):
        data = self.rng.integers(-3000, 3000, (150, 40, 70)).astype("i2")
        path = self.save(data, np.diag([1.5, 2, 2.5, 1]), slope=(0.25, -100))
        self.assertEqual(nibabel.load(path).dataobj.slope, 0.25)
        self.assertEqual(self.agrees(path, self.convert(path)).data[0].dtype, np.float32)
        real = self.rng.normal(size=(33, 34, 35)) * 7
        path = self.save(real, np.diag([1.0, 1, 1, 1]), "own.nii.gz", stored=np.int16)  # a slope that nibabel chose
        self.assertEqual(self.agrees(path, self.convert(path)).data[0].dtype, np.float32)

    def test_ome_zarr_reads_flipped_and_permuted_axes(self):
        data = self.rng.integers(0, 60000, (30, 24, 131)).astype("u2")
        count = 0
        flips = ((1, 1, 1), (-1, 1, -1), (1, -1, 1), (-1, -1, -1))
        for order, signs in itertools.product(itertools.permutations(range(3)), flips):
            with self.subTest(order=order, signs=signs):
                affine = np.eye(4)
                affine[:3, :3] = np.diag([0.5, 1.25, 3])[list(order)] * signs
                affine[:3, 3] = (-11, 22, 33.5)
                path = self.save(data, affine, f"a{count}.nii.gz")
                self.agrees(path, self.convert(path))
                count += 1
        evidence(f"{count} orientations agree with their affine, voxel by voxel")

    def test_ome_zarr_reads_a_time_series(self):
        data = self.rng.integers(-100, 100, (70, 20, 140, 5)).astype("i2")
        affine = np.diag([-2.0, 2, 2, 1])
        image = nibabel.Nifti1Image(data, affine)
        image.header.set_xyzt_units("micron", "msec")
        image.header.set_zooms((2, 2, 2, 750))
        image.to_filename(self.folder / "in.nii.gz")
        node = self.agrees(self.folder / "in.nii.gz", self.convert(self.folder / "in.nii.gz"), frames=True)
        self.assertEqual([axis["unit"] for axis in node.metadata["axes"]], ["millisecond"] + ["micrometer"] * 3)
        self.assertEqual([axis["type"] for axis in node.metadata["axes"]], ["time"] + ["space"] * 3)
        self.assertEqual([self.transform(node, level)[0][0] for level in range(len(node.data))], [750] * len(node.data))

    def test_ome_zarr_reads_big_endian_and_uncompressed(self):
        dtypes = ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")
        for endian, name, dtype in itertools.product("<>", ("e.nii", "e.nii.gz"), dtypes):
            with self.subTest(endian=endian, name=name, dtype=dtype):
                data = (self.rng.normal(size=(21, 130, 17)) * 50).astype(dtype)
                path = self.save(data, np.diag([1.0, 1, 2, 1]), f"{dtype}{'le' if endian == '<' else 'be'}{name}", endian)
                self.assertEqual(nibabel.load(path).header.endianness, endian)
                out = self.convert(path)
                self.assertEqual(self.agrees(path, out).data[0].dtype, np.dtype(dtype))


class ReadByOurs(Case):
    def level(self, path, level, data):
        done = run(DUMP, "read", path, level, ",".join("0" * data.ndim), "all")
        ours = np.frombuffer(done.stdout, data.dtype.newbyteorder("=")).reshape(data.shape)
        np.testing.assert_array_equal(ours, data)

    def test_ome_zarr_wrote_it_ours_reads_every_level(self):
        for axes, shape, dtype in (("zyx", (40, 130, 150), "u2"), ("tczyx", (2, 3, 16, 70, 90), "f4"), ("yx", (300, 200), "u1")):
            with self.subTest(axes=axes, dtype=dtype):
                path = self.folder / f"{axes}.ome.zarr"
                data = (self.rng.random(shape) * 200).astype(dtype)
                scale = dict(zip(axes, (3.0, 1.0, 0.5, 0.25, 0.125)[-len(axes):]))
                factors = [{axis: 2 ** n for axis in axes if axis in SPACE} for n in (1, 2)]
                write_image(data, zarr.open_group(str(path), mode="w", zarr_format=2), factors, axes=axes, fmt=FormatV04(),
                            scale=scale, axes_units={axis: "micrometer" for axis in axes if axis in SPACE},
                            method=Methods.LOCAL_MEAN, name="n")
                node = next(iter(Reader(parse_url(str(path), mode="r"))()))
                info = json.loads(run(SERVER, "info", path, "--json").stdout)
                self.assertEqual([axis["name"] for axis in info["axes"]], list(axes))
                units = [axis.get("unit") for axis in info["axes"] if axis["name"] in SPACE]
                self.assertEqual(units, ["micrometer"] * len(units))
                self.assertEqual([tuple(level["shape"]) for level in info["levels"]], [level.shape for level in node.data])
                self.assertEqual(len(info["levels"]), 3)
                for number, (said, level) in enumerate(zip(info["levels"], node.data)):
                    transforms = {t["type"]: t[t["type"]] for t in node.metadata["coordinateTransformations"][number]}
                    np.testing.assert_allclose(said["scale"], transforms["scale"])
                    np.testing.assert_allclose(said["translation"], transforms.get("translation", [0] * len(axes)))
                    self.level(path, number, level.compute())
                np.testing.assert_array_equal(node.data[0].compute(), data)

    def test_zarr_3_wrote_version_2_ours_reads_it(self):
        codecs = [None, numcodecs.Zlib(1), numcodecs.GZip(6), numcodecs.Zstd(3), numcodecs.LZ4()]
        codecs += [numcodecs.Blosc(name, 5, shuffle) for name in numcodecs.blosc.list_compressors() for shuffle in (0, 1, 2)]
        count = 0
        dtypes, layouts = ("|u1", "<i2", ">u2", "<f4", ">f8"), (("C", "/"), ("F", "."))
        for codec, dtype, (order, separator) in itertools.product(codecs, dtypes, layouts):
            with self.subTest(codec=codec, dtype=dtype, order=order, separator=separator):
                path = self.folder / f"{count}.zarr"
                array = zarr.create_array(str(path), shape=(11, 13, 17), chunks=(4, 5, 6), dtype=dtype, order=order, fill_value=7,
                                          zarr_format=2, compressors=codec,
                                          chunk_key_encoding={"name": "v2", "separator": separator})
                array[2:, :, 6:] = (self.rng.random((9, 13, 11)) * 100).astype(dtype)  # the rest: missing chunks and fill
                self.level(path, 0, zarr.open_array(str(path), mode="r", zarr_format=2)[...])
                count += 1
        evidence(f"{count} arrays by zarr {zarr.__version__} (format 2, {len(codecs)} codecs) are read equal")

    def test_ome_zarr_0_5_is_refused_by_name(self):
        path = self.folder / "new.ome.zarr"
        group = zarr.open_group(str(path), mode="w", zarr_format=3)
        write_image(self.rng.integers(0, 9, (8, 64, 64)).astype("u1"), group, None, axes="zyx")
        message = run(SERVER, "info", path, status=2).stderr.decode()
        for word in ("new.ome.zarr", "v3"):
            self.assertIn(word, message)


if __name__ == "__main__":
    tap.main()

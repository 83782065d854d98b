"""Arrays that python-zarr writes, read back by ours (through zarr_dump): every dtype, order, separator and codec, edge and missing
chunks, fills, and input that must be refused with the file's name. Usage: zarr_roundtrip_test.py ZARR_DUMP"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numcodecs
import numpy as np
import zarr

DUMP = sys.argv.pop(1) if len(sys.argv) > 1 else "zarr_dump"
SHAPE = (2, 11, 13, 17)
CHUNKS = (1, 4, 5, 6)
DTYPES = ["|u1", "|i1", "|b1"] + [o + t for o in "<>" for t in ("u2", "u4", "i2", "i4", "f4", "f8")]
RNG = np.random.default_rng(7)


def run(*arguments):
    return subprocess.run([DUMP, *map(str, arguments)], capture_output=True, timeout=60)


def get(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, content):
    with open(path, "wb") as file:
        file.write(content.encode("latin-1") if isinstance(content, str) else content)


def read(path, level, start, shape, dtype):
    join = lambda values: ",".join(map(str, values))
    done = run("read", path, level, join(start), "all" if shape is None else join(shape))
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return np.frombuffer(done.stdout, np.dtype(dtype).newbyteorder("="))


def values(dtype, shape=SHAPE):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (RNG.normal(size=shape) * 1e4).astype(dtype)
    if dtype.kind == "b":
        return RNG.integers(0, 2, shape).astype(dtype)
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "a.zarr")

    def write(self, data, **options):
        options.setdefault("dimension_separator", "/")
        options.setdefault("compressor", numcodecs.Blosc("lz4"))
        array = zarr.open_array(self.path, mode="w", shape=data.shape, dtype=data.dtype,
                                chunks=options.pop("chunks", CHUNKS), **options)
        array[:] = data
        return data

    def assert_reads(self, data, level=0):
        whole = read(self.path, level, [0] * data.ndim, None, data.dtype).reshape(data.shape)
        np.testing.assert_array_equal(whole, data)
        for _ in range(3):
            start = [int(RNG.integers(0, n)) for n in data.shape]
            shape = [int(RNG.integers(1, n - s + 1)) for n, s in zip(data.shape, start)]
            part = data[tuple(slice(s, s + n) for s, n in zip(start, shape))]
            np.testing.assert_array_equal(
                read(self.path, level, start, shape, data.dtype).reshape(shape), part)

    def assert_refused(self, *words, arguments=None):
        done = run(*(arguments or ("read", self.path, 0, "0", "all")))
        message = done.stderr.decode()
        self.assertEqual(done.returncode, 1, message)
        for word in words:
            self.assertIn(word, message)


class Layouts(Case):
    def test_every_dtype_order_and_separator(self):
        for dtype, order, separator in itertools.product(DTYPES, "CF", "/."):
            with self.subTest(dtype=dtype, order=order, separator=separator):
                self.assert_reads(self.write(values(dtype), order=order, dimension_separator=separator))

    def test_nested_chunk_reads_decode_ranges(self):
        data = values("<u2", (40, 64, 64))
        for codec in (numcodecs.Blosc("lz4", 5, 1, blocksize=4096), numcodecs.Blosc("zstd", 5, 2),
                      None):
            self.write(data, chunks=(40, 32, 64), compressor=codec)
            for z in (0, 7, 39):
                plane = read(self.path, 0, (z, 0, 0), (1, 64, 64), "<u2").reshape(64, 64)
                np.testing.assert_array_equal(plane, data[z])
            self.assert_reads(data)

    def test_chunk_larger_than_array(self):
        self.assert_reads(self.write(values("<i2", (3, 5)), chunks=(64, 64)))

    def test_bytes_typed_blosc_header(self):
        # The item size in blosc's header need not be the dtype's.
        data = values("<f8", (16, 8, 8))
        self.write(data, chunks=(16, 8, 8), compressor=None)
        raw = numcodecs.Blosc("lz4").encode(data.tobytes())
        meta = json.loads(get(f"{self.path}/.zarray"))
        meta["compressor"] = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}
        put(f"{self.path}/.zarray", json.dumps(meta))
        os.makedirs(f"{self.path}/0/0", exist_ok=True)
        put(f"{self.path}/0/0/0", raw)
        self.assert_reads(data)


class Codecs(Case):
    def test_every_codec(self):
        codecs = [None, numcodecs.Zlib(1), numcodecs.GZip(6), numcodecs.Zstd(3), numcodecs.LZ4()]
        codecs += [numcodecs.Blosc(name, 5, shuffle) for name in numcodecs.blosc.list_compressors()
                   for shuffle in (0, 1, 2)]
        self.assertGreaterEqual(len(codecs), 17)
        for codec, dtype in itertools.product(codecs, ("|u1", "<u2", ">f4")):
            with self.subTest(codec=codec, dtype=dtype):
                self.assert_reads(self.write(values(dtype), compressor=codec))

    def test_refuses_unknown_codecs_and_filters_by_name(self):
        for codec, name in ((numcodecs.BZ2(), "bz2"), (numcodecs.LZMA(), "lzma")):
            self.write(values("<u2"), compressor=codec)
            self.assert_refused(name, ".zarray")
        self.write(values("<u2"), filters=[numcodecs.Delta("<u2")])
        self.assert_refused("delta", ".zarray")

    def test_refuses_unknown_dtypes_by_name(self):
        for dtype in ("<f2", "<u8", "<c8", "|S4"):
            self.write(np.zeros(SHAPE, dtype))
            self.assert_refused(dtype, ".zarray")


class Fills(Case):
    def test_missing_chunks_are_the_fill_value(self):
        cases = [("<u2", 7), (">u2", 700), ("|i1", -3), ("<f4", float("nan")), (">f4", float("inf")),
                 ("<f8", float("-inf")), (">f8", 1.25), ("<i4", -70000), ("<u4", 4294967295)]
        for (dtype, fill), order in itertools.product(cases, "CF"):
            with self.subTest(dtype=dtype, fill=fill):
                data = np.full(SHAPE, fill, dtype)
                array = zarr.open_array(self.path, mode="w", shape=SHAPE, dtype=dtype, chunks=CHUNKS,
                                        fill_value=fill, order=order)
                array[1, 3:9] = data[1, 3:9] = values(dtype)[1, 3:9]
                self.assert_reads(data)

    def test_null_fill_is_zero(self):
        zarr.open_array(self.path, mode="w", shape=SHAPE, dtype="<u2", chunks=CHUNKS, fill_value=None)
        self.assert_reads(np.zeros(SHAPE, "<u2"))

    def test_refuses_a_fill_that_the_dtype_cannot_hold(self):
        self.write(values("|u1"))
        for fill in (256, -1, 0.5, "NaN", "x", [1]):
            self.edit(fill_value=fill)
            self.assert_refused("fill_value", ".zarray")

    def edit(self, **changes):
        name = f"{self.path}/.zarray"
        meta = json.loads(get(name))
        meta.update(changes)
        put(name, json.dumps(meta))


class BadInput(Case):
    CODECS = [None, numcodecs.Zlib(1), numcodecs.GZip(1), numcodecs.Zstd(1), numcodecs.LZ4(),
              numcodecs.Blosc("lz4"), numcodecs.Blosc("zstd"), numcodecs.Blosc("zlib")]

    def test_truncated_and_oversized_chunks_name_the_file(self):
        for codec in self.CODECS:
            self.write(np.arange(np.prod(SHAPE)).reshape(SHAPE).astype("<u2"), compressor=codec)
            chunk = f"{self.path}/1/2/2/2"
            whole = get(chunk)
            for bad in (whole[:-1], whole[: len(whole) // 2], whole[:3], b"", whole + b"more" * 50_000):
                with self.subTest(codec=codec, size=len(bad)):
                    put(chunk, bad)
                    self.assert_refused("1/2/2/2")
            put(chunk, whole)

    def test_corrupt_headers_name_the_file(self):
        for codec in self.CODECS[1:]:
            self.write(values("<u2"), compressor=codec)
            chunk = f"{self.path}/0/0/0/0"
            whole = get(chunk)
            with self.subTest(codec=codec):
                put(chunk, bytes(b ^ 0xFF for b in whole[:16]) + whole[16:])
                self.assert_refused("0/0/0/0")

    def test_no_flipped_bit_crashes(self):
        # Formats without a checksum may decode to other voxels; nothing may die or hang.
        for codec in self.CODECS[1:]:
            self.write(np.arange(np.prod(SHAPE)).reshape(SHAPE).astype("<u2"), compressor=codec)
            chunk = f"{self.path}/0/0/0/0"
            whole = get(chunk)
            for position in range(0, min(len(whole), 24)):
                bad = bytearray(whole)
                bad[position] ^= 0x5A
                put(chunk, bad)
                self.assertIn(run("read", self.path, 0, "0,0,0,0", "1,4,5,6").returncode, (0, 1))

    def test_a_chunk_of_another_size_is_refused(self):
        self.write(values("<u2"))
        put(f"{self.path}/0/0/0/0", numcodecs.Blosc("lz4").encode(b"\1" * 4096))
        self.assert_refused("0/0/0/0", "4096")

    def test_bad_metadata_names_the_file(self):
        self.write(values("<u2"))
        name = f"{self.path}/.zarray"
        good = json.loads(get(name))
        bad = [("shape", [0, 1, 1, 1]), ("shape", [-1, 1, 1, 1]), ("shape", "x"), ("shape", [1, 2]),
               ("shape", [2**62] * 4), ("shape", []), ("chunks", [0, 1, 1, 1]), ("chunks", [1, 4, 5]),
               ("chunks", [65536] * 4), ("chunks", [1.5, 1, 1, 1]), ("dtype", 3), ("dtype", "u"),
               ("order", "Z"), ("dimension_separator", ".."), ("zarr_format", 3),
               ("compressor", "lz4"), ("filters", "delta"), ("compressor", {})]
        for key, value in bad:
            with self.subTest(key=key, value=value):
                put(name, json.dumps({**good, key: value}))
                self.assert_refused(".zarray")
        text = json.dumps(good)
        for broken in (text[:-20], "", "[]", "[" * 100_000, "{" + '"a":{' * 5000, "\0", "\xff"):
            put(name, broken)
            self.assert_refused(".zarray")

    def test_what_is_no_zarr(self):
        self.assert_refused("not found", "does not exist")
        os.makedirs(self.path)
        self.assert_refused("no OME-Zarr image")
        put(f"{self.path}/zarr.json", "{}")
        self.assert_refused("unsupported", "v3")
        for name, command in (("x.tif", "bioformats2raw"), ("x.CZI", "bioformats2raw"),
                              ("x.nii.gz", "napari-cuda-server convert"), ("x.txt", "no folder")):
            file = f"{self.path}/{name}"
            put(file, "x")
            self.assert_refused(command, arguments=("info", file))

    def test_a_fifo_in_a_chunks_place_does_not_hang(self):
        self.write(values("<u2"))
        os.remove(f"{self.path}/0/0/0/0")
        os.mkfifo(f"{self.path}/0/0/0/0")
        self.assert_refused("0/0/0/0")

    def test_symbolic_links_are_followed_and_keys_stay_inside(self):
        data = self.write(values("<u2"))
        os.rename(f"{self.path}/1", f"{self.path}-elsewhere")
        os.symlink(f"{self.path}-elsewhere", f"{self.path}/1")
        self.assert_reads(data)
        group = f"{self.path}-group"
        os.makedirs(group)
        for escape in ("../a.zarr", "/etc", "x/../../a.zarr", "", "."):
            put(f"{group}/.zattrs", json.dumps({"multiscales": [{"datasets": [{"path": escape}]}]}))
            self.assert_refused(".zattrs", "key", arguments=("info", group))


class Groups(Case):
    def group(self, axes, transforms, outer=None, omero=None, shapes=((8, 6, 4), (4, 3, 2))):
        group = zarr.open_group(self.path, mode="w")
        self.levels = [values("<u2", shape) for shape in shapes]
        paths = ["img/0", "img/1"]
        for path, data in zip(paths, self.levels):
            group.create_dataset(path, data=data, chunks=(3, 3, 3), dimension_separator="/")
        datasets = [{"path": p} | ({"coordinateTransformations": t} if t else {})
                    for p, t in zip(paths, transforms)]
        multiscale = {"version": "0.4", "name": "n", "datasets": datasets}
        if axes:
            multiscale["axes"] = axes
        if outer:
            multiscale["coordinateTransformations"] = outer
        group.attrs["multiscales"] = [multiscale]
        if omero:
            group.attrs["omero"] = omero

    def info(self):
        done = run("info", self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    AXES = [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]

    def test_levels_transforms_and_window(self):
        scale = lambda *v: {"type": "scale", "scale": v}
        move = lambda *v: {"type": "translation", "translation": v}
        self.group(self.AXES, [[scale(2, 1, 1)], [scale(4, 2, 2), move(1, 0.5, 0.25)]],
                   [scale(10, 10, 10), move(0, 0, 3)],
                   {"channels": [{"label": "DAPI", "window": {"start": 5, "end": 50, "min": 0, "max": 99}}]})
        info = self.info()
        self.assertEqual(info["format"], "OME-Zarr 0.4")
        self.assertEqual([a["name"] + a["unit"] for a in info["axes"]], [n + "micrometer" for n in "zyx"])
        self.assertEqual([l["scale"] for l in info["levels"]], [[20, 10, 10], [40, 20, 20]])
        self.assertEqual([l["translation"] for l in info["levels"]], [[0, 0, 3], [10, 5, 5.5]])
        self.assertEqual(info["channels"], [{"name": "DAPI", "window": [5, 50], "range": [0, 99]}])
        for level, data in enumerate(self.levels):
            self.assert_reads(data, level)

    def test_before_0_4_shapes_tell_the_scale(self):
        for axes in (None, ["z", "y", "x"]):
            self.group(axes, [None, None])
            info = self.info()
            self.assertEqual([a["name"] for a in info["axes"]], ["z", "y", "x"])
            self.assertEqual(info["levels"][1]["scale"], [2, 2, 2])
            self.assertEqual(info["levels"][1]["translation"], [0.5, 0.5, 0.5])

    def test_bad_groups_say_why(self):
        scale = [{"type": "scale", "scale": [1, 1, 1]}]
        for axes, transform, word in (
                (self.AXES[:2], None, "axes"), (self.AXES, [{"type": "scale", "scale": [1, 1]}], "scale"),
                (self.AXES, [{"type": "scale", "scale": [0, 1, 1]}], "scale"),
                (self.AXES, [{"type": "affine"}], "affine"),
                ([self.AXES[0]] * 3, scale, "two axes"), ([{}] * 3, scale, "no name")):
            self.group(axes, [transform, transform])
            self.assert_refused(word, arguments=("info", self.path))
        self.group(self.AXES, [scale, scale])
        os.rename(f"{self.path}/img/1", f"{self.path}/img/2")
        self.assert_refused("not found", "img/1", arguments=("info", self.path))


if __name__ == "__main__":
    unittest.main(verbosity=1)

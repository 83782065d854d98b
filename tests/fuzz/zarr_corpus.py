"""Writes the seeds of the Zarr fuzz targets: zarr_corpus.py FOLDER makes FOLDER/metadata and FOLDER/codec."""

import json
import os
import struct
import sys

import numcodecs
import numpy as np

ROOT = sys.argv[1]


def put(folder, name, content):
    os.makedirs(os.path.join(ROOT, folder), exist_ok=True)
    with open(os.path.join(ROOT, folder, name), "wb") as file:
        file.write(content)


def metadata():
    array = {"zarr_format": 2, "shape": [10, 20], "chunks": [5, 5], "dtype": "<u2", "order": "C", "filters": None,
             "fill_value": 0, "dimension_separator": "/",
             "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}}
    put("metadata", "array", json.dumps(array).encode())
    put("metadata", "nan", json.dumps(array | {"dtype": ">f4", "fill_value": "NaN", "order": "F"}).encode())
    put("metadata", "filter", json.dumps(array | {"filters": [{"id": "delta"}]}).encode())
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.5]},
                                                        {"type": "translation", "translation": [1, 2]}]}
    group = {"multiscales": [{"version": "0.4", "name": "n", "axes": [{"name": "y", "type": "space"}, "x"],
                              "datasets": [level], "coordinateTransformations": [{"type": "identity"}]}],
             "omero": {"channels": [{"label": "c", "window": {"start": 0, "end": 1, "min": 0, "max": 2}}]}}
    put("metadata", "group", json.dumps(group).encode())


def codecs():
    data = (np.arange(600) % 97).astype("<u2")
    size = data.nbytes
    choice = lambda kind: bytes([kind]) + struct.pack("<HHH", size - 1, 64, 127)
    put("codec", "none", choice(0) + data.tobytes())
    for kind, codec in ((1, numcodecs.Zlib(1)), (2, numcodecs.GZip(1)), (3, numcodecs.Zstd(1)), (4, numcodecs.LZ4())):
        put("codec", codec.codec_id, choice(kind) + bytes(codec.encode(data)))
    for name in numcodecs.blosc.list_compressors():
        for shuffle in (0, 1, 2):
            encoded = numcodecs.Blosc(name, 5, shuffle, 256).encode(data)
            put("codec", f"blosc-{name}-{shuffle}", choice(5) + bytes(encoded))


metadata()
codecs()

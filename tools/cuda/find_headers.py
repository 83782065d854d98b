#!/usr/bin/env python3
"""Says where cuda.h and cudaGL.h are, for meson.

    find_headers.py [--option FOLDER] [--nvcc NVCC] [--build BUILD]   prints the folder, or nothing
    find_headers.py --nvcc-version NVCC                               prints 13.0

Looks in FOLDER alone where one is given; else in CUDA_HOME, CUDA_PATH, beside NVCC, in the usual folders, and last in
BUILD/cuda-headers, where fetch_headers.py puts those of the pinned wheel.
"""
import argparse
import os
import pathlib
import re
import subprocess

NEEDED = ("cuda.h", "cudaGL.h")


def candidates(nvcc: str, build: str):
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(name):
            yield pathlib.Path(os.environ[name]) / "include"
    if nvcc:
        home = pathlib.Path(nvcc).resolve().parent.parent
        yield home / "include"
        yield home / "targets" / f"{os.uname().machine}-linux" / "include"
    yield pathlib.Path("/usr/local/cuda/include")
    yield pathlib.Path("/usr/include")  # Debian's nvidia-cuda-toolkit
    if build:
        yield pathlib.Path(build) / "cuda-headers"


def nvcc_version(nvcc: str) -> str:
    text = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"release (\d+\.\d+)", text)
    return found[1] if found else "of unknown version"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--option", default="")
    parser.add_argument("--nvcc", default="")
    parser.add_argument("--build", default="")
    parser.add_argument("--nvcc-version", default="")
    arguments = parser.parse_args()
    if arguments.nvcc_version:
        print(nvcc_version(arguments.nvcc_version))
        return
    folders = [pathlib.Path(arguments.option)] if arguments.option else candidates(arguments.nvcc, arguments.build)
    for folder in folders:
        if all((folder / name).is_file() for name in NEEDED):
            print(folder.resolve())
            return
    if arguments.option:
        raise SystemExit(f"-Dnvidia_headers={arguments.option}: {' or '.join(NEEDED)} is not there")


if __name__ == "__main__":
    main()

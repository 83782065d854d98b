#!/usr/bin/env python3
"""Fetches cuda.h and cudaGL.h out of the pinned wheel of requirements.txt into BUILD/cuda-headers.

    fetch_headers.py BUILD

Does nothing where a Toolkit or an earlier call has them. Without a registry, or with a wheel of another hash, it says so and
exits with status 1; the build then goes on without the CUDA road.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
WANTED = ["cuda.h", "cudaGL.h"]
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
TIMEOUT_S = 120
ERRORS = (OSError, RuntimeError, subprocess.SubprocessError, zipfile.BadZipFile)  # of fetch


def download(folder: pathlib.Path) -> pathlib.Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
               "--only-binary", ":all:", "--require-hashes", "--platform", "manylinux2014_x86_64", "--dest", str(folder),
               "--retries", "1", "-r", str(HERE / "requirements.txt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise RuntimeError(lines[-1] if lines else f"pip ended with status {done.returncode}")
    return wheels[0]


def unpack(wheel: pathlib.Path, out: pathlib.Path) -> list[str]:
    """Takes the wanted headers and those of the wheel that they include."""
    taken: list[str] = []
    with zipfile.ZipFile(wheel) as archive:
        members = {name.partition("/include/")[2]: name for name in archive.namelist() if "/include/" in name}
        waiting = list(WANTED)
        while waiting:
            header = waiting.pop()
            if header in taken or header not in members or ".." in header:
                continue
            text = archive.read(members[header])
            (out / header).parent.mkdir(parents=True, exist_ok=True)
            (out / header).write_bytes(text)
            taken.append(header)
            waiting += INCLUDE.findall(text.decode("utf-8", errors="replace"))
    return taken


def fetch(build: pathlib.Path, name: str) -> None:
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as temporary:
        # Unpacked aside, so that a folder that is there is whole.
        fresh = pathlib.Path(temporary) / name
        taken = unpack(download(pathlib.Path(temporary)), fresh)
        missing = [header for header in WANTED if header not in taken]
        if missing:
            raise RuntimeError(f"the wheel holds no {missing[0]}")
        fresh.rename(build / name)


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    build = pathlib.Path(sys.argv[1])
    found = subprocess.run([sys.executable, HERE / "find_headers.py", "--build", build], capture_output=True, text=True, check=False)
    if found.stdout.strip():
        return 0
    try:
        fetch(build, "cuda-headers")
    except ERRORS as error:
        print(f"no CUDA headers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

#!/usr/bin/env python3
"""Gathers a build and all it needs into one relocatable archive: glibc 2.36 or newer, no root, drivers from the host.

    bundle.py --build DIR [--tests] [--with PROGRAM]... [OUT.tar.zst | OUT.tar.xz | FOLDER]

Without OUT: DIR/napari-cuda-server-VERSION-x86_64.tar.zst.

--tests: with the programs that tools/scripts/prove_gpu.py runs on a machine with a GPU. PROGRAM: one more program of the build,
relative to DIR. A folder is written as it is, unpacked.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import contents
import elf

ROOT = pathlib.Path(__file__).resolve().parents[2]
GST_HELPERS = "gstreamer1.0/gstreamer-1.0"
COMPRESSORS = {".zst": "zstd -15 -T0 -q", ".xz": "xz -6 -T0", ".gz": "gzip -9"}
ICD = '{"file_format_version": "1.0.0", "ICD": {"library_path": "libEGL_nvidia.so.0"}}\n'


def output(*command) -> str:
    return subprocess.run(list(map(str, command)), text=True, capture_output=True, check=True).stdout.strip()


def git(*command) -> str:
    """Of this repository; a source tree without one has no commit to name."""
    if shutil.which("git") is None:
        return "unknown"
    done = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, *command], text=True, capture_output=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


class Libraries:
    """Which file the machine's loader would take for a soname."""

    def __init__(self) -> None:
        self.folder = pathlib.Path("/usr/lib") / output("gcc", "-print-multiarch")
        self.cached = {}
        for line in output("/sbin/ldconfig", "-p").splitlines()[1:]:
            soname, _, rest = line.strip().partition(" ")
            if "x86-64" in rest:
                self.cached.setdefault(soname, pathlib.Path(rest.rpartition("=> ")[2]))

    def find(self, soname: str, asker: elf.Elf) -> pathlib.Path:
        for folder in filter(None, (asker.rpath + ":" + asker.runpath).split(":")):
            path = pathlib.Path(folder.replace("$ORIGIN", str(asker.path.resolve().parent))) / soname
            if path.exists():
                return path
        if soname not in self.cached:
            raise SystemExit(f"bundle: {asker.path} needs {soname}, which is not installed")
        return self.cached[soname]


class Bundle:
    """`files`: place in the bundle -> file of this machine. Filled first, so that it can be judged without copying."""

    def __init__(self, build: pathlib.Path, extra: list[str]) -> None:
        self.build, self.libraries = build, Libraries()
        self.files: dict[str, pathlib.Path] = {}
        self.programs = ["napari-cuda-server", *contents.GST_PROGRAMS]
        self.files["libexec/napari-cuda-server"] = build / "napari-cuda-server"
        self.files["lib/gstreamer-1.0/libgstnaparicuda.so"] = build / "gst-elements/libgstnaparicuda.so"
        for name in contents.GST_PROGRAMS:
            self.files[f"libexec/{name}"] = pathlib.Path("/usr/bin") / name
        stock = self.libraries.folder
        self.files["libexec/gst-plugin-scanner"] = stock / GST_HELPERS / "gst-plugin-scanner"
        for name in contents.PLUGINS:
            self.files[f"lib/gstreamer-1.0/libgst{name}.so"] = stock / f"gstreamer-1.0/libgst{name}.so"
        for name in contents.GIO_MODULES:
            self.files[f"lib/gio/modules/{name}"] = stock / "gio/modules" / name
        for program in extra:
            self.programs.append(pathlib.Path(program).name)
            self.files[f"libexec/{self.programs[-1]}"] = build / program
        missing = [str(path) for path in self.files.values() if not path.exists()]
        if missing:
            raise SystemExit(f"bundle: not there: {', '.join(missing)} (packages: tools/packages.txt; programs: ./run build)")
        self.close()

    def close(self) -> None:
        """Adds what the files need, and what that needs."""
        waiting = list(self.files.values())
        while waiting:
            asker = elf.read(waiting.pop())
            for soname in asker.needed:
                place = f"lib/fallback/{soname}/{soname}" if soname in contents.FALLBACK else f"lib/{soname}"
                if soname in contents.GLIBC or place in self.files:
                    continue
                self.files[place] = self.libraries.find(soname, asker)
                waiting.append(self.files[place])

    def write(self, out: pathlib.Path) -> None:
        for place, source in sorted(self.files.items()):
            target = out / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.resolve(), target)
            target.chmod(0o755)
            if source.is_relative_to(self.build):
                subprocess.run(["strip", "--strip-unneeded", target], check=True)
            up = "/".join([".."] * (len(pathlib.PurePath(place).parts) - 1))
            subprocess.run(["patchelf", "--set-rpath", f"$ORIGIN/{up}/lib", target], check=True)
        (out / "bin").mkdir()
        shutil.copyfile(ROOT / "tools/bundle/launch.sh", out / "libexec/launch")
        (out / "libexec/launch").chmod(0o755)
        for name in [*self.programs, "napari-cuda-bench", "napari-cuda-soak"]:
            (out / "bin" / name).symlink_to("../libexec/launch")
        (out / "share/egl_vendor.d").mkdir(parents=True)
        (out / "share/egl_vendor.d/10_nvidia.json").write_text(ICD)
        (out / "share/bench").mkdir()
        for script in ("gpu_figures.py", "soak.py", "wire_client.py"):
            if (ROOT / "tools/bench" / script).exists():
                shutil.copyfile(ROOT / "tools/bench" / script, out / "share/bench" / script)
        packages = self.licences(out / "share/licenses")
        (out / "README").write_text((ROOT / "tools/bundle/README.in").read_text())
        (out / "VERSION").write_text(self.version(packages))

    def licences(self, out: pathlib.Path) -> list[str]:
        """Copies the copyright file of every Debian package that a file comes from; a file of no package is an error."""
        packages = {"libexpected-dev"}  # compiled in
        for source in {path for path in self.files.values() if not path.is_relative_to(self.build)}:
            packages.add(package_of(source))
        for package in packages:
            notice = pathlib.Path("/usr/share/doc") / package / "copyright"
            (out / package).mkdir(parents=True)
            shutil.copyfile(notice, out / package / "copyright")
        (out / "napari-cuda-server").mkdir()
        shutil.copyfile(ROOT / "LICENSE", out / "napari-cuda-server/LICENSE")
        return sorted(packages)

    def version(self, packages: list[str]) -> str:
        lines = [output(self.build / "napari-cuda-server", "--version"), f"commit {git('describe', '--always', '--dirty', '--abbrev=12')}",
                 f"committed {git('log', '-1', '--format=%cI')}",
                 "needs glibc {}.{} or newer, x86-64".format(*contents.GLIBC_NEWEST)]
        versions = output("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages).splitlines()
        return "\n".join([*lines, "holds files of these Debian packages:", *sorted(versions)]) + "\n"


def package_of(path: pathlib.Path) -> str:
    """dpkg knows a file by the path it was packaged with: /lib or /usr/lib, link or target."""
    for candidate in (path, path.resolve()):
        for name in {str(candidate), str(candidate).removeprefix("/usr"), f"/usr{candidate}"}:
            found = subprocess.run(["dpkg-query", "-S", name], text=True, capture_output=True, check=False)
            if found.returncode == 0:
                return found.stdout.split(":")[0]
    raise SystemExit(f"bundle: no Debian package holds {path}: its licence is not known")


def pack(folder: pathlib.Path, out: pathlib.Path) -> None:
    when = git("log", "-1", "--format=%ct")
    same_every_time = ["--sort=name", f"--mtime=@{when if when != 'unknown' else 0}", "--owner=0", "--group=0", "--numeric-owner"]
    subprocess.run(["tar", *same_every_time, "-I", COMPRESSORS[out.suffix], "-cf", out, "-C", folder.parent, folder.name], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--tests", action="store_true")
    parser.add_argument("--with", dest="extra", action="append", default=[], metavar="PROGRAM")
    parser.add_argument("out", type=pathlib.Path, nargs="?")
    options = parser.parse_args()
    build = options.build.resolve()
    bench = [p for p in ("tools/bench/gpu_bench",) if (build / p).exists() and p not in options.extra]
    tests = list(contents.GPU_TESTS) if options.tests else []
    bundle = Bundle(build, [*dict.fromkeys(options.extra + bench + tests)])
    name = f"{output(build / 'napari-cuda-server', '--version').replace(' ', '-')}-{os.uname().machine}"
    out = options.out or build / f"{name}.tar.zst"
    if out.suffix not in COMPRESSORS:
        if out.exists():
            raise SystemExit(f"bundle: {out} exists")
        bundle.write(out)
    else:
        with tempfile.TemporaryDirectory(dir=out.parent.resolve()) as scratch:
            folder = pathlib.Path(scratch) / name
            folder.mkdir()
            bundle.write(folder)
            pack(folder, out)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

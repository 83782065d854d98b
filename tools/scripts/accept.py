#!/usr/bin/env python3
"""Prints one line an acceptance point of the issues: `A1.1 ok|FAIL evidence`.

    accept.py --build DIR [--quick] [POINT...]

A point holds when every test case it names exists and passed in this run, and its direct checks hold. Tests say what they measured
in lines `evidence A1.2 …`, repeated here. --quick leaves the sanitizer builds out, and so cannot pass A1.6.
Exit status: 0 when every line printed is ok.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.request

import count_tests

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Point -> patterns; every pattern must match at least one case, and every matching case must have passed.
CASES = {
    "A1.1": [r"browser", r"web", r"ome_zarr"],
    "A1.2": [r"every_row_of_section_5", r"frames_flow_decode", r"settles_then_is_silent", r"junk_and_wrong_versions",
             r"second_viewer_costs_one_idr", r"wrong_hello", r"commands", r"heartbeats", r"bad_input", r"NapariTier"],
    "A1.3": [r"pipelines-doc", r"EosAlone", r"EosWith", r"JoinWhileStill", r"Consumer\w*Errors", r"Consumer\w*Blocks",
             r"Consumer\w*Unlinks", r"Consumer\w*Fills", r"EncoderKilled", r"Credit", r"Meta", r"NullWhileBlocked",
             r"(StartStop100|HundredStarts)", r"Openh264"],
    "A1.4": [r"oracle", r"engine"],
    "A1.5": [r"AStoreThatBlocksForFiveSeconds", r"FramesKeepComingWhileTheStoreHangs", r"CoarseDataIsDrawnWithin100ms", r"Within50ms"],
    "A1.6": [r"LedgerTest", r"ReducerTest", r"ReducerProperty", r"Boxes", r"LodPolicy", r"LevelBudget", r"TileGrid"],
    "A1.7": [r"import_matrix"],
    "A3.1": [r"CudaKernel", r"CudaJob", r"GlFrame", r"GlVolume", r"GlUpload", r"RebuildingDrawer", r"GpuReport", r"NvencSettings"],
    "A3.2": [r"HundredStarts", r"GpuPictureShrinks", r"PlanesOfTheGpuAreTheOutput", r"NvencSinkWithNvenc", r"DeathInDeviceMemory", r"pipelines-doc"],
    "A3.3": [r"soak"],
    "A3.4": [r"doctor", r"DeviceChoice", r"ChooseEglDevice", r"OpenCudaDriver", r"InitCudaDriver", r"bundle"],
}
# What a machine without a GPU cannot run: recorded by tools/scripts/prove_gpu.py on one that has it, and committed.
GPU_EVIDENCE = ROOT / "docs/gpu-evidence.json"
ELEMENTS = ("naparieglsrc", "naparicudaconvert", "naparinvencsink")


class Run:
    def __init__(self, build: pathlib.Path, quick: bool) -> None:
        self.build, self.quick = build, quick
        self.cases: dict[str, str] = {}
        self.evidence: dict[str, list[str]] = {}
        self.summary = "the tests were not run"

    def tests(self) -> None:
        done = subprocess.run([ROOT / "run", "test"], env={**os.environ, "QUIET_BUILD": "1"}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = done.stdout.strip().splitlines()
        self.summary = lines[-1] if lines else "no output"
        log = self.build / "meson-logs"
        self.cases = {name: result for name, result, _ in count_tests.cases(log)}
        for point, text in re.findall(r"evidence (A\d+\.\d+) (.+)", self.text(log)):
            if text.strip() not in self.evidence.setdefault(point, []):
                self.evidence[point].append(text.strip())

    @staticmethod
    def text(log: pathlib.Path) -> str:
        return "".join(f.read_text(errors="replace") for f in (log / "testlog.txt", log / "again.txt") if f.exists())

    def named(self, point: str) -> tuple[bool, str]:
        passed, wrong = 0, []
        for pattern in CASES[point]:
            hits = {name: state for name, state in self.cases.items() if re.search(pattern, name)}
            if not any(state == "passed" for state in hits.values()):
                wrong.append(f"no passing case matches {pattern}")
            passed += sum(state == "passed" for state in hits.values())
            wrong += [f"{name} {state}" for name, state in hits.items()
                      if state == "failed" or (state == "skipped" and "gpu" not in name.lower())]
        return not wrong, "; ".join(wrong[:4]) if wrong else f"{passed} cases passed"

    def demo_serves(self) -> tuple[bool, str]:
        start = time.monotonic()
        process = subprocess.Popen([ROOT / "run", "demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, cwd=ROOT)
        url = None
        for line in process.stdout:
            if line.startswith("open"):
                url = line.split()[1]
                break
        if url is None:
            return False, f"./run demo printed no address: {process.stderr.read()[-200:]}"
        with urllib.request.urlopen(url.split("?")[0] + "healthz", timeout=5) as answer:
            healthy = answer.status == 200
        took = time.monotonic() - start
        process.send_signal(signal.SIGTERM)
        status = process.wait(5)
        return healthy and status == 0 and took < 3, f"./run demo answers /healthz after {took:.1f} s, exit status {status}"

    def only_gpu_skips(self) -> tuple[bool, str]:
        skips = [name for name, state in self.cases.items() if state == "skipped" and "gpu" not in name.lower()]
        counted = re.fullmatch(r"\d+ passed, 0 failed, \d+ skipped", self.summary) is not None
        return counted and not skips, self.summary + (f"; skips beside gpu: {', '.join(skips[:4])}" if skips else "")

    def sanitized(self) -> tuple[bool, str]:
        if self.quick:
            return False, "--quick: not run under the sanitizers"
        notes = []
        for kind in ("address", "thread"):
            done = subprocess.run([ROOT / "run", "sanitize", kind], env={**os.environ, "QUIET_BUILD": "1"}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            counts = dict(re.findall(r"^(Ok|Fail|Timeout|Unexpected Pass):\s+(\d+)", done.stdout, re.M))
            if done.returncode != 0:
                return False, f"{kind}: {counts or done.stdout[-300:]}"
            notes.append(f"{kind} clean in {counts.get('Ok', '?')} programs")
        return True, ", ".join(notes) + ", a planted race is reported"

    def contract(self) -> tuple[bool, str]:
        done = subprocess.run([sys.executable, ROOT / "tools/scripts/import_matrix.py"], text=True, capture_output=True, check=False)
        return done.returncode == 0, done.stdout.strip().splitlines()[-1]

    @staticmethod
    def recorded(*parts: str):
        """A check that holds where the evidence has these parts, each passed, of a commit that this one descends from."""
        def check() -> tuple[bool, str]:
            if not GPU_EVIDENCE.exists():
                return False, f"{GPU_EVIDENCE.relative_to(ROOT)} is not there: run tools/scripts/prove_gpu.py on a machine with a GPU"
            evidence = json.loads(GPU_EVIDENCE.read_text())
            commit = evidence["commit"].removesuffix("-dirty")
            missing = [part for part in parts if not evidence["parts"].get(part, {}).get("ok")]
            git = lambda *command: subprocess.run(["git", "-C", ROOT, *command], text=True, capture_output=True, check=False)
            if missing:
                return False, f"the evidence of {commit} has no passed {', '.join(missing)}"
            if git("merge-base", "--is-ancestor", commit, "HEAD").returncode != 0:
                return False, f"the evidence is of {commit}, which is no ancestor of this commit"
            later = git("rev-list", "--count", f"{commit}..HEAD", "--", "src", "gst-elements", "subprojects").stdout.strip()
            cases = [state for part in parts for state in evidence["parts"][part].get("cases", {}).values()]
            gpus = ", ".join(evidence["machine"]["gpus"])
            notes = [f"recorded on {gpus or 'no GPU'}, {evidence['date']}, {evidence['commit']} ({later} later commits to the sources)",
                     *([f"{cases.count('passed')} cases passed there, {cases.count('skipped')} skipped"] if cases else []),
                     *(note for part in parts for note in evidence["parts"][part].get("notes", []))]
            return bool(gpus), "; ".join(notes)
        return check

    def without_cuda(self) -> tuple[bool, str]:
        """A build configured without CUDA runs, has every element, and says what was left out."""
        folder = ROOT / "build-nocuda"
        compilers = {"CC": "ccache gcc", "CXX": "ccache g++"}
        if not (folder / "build.ninja").exists():
            subprocess.run(["meson", "setup", folder, "-Dcuda=disabled", "-Dtests=disabled"], env={**os.environ, **compilers}, cwd=ROOT, check=True,
                           stdout=subprocess.DEVNULL)
        built = subprocess.run(["ninja", "-C", folder], text=True, capture_output=True, check=False)
        if built.returncode != 0:
            return False, f"the build without CUDA failed: {built.stdout[-300:]}"
        doctor = subprocess.run([folder / "napari-cuda-server", "doctor"], text=True, capture_output=True, check=False).stdout
        said = re.search(r"^cuda: (this build left out .+)$", doctor, re.M)
        registered = self.registered(folder)
        return bool(said) and registered, f"without CUDA: {said[1] if said else 'doctor does not say what was left out'}, the elements register: {registered}"

    @staticmethod
    def registered(build: pathlib.Path) -> bool:
        plugin = build / "gst-elements/libgstnaparicuda.so"
        return all(subprocess.run(["gst-inspect-1.0", element], env={**os.environ, "GST_PLUGIN_PATH": str(plugin.parent)}, capture_output=True,
                                  check=False).returncode == 0 for element in ELEMENTS)

    def without_driver(self) -> tuple[bool, str]:
        """With CUDA compiled in and no driver to be found."""
        hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
        doctor = subprocess.run([self.build / "napari-cuda-server", "doctor"], text=True, capture_output=True, check=False, env=hidden).stdout
        said = re.search(r"^gpu: none: (.+)$", doctor, re.M)
        return bool(said) and self.registered(self.build), f"with CUDA and no GPU to be had: {said[1] if said else 'doctor does not say why'}"

    def point(self, point: str) -> bool:
        checks = {"A1.1": [self.demo_serves, self.only_gpu_skips], "A1.6": [self.sanitized], "A1.7": [self.contract],
                  "A3.1": [self.recorded("tests", "sanitizer")], "A3.2": [self.recorded("pipelines")], "A3.3": [self.recorded("soak")],
                  "A3.4": [self.without_cuda, self.without_driver]}
        ok, note = self.named(point)
        notes = [note]
        for check in checks.get(point, []):
            good, note = check()
            ok, notes = ok and good, notes + [note]
        print(f"{point} {'ok' if ok else 'FAIL'} {'; '.join(notes + self.evidence.get(point, []))}", flush=True)
        return ok


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("points", nargs="*", metavar="POINT")
    options = parser.parse_args()
    unknown = set(options.points) - set(CASES)
    if unknown:
        parser.error(f"no such point: {', '.join(sorted(unknown))} (there are {', '.join(CASES)})")
    run = Run((ROOT / options.build).resolve(), options.quick)
    run.tests()
    return 0 if all([run.point(point) for point in options.points or CASES]) else 1


if __name__ == "__main__":
    sys.exit(main())

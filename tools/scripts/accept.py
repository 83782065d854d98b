#!/usr/bin/env python3
"""Prints one line an acceptance point of the issues: `A1.1 ok|FAIL evidence`.

    accept.py --build DIR [--quick] [POINT...]

A point holds when every test case it names exists and passed in this run, and its direct checks hold. Tests say what they measured
in lines `evidence A1.2 …`, repeated here. --quick leaves the sanitizer builds out, and so cannot pass A1.6.
Exit status: 0 when every line printed is ok.
"""
import argparse
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
}


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

    def point(self, point: str) -> bool:
        checks = {"A1.1": [self.demo_serves, self.only_gpu_skips], "A1.6": [self.sanitized], "A1.7": [self.contract]}
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

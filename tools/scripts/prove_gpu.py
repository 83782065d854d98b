#!/usr/bin/env python3
"""Runs, on a machine with a GPU, what acceptance points A3.1 to A3.3 ask for, from an unpacked bundle, and records what it saw.

    prove_gpu.py --bundle DIR --out gpu-evidence.json [--minutes 5] [--sanitizer PROGRAM] [tests|sanitizer|pipelines|soak ...]

The bundle needs the test programs: `./run bundle --tests DIR`. Parts may be run one
by one: what --out already holds of the same commit is kept. Committed as docs/gpu-evidence.json it is what `./run accept` shows
elsewhere. Standard library only. Exit status 0: every part that was run is ok.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/bench"))
import soak  # noqa: E402

# Program -> which of its cases; those of engine_test draw with GL on the GPU.
TESTS = {"gpu_test": "*", "engine_test": "Gl*:*/Gl*:ChooseEglDevice*", "gpu_elements_test": "*", "nvencsink_gpu_test": "*"}
SANITIZED = "GpuConvert*:GpuFrame*:-*Time*:*ManyTimes*"

RESULTS = {"COMPLETED": "passed", "SKIPPED": "skipped"}

SMALL = "width=640,height=360,framerate=60/1"
CUDA = "video/x-raw(memory:CUDAMemory)"
PIPELINES = {
    "CUDA memory from source to download": f"naparieglsrc num-buffers=120 ! {CUDA},format=RGBA,{SMALL} ! naparicudaconvert ! {CUDA},format=NV12 ! cudadownload "
                                           "! video/x-raw,format=NV12 ! fakesink",
    "CUDA memory, scaled up, as I420": f"naparieglsrc num-buffers=120 ! {CUDA},{SMALL} ! naparicudaconvert ! {CUDA},format=I420,width=1280,height=720 "
                                       "! cudadownload ! fakesink",
    "stock cudaupload before the converter": f"videotestsrc num-buffers=120 ! video/x-raw,format=RGBA,{SMALL} ! cudaupload ! naparicudaconvert "
                                             f"! {CUDA},format=NV12 ! cudadownload ! fakesink",
    "the sink, fed from CUDA memory": f"naparieglsrc num-buffers=120 ! {CUDA},{SMALL} ! naparicudaconvert ! naparinvencsink name=out out.src_0 ! h264parse "
                                      "! fakesink",
    "the sink, fed as the source likes": f"naparieglsrc num-buffers=120 ! video/x-raw(ANY),{SMALL} ! naparicudaconvert ! naparinvencsink name=out "
                                         "out.src_0 ! h264parse ! fakesink",
    "a volume drawn on the GPU": "naparieglsrc location={data} ndisplay=3 backend=egl num-buffers=120 ! video/x-raw(ANY)," + SMALL +
                                 " ! naparicudaconvert ! naparinvencsink name=out out.src_0 ! h264parse ! fakesink",
}
PSNR_DB_MIN = 38.0


class Bundle:
    def __init__(self, folder: pathlib.Path, scratch: pathlib.Path) -> None:
        self.folder, self.scratch = folder.resolve(), scratch

    def run(self, name: str, *arguments, before=(), timeout: float = 560, **environment) -> subprocess.CompletedProcess:
        command = [*map(str, before), str(self.folder / "bin" / name), *map(str, arguments)]
        try:
            return subprocess.run(command, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=timeout,
                                  cwd=self.scratch, env={**os.environ, **environment})
        except subprocess.TimeoutExpired as ended:
            return subprocess.CompletedProcess(command, 124, f"did not end within {timeout} s\n{(ended.stdout or b'')[-2000:]}", "")

    def holds(self, name: str) -> bool:
        return (self.folder / "libexec" / name).exists()

    def commit(self) -> str:
        return re.search(r"^commit (\S+)", (self.folder / "VERSION").read_text(), re.M)[1]


def run_tests(bundle: Bundle, _) -> dict:
    cases, wrong = {}, []
    for name, which in TESTS.items():
        if not bundle.holds(name):
            wrong.append(f"{name} is not in the bundle")
            continue
        report = bundle.scratch / f"{name}.json"
        done = bundle.run(name, f"--gtest_filter={which}", f"--gtest_output=json:{report}")
        if not report.exists():
            wrong.append(f"{name}: exit status {done.returncode}: {done.stdout[-500:]}")
            continue
        for suite in json.loads(report.read_text())["testsuites"]:
            for case in suite["testsuite"]:
                result = RESULTS.get(case["result"], "not run") if "failures" not in case else "failed"
                cases[f"{name}.{suite['name']}.{case['name']}"] = result
        if done.returncode != 0:
            wrong.append(f"{name}: exit status {done.returncode}: {done.stdout[-500:]}")
    wrong += [f"{name} {state}" for name, state in cases.items() if state == "failed"]
    if not any(name.startswith("gpu_test.Gpu") and state == "passed" for name, state in cases.items()):
        wrong.append("no case of gpu_test passed")
    return {"ok": not wrong, "wrong": wrong, "cases": cases}


def sanitize(bundle: Bundle, options) -> dict:
    program = options.sanitizer or shutil.which("compute-sanitizer") or next(
        (str(p) for p in sorted(pathlib.Path("/usr/local").glob("cuda*/bin/compute-sanitizer"))), None)
    if program is None:
        return {"ok": False, "wrong": ["compute-sanitizer is not there: name it with --sanitizer"]}
    wrong, notes = [], []
    for tool in ("memcheck", "racecheck", "initcheck", "synccheck"):
        done = bundle.run("gpu_test", f"--gtest_filter={SANITIZED}", before=(program, "--tool", tool, "--target-processes", "all", "--error-exitcode", "9"))
        summary = re.findall(r"=+ (?:ERROR|RACECHECK) SUMMARY: (.+)", done.stdout)
        passed = re.search(r"^\[  PASSED  \] ([1-9]\d*) test", done.stdout, re.M)
        clean = passed and done.returncode == 0 and summary and all(re.match(r"0 (errors|hazards)", line) for line in summary)
        notes.append(f"{tool}: {summary[-1] if summary else 'no summary'}")
        if not clean:
            wrong.append(f"{tool}: exit status {done.returncode}, {summary or done.stdout[-300:]}")
    return {"ok": not wrong, "wrong": wrong, "notes": notes}


def leaks_of(output: str) -> list[str]:
    """What GStreamer's leaks tracer found alive at the end; without its announcement it did not run."""
    if "object-alive, type-name=(string)%s" not in output:
        return ["the leaks tracer did not run"]
    return re.findall(r"object-alive, type-name=\(string\)([^%;]+?);", output)


def luma_psnr_db(first: bytes, second: bytes, width: int, height: int) -> list[float]:
    """Of each NV12 frame that both hold."""
    frame, luma, found = width * height * 3 // 2, width * height, []
    for at in range(0, min(len(first), len(second)) - frame + 1, frame):
        error = sum((a - b) * (a - b) for a, b in zip(first[at:at + luma], second[at:at + luma]))
        found.append(99.0 if error == 0 else 10 * math.log10(255 * 255 * luma / error))
    return found


def decode_on_gpu(bundle: Bundle) -> tuple[bool, str]:
    drawn, decoded = bundle.scratch / "drawn.nv12", bundle.scratch / "decoded.nv12"
    chain = (f"naparieglsrc pattern=bars num-buffers=20 ! {CUDA},{SMALL} ! naparicudaconvert ! {CUDA},format=NV12 ! cudadownload ! video/x-raw,format=NV12 "
             f"! tee name=t ! queue ! filesink location={drawn} t. ! queue ! x264enc tune=zerolatency bitrate=8000 ! h264parse ! nvh264dec "
             f"! cudadownload ! video/x-raw,format=NV12 ! filesink location={decoded}")
    done = bundle.run("gst-launch-1.0", "-q", *chain.split(), timeout=60)
    if done.returncode != 0 or not decoded.exists():
        return False, f"nvh264dec: exit status {done.returncode}: {done.stdout[-300:]}"
    psnr = luma_psnr_db(drawn.read_bytes(), decoded.read_bytes(), 640, 360)
    good = len(psnr) == 20 and min(psnr) >= PSNR_DB_MIN
    return good, f"nvh264dec decodes {len(psnr)} of 20 frames, luma PSNR at least {min(psnr, default=0):.1f} dB"


def run_pipelines(bundle: Bundle, _) -> dict:
    wrong, notes = [], []
    data = soak.make_data(bundle.folder / "bin/napari-cuda-server", bundle.scratch, 128)
    for name, chain in PIPELINES.items():
        done = bundle.run("gst-launch-1.0", "-q", *chain.replace("{data}", str(data)).split(), timeout=90, GST_TRACERS="leaks",
                          GST_DEBUG="GST_TRACER:7", GST_DEBUG_NO_COLOR="1")
        leaked = leaks_of(done.stdout)
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "GST_TRACER" not in line]
            wrong.append(f"{name}: exit status {done.returncode}: {' / '.join(lines[-4:])[-400:]}")
        elif leaked:
            wrong.append(f"{name}: left alive {', '.join(sorted(set(leaked)))}")
        else:
            notes.append(name)
    good, note = decode_on_gpu(bundle)
    (notes if good else wrong).append(note)
    return {"ok": not wrong, "wrong": wrong, "notes": notes}


def run_soak(bundle: Bundle, options) -> dict:
    data = soak.make_data(bundle.folder / "bin/napari-cuda-server", bundle.scratch, 512)
    result = soak.soak(bundle.folder / "bin/napari-cuda-server", data, options.minutes, ["--width", "1920", "--height", "1080", "--ndisplay", "3"])
    long_enough = result["seconds"] >= 5 * 60
    on_gpu = result["draws"].startswith("gl (")
    wrong = result["faults"] + ([] if long_enough else [f"{result['seconds']} s are no 5 minutes"]) + ([] if on_gpu else [f"drawn with {result['draws']}"])
    return {"ok": not wrong, "wrong": wrong, "result": result}


PARTS = {"tests": run_tests, "sanitizer": sanitize, "pipelines": run_pipelines, "soak": run_soak}


def describe_machine(bundle: Bundle) -> dict:
    doctor = bundle.run("napari-cuda-server", "doctor").stdout.splitlines()
    return {"gpus": [line for line in doctor if re.match(r"gpu \d+: [^:]+, (GPU|MIG)-", line)], "cores": doctor[0] if doctor else "",
            "road": next((line for line in doctor if line.startswith("road:")), ""), "verdict": doctor[-1] if doctor else ""}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.1)
    parser.add_argument("--sanitizer")
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))} (there are {', '.join(PARTS)})")
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Bundle(options.bundle, pathlib.Path(scratch))
        evidence = json.loads(options.out.read_text()) if options.out.exists() else {}
        if evidence.get("commit") != bundle.commit():
            evidence = {"commit": bundle.commit(), "parts": {}}
        evidence |= {"machine": describe_machine(bundle), "date": time.strftime("%Y-%m-%d", time.gmtime())}
        good = True
        for name in options.parts or PARTS:
            found = PARTS[name](bundle, options)
            evidence["parts"][name] = found
            good = good and found["ok"]
            options.out.write_text(json.dumps(evidence, indent=1) + "\n")
            print(f"{name} {'ok' if found['ok'] else 'FAIL'} {'; '.join(found['wrong'])}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

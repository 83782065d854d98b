"""Starts the real server as a user would, on a free port, and knows where it listens."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("NAPARI_CUDA_BUILD_DIR", ROOT / os.environ.get("NAPARI_CUDA_BUILD", "build")))
DEMO = BUILD / "demo" / "ch2better.ome.zarr"


class Server:
    """A context manager around one server process. `args`: options of serve; DATA first, if any."""

    def __init__(self, *args, env: dict | None = None, start_s: float = 20.0) -> None:
        program = BUILD / "napari-cuda-server"
        self.command = [str(program), "serve", *map(str, args)]
        if "--port" not in self.command:
            self.command += ["--port", "0"]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("NAPARI_CUDA_")}
        self.env = {**clean, **(env or {})}
        self.start_s = start_s
        self.stderr_lines: list[str] = []

    def __enter__(self) -> "Server":
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.stdout_lines: list[str] = []
        self.threads = [threading.Thread(target=self._read, args=a, daemon=True)
                        for a in ((self.process.stdout, self.stdout_lines), (self.process.stderr, self.stderr_lines))]
        for thread in self.threads:
            thread.start()
        deadline = time.monotonic() + self.start_s
        while not any("encodes" in line for line in self.stdout_lines):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server did not start: {self.command}\n{''.join(self.stderr_lines)}")
            time.sleep(0.005)
        self.listening_s = time.monotonic() - self.started
        text = "".join(self.stdout_lines)
        self.url = re.search(r"^open\s+(\S+)$", text, re.M)[1]
        self.port = int(re.search(r":(\d+)/", self.url)[1])
        token = re.search(r"token=([^&\s]+)", self.url)
        self.token = token[1] if token else None
        napari = re.search(r"state port (\d+), pixel port (\d+)", text)
        self.state_port, self.pixel_port = (int(napari[1]), int(napari[2])) if napari else (0, 0)
        return self

    def _read(self, stream, lines) -> None:
        for line in stream:
            lines.append(line)

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self, how: int = signal.SIGTERM, limit_s: float = 5.0) -> int:
        """Ends the process and returns its exit status; kills it after `limit_s`."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for thread in self.threads:
            thread.join(2)
        return self.process.returncode

    @property
    def headers(self) -> dict:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, path: str, headers: dict | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         headers=self.headers if headers is None else headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def cpu_s(self) -> float:
        """CPU seconds used by the process so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self) -> int:
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

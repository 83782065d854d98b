"""A client of both channels (docs/protocol.md) and a server to talk to, on Python's standard library alone: for machines where nothing
can be installed. Shares no code with the server or with tests/_helpers. Looks into H.264 only as far as NAL units go."""
from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

FEATURES = ("notify.scene", "notify.layers", "notify.stream", "notify.dims", "notify.camera")
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MESSAGE_BYTES_MAX = 64 << 20
FRAMES_KEPT = 4096


class WebSocket:
    """RFC 6455, client side, blocking. `send` from any thread, `receive` from one."""

    def __init__(self, port: int, path: str, token: str | None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sending = threading.Lock()
        self.rest = bytearray()
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
                             f"{authorization}\r\n").encode())
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(f"{path}: {head.split(chr(13).encode())[0].decode()}")
        self.socket.settimeout(None)

    def _more(self) -> None:
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.rest += data

    def _take(self, count: int) -> bytes:
        while len(self.rest) < count:
            self._more()
        data = bytes(self.rest[:count])
        del self.rest[:count]
        return data

    def send(self, data: bytes, kind: int = TEXT) -> None:
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0xFE, size) if size < 65536 else struct.pack("!BQ", 0xFF, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i & 3] for i, byte in enumerate(data))
        with self.sending:
            self.socket.sendall(bytes([0x80 | kind]) + length + mask + masked)

    def receive(self) -> bytes | None:
        """The next message; None: closed in good order."""
        message = bytearray()
        while True:
            first, second = self._take(2)
            size = second & 127
            if size == 126:
                size, = struct.unpack("!H", self._take(2))
            elif size == 127:
                size, = struct.unpack("!Q", self._take(8))
            if second & 128 or len(message) + size > MESSAGE_BYTES_MAX:
                raise ConnectionError("the server sent a masked or too large frame")
            data, kind = self._take(size), first & 15
            if kind == CLOSE:
                return None
            if kind == PING:
                self.send(data, PONG)
            elif kind != PONG:
                message += data
                if first & 128:
                    return bytes(message)

    def close(self) -> None:
        try:
            self.send(struct.pack("!H", 1000), CLOSE)
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Channel:
    """A socket with a thread that reads it. Subclasses keep what comes; `news` is notified of every message."""

    def __init__(self, port: int, path: str, token: str | None) -> None:
        self.web_socket = WebSocket(port, path, token)
        self.news = threading.Condition()
        self.ended: str | None = None  # why no more messages come
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        why = "closed"
        try:
            while (message := self.web_socket.receive()) is not None:
                with self.news:
                    self.take(message, time.monotonic_ns())
                    self.news.notify_all()
        except (OSError, ValueError, struct.error) as error:
            why = str(error) or type(error).__name__
        with self.news:
            self.ended = why
            self.news.notify_all()

    def take(self, message: bytes, arrived_ns: int) -> None:
        raise NotImplementedError

    def wait(self, test, what: str, timeout: float = 10.0):
        """What `test()` returns once it is true."""
        found = None

        def holds() -> bool:
            nonlocal found
            found = test()
            return bool(found) or self.ended is not None
        with self.news:
            self.news.wait_for(holds, timeout)
        if not found:
            raise TimeoutError(f"no {what} within {timeout} s" if self.ended is None else f"no {what}: {self.ended}")
        return found

    def close(self) -> None:
        self.web_socket.close()
        self.thread.join(5)


class StateChannel(Channel):
    """One session. Keeps the newest message of each type and the acks that are waited for."""

    def __init__(self, port: int, token: str | None) -> None:
        self.newest: dict[str, dict] = {}
        self.acks: dict[str, tuple[dict, int]] = {}
        self.count = 0
        super().__init__(port, "/ws/state", token)
        self._send("session.hello", {
            "protocols": [2], "client": {"name": "bench", "version": "1", "platform": "stdlib"}, "features": {f: True for f in FEATURES},
            "resume_tokens": {"notify.scene": None, "notify.layers": None, "notify.stream": None}}, frame_id="hello-1")
        self.session = self.wait(lambda: self.newest.get("session.welcome"), "session.welcome")["session"]
        self.wait(lambda: "notify.dims" in self.newest, "notify.dims")

    def take(self, message: bytes, arrived_ns: int) -> None:
        parsed = json.loads(message)
        self.newest[parsed["type"]] = parsed
        if parsed["type"] == "ack.state":
            self.acks[parsed["payload"]["intent_id"]] = (parsed["payload"], arrived_ns)

    def _send(self, kind: str, payload: dict, **envelope) -> None:
        self.web_socket.send(json.dumps({"type": kind, "version": 2, "timestamp": time.time(), "payload": payload, **envelope}).encode())

    def send_intent(self, scope: str, target: str, key: str, value) -> str:
        self.count += 1
        intent_id = f"intent-{self.count:08d}"
        self._send("state.update", {"scope": scope, "target": target, "key": key, "value": value}, session=self.session,
                   frame_id=f"state-{self.count:08d}", intent_id=intent_id)
        return intent_id

    def ack(self, intent_id: str, timeout: float = 10.0) -> tuple[dict, int]:
        """The ack's payload and when it came."""
        self.wait(lambda: intent_id in self.acks, f"ack of {intent_id}", timeout)
        return self.acks.pop(intent_id)

    def command(self, name: str, **arguments) -> None:
        self.count += 1
        self._send("call.command", {"command": name, "origin": "bench", **({"kwargs": arguments} if arguments else {})},
                   session=self.session, frame_id=f"cmd-{self.count:08d}")


class Frame:
    def __init__(self, message: bytes, arrived_ns: int) -> None:
        self.seq, self.timestamp, self.width, self.height, self.codec, flags, extension = struct.unpack_from("!IdIIBBH", message)
        if extension < 48:
            raise ValueError(f"an extension of {extension} bytes, not 48")
        self.scene_version, self.frame_id, self.render_start_ns, self.render_end_ns, self.encoded_ns, self.sent_ns = \
            struct.unpack_from("!QQQQQQ", message, 24)
        self.keyframe, self.bytes, self.arrived_ns = bool(flags & 1), len(message), arrived_ns
        self.nal_types = []
        at = 24 + extension
        while at + 4 < len(message):
            self.nal_types.append(message[at + 4] & 31)
            at += 4 + int.from_bytes(message[at:at + 4], "big")
        if at != len(message):
            raise ValueError(f"frame {self.seq}: NAL lengths end at {at} of {len(message)} bytes")


class PixelChannel(Channel):
    """One viewer. Checks what every frame must keep to; keeps the newest frames."""

    def __init__(self, port: int, token: str | None) -> None:
        self.frames: list[Frame] = []
        self.received, self.bytes, self.keyframes = 0, 0, 0
        self.faults: list[str] = []
        super().__init__(port, "/ws/pixels", token)

    def take(self, message: bytes, arrived_ns: int) -> None:
        frame = Frame(message, arrived_ns)
        slices = [kind for kind in frame.nal_types if kind in (1, 5)]
        fault = None
        if frame.seq != self.received:
            fault = f"seq {frame.seq} where {self.received} was due"
        elif self.received == 0 and not frame.keyframe:
            fault = "the first frame is no keyframe"
        elif frame.codec == 1 and (not slices or (slices[0] == 5) != frame.keyframe or (frame.keyframe and not {7, 8} <= set(frame.nal_types))):
            fault = f"frame {frame.seq}: keyframe {frame.keyframe}, NAL types {frame.nal_types}"
        elif not frame.render_start_ns <= frame.render_end_ns <= frame.encoded_ns <= frame.sent_ns <= arrived_ns:
            fault = f"frame {frame.seq}: its times are out of order"
        if fault and len(self.faults) < 20:
            self.faults.append(fault)
        self.received += 1
        self.bytes += len(message)
        self.keyframes += frame.keyframe
        self.frames.append(frame)
        if len(self.frames) > FRAMES_KEPT:
            del self.frames[:FRAMES_KEPT // 2]

    def shows(self, scene_version: int, timeout: float = 10.0) -> Frame:
        """The first frame that has everything up to `scene_version` in it."""
        def newest_first():
            first = None
            for frame in reversed(self.frames):
                if frame.scene_version < scene_version:
                    break
                first = frame
            return first
        return self.wait(newest_first, f"frame of scene version {scene_version}", timeout)

    def quiet(self, still_s: float = 0.3, timeout: float = 15.0) -> None:
        """Returns when no frame has come for `still_s`."""
        deadline = time.monotonic() + timeout
        with self.news:
            while self.news.wait(still_s):
                if time.monotonic() > deadline:
                    raise TimeoutError("frames keep coming")


class Server:
    """One server process on a free loopback port, as a context manager. `options`: DATA and options of serve."""

    def __init__(self, program: pathlib.Path, *options) -> None:
        self.command = [str(program), "serve", *map(str, options), "--port", "0", "--log-level", "warning"]
        self.log: list[str] = []

    def __enter__(self) -> "Server":
        clean = {k: v for k, v in os.environ.items() if not k.startswith("NAPARI_CUDA_")}
        self.process = subprocess.Popen(self.command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.threads = [threading.Thread(target=lambda s=stream, k=kept: k.extend(iter(s.readline, "")), daemon=True)
                        for stream, kept in ((self.process.stdout, self.lines), (self.process.stderr, self.log))]
        for thread in self.threads:
            thread.start()
        deadline = time.monotonic() + 60
        while not any(line.startswith("encodes") for line in self.lines):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server did not start: {' '.join(self.command)}\n{''.join(self.log)}")
            time.sleep(0.01)
        text = "".join(self.lines)
        self.port = int(re.search(r"^open\s+http://[^:]+:(\d+)/", text, re.M)[1])
        token = re.search(r"token=([^&\s]+)", text)
        self.token = token[1] if token else None
        self.draws = re.search(r"^draws\s+(.+)$", text, re.M)[1]
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for thread in self.threads:
            thread.join(2)
        return self.process.returncode

    def rss_bytes(self) -> int:
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def metrics(self) -> dict[str, float]:
        from urllib import request
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with request.urlopen(request.Request(f"http://127.0.0.1:{self.port}/metrics", headers=headers), timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.split() for line in lines if line and not line.startswith("#"))}

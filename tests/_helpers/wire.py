"""A client of both channels made of others' libraries only: websockets and PyAV. Written from wire_protocol.md and
docs/protocol.md; shares no code with the server."""
import asyncio
import itertools
import json
import struct
import time
from dataclasses import dataclass, field

import av
import numpy as np
import websockets

HELLO_FEATURES = {"notify.scene": True, "notify.layers": True, "notify.stream": True, "notify.dims": True,
                  "notify.camera": True}


class StateClient:
    """One session on the state channel. Every message is kept, in order, in `messages`."""

    def __init__(self, socket) -> None:
        self.socket = socket
        self.messages: list[dict] = []
        self.arrivals: list[float] = []
        self.counter = itertools.count(1)
        self.news = asyncio.Condition()
        self.closed = None
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, url: str, headers: dict | None = None, hello: bool = True) -> "StateClient":
        socket = await websockets.connect(url, max_size=None, extra_headers=headers or {})
        client = cls(socket)
        if hello:
            await client.hello()
        return client

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                self.messages.append(json.loads(text, parse_constant=self._no_constant))
                self.arrivals.append(time.monotonic())
                async with self.news:
                    self.news.notify_all()
        except websockets.ConnectionClosed:
            pass
        self.closed = self.socket.close_code
        async with self.news:
            self.news.notify_all()

    @staticmethod
    def _no_constant(name: str):
        raise ValueError(f"{name} on the wire")

    async def wait(self, test, timeout: float = 5.0, start: int = 0) -> dict:
        """The first message from index `start` on that `test` accepts."""
        async def find():
            position = start
            while True:
                for message in self.messages[position:]:
                    position += 1
                    if test(message):
                        return message
                if self.closed is not None:
                    raise ConnectionError(f"closed with {self.closed}")
                async with self.news:
                    if position == len(self.messages) and self.closed is None:
                        await self.news.wait()
        return await asyncio.wait_for(find(), timeout)

    async def send(self, type_: str, payload: dict, **envelope) -> None:
        await self.socket.send(json.dumps({"type": type_, "version": 2, "timestamp": time.time(), "payload": payload,
                                           **envelope}))

    async def hello(self, resume: dict | None = None) -> None:
        await self.send("session.hello", {
            "protocols": [2], "client": {"name": "wire-test", "version": "1", "platform": "test"},
            "features": HELLO_FEATURES,
            "resume_tokens": resume or {"notify.scene": None, "notify.layers": None, "notify.stream": None}},
            frame_id="hello-1")
        self.welcome = await self.wait(lambda m: m["type"] in ("session.welcome", "session.reject"))
        self.session = self.welcome.get("session")

    async def baseline(self) -> None:
        await self.wait(lambda m: m["type"] == "notify.dims")

    async def intent(self, scope: str, target: str, key: str, value, timeout: float = 5.0) -> dict:
        """Sends a state.update and returns the payload of its ack."""
        number = next(self.counter)
        start = len(self.messages)
        intent_id = f"intent-{number:08d}"
        await self.send("state.update", {"scope": scope, "target": target, "key": key, "value": value},
                        session=self.session, frame_id=f"state-{number:08d}", intent_id=intent_id)
        ack = await self.wait(lambda m: m["type"] == "ack.state" and m["payload"]["intent_id"] == intent_id, timeout, start)
        return ack["payload"]

    async def command(self, name: str, timeout: float = 10.0, **kwargs) -> dict:
        frame_id = f"cmd-{next(self.counter)}"
        payload = {"command": name, "origin": "test", **({"kwargs": kwargs} if kwargs else {})}
        start = len(self.messages)
        await self.send("call.command", payload, session=self.session, frame_id=frame_id)
        return await self.wait(lambda m: m["type"] in ("reply.command", "error.command")
                               and m["payload"]["in_reply_to"] == frame_id, timeout, start)

    async def close(self) -> None:
        await self.socket.close()
        await self.reader


@dataclass
class Frame:
    seq: int
    timestamp: float
    width: int
    height: int
    codec: int
    keyframe: bool
    extension: bytes
    payload: bytes
    arrived: float
    picture: np.ndarray | None = field(default=None, repr=False)  # luma, H x W

    @property
    def scene_version(self) -> int:
        return struct.unpack_from("!Q", self.extension, 0)[0]

    @property
    def frame_id(self) -> int:
        return struct.unpack_from("!Q", self.extension, 8)[0]

    def nal_types(self) -> list[int]:
        types, at = [], 0
        while at + 4 < len(self.payload):
            length = int.from_bytes(self.payload[at:at + 4], "big")
            types.append(self.payload[at + 4] & 31)
            at += 4 + length
        if at != len(self.payload):
            raise ValueError(f"NAL lengths add up to {at}, the payload has {len(self.payload)} bytes")
        return types

    def annexb(self) -> bytes:
        out, at = bytearray(), 0
        while at + 4 < len(self.payload):
            length = int.from_bytes(self.payload[at:at + 4], "big")
            out += b"\0\0\0\1" + self.payload[at + 4:at + 4 + length]
            at += 4 + length
        return bytes(out)


class PixelClient:
    """One viewer. Frames arrive in `frames`; with decode=True each is decoded as it comes (every one must decode)."""

    def __init__(self, socket, decode: bool, keep_pictures: int) -> None:
        self.socket, self.decode, self.keep = socket, decode, keep_pictures
        self.frames: list[Frame] = []
        self.bytes = 0
        self.decoded = 0
        self.errors: list[str] = []
        self.decoder = av.CodecContext.create("h264", "r")
        self.news = asyncio.Condition()
        self.closed = None
        self.on_frame = None
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, url: str, headers: dict | None = None, decode: bool = True, keep: int = 1) -> "PixelClient":
        socket = await websockets.connect(url, max_size=None, extra_headers=headers or {}, compression="deflate")
        return cls(socket, decode, keep)

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                self._take(message)
                async with self.news:
                    self.news.notify_all()
        except websockets.ConnectionClosed:
            pass
        self.closed = self.socket.close_code
        async with self.news:
            self.news.notify_all()

    def _take(self, message: bytes) -> None:
        seq, stamp, width, height, codec, flags, reserved = struct.unpack_from("!IdIIBBH", message)
        frame = Frame(seq, stamp, width, height, codec, bool(flags & 1), message[24:24 + reserved],
                      message[24 + reserved:], time.monotonic())
        self.bytes += len(message)
        if self.decode:
            self._decode(frame)
        self.frames.append(frame)
        if len(self.frames) > self.keep:
            self.frames[-self.keep - 1].picture = None
        if self.on_frame:
            self.on_frame(frame)

    def _decode(self, frame: Frame) -> None:
        try:
            pictures = self.decoder.decode(av.Packet(frame.annexb()))
        except Exception as error:  # any failure to decode is a finding
            self.errors.append(f"seq {frame.seq}: {error}")
            return
        if len(pictures) != 1:
            self.errors.append(f"seq {frame.seq}: {len(pictures)} pictures from one access unit")
            return
        self.decoded += 1
        picture = pictures[0]
        plane = np.frombuffer(picture.planes[0], np.uint8).reshape(picture.height, picture.planes[0].line_size)
        frame.picture = plane[:, :picture.width].copy()

    async def wait(self, test, timeout: float = 10.0, start: int = 0) -> Frame:
        async def find():
            position = start
            while True:
                for frame in self.frames[position:]:
                    position += 1
                    if test(frame):
                        return frame
                if self.closed is not None:
                    raise ConnectionError(f"closed with {self.closed}")
                async with self.news:
                    if position == len(self.frames) and self.closed is None:
                        await self.news.wait()
        return await asyncio.wait_for(find(), timeout)

    async def quiet(self, still_s: float = 0.5, timeout: float = 15.0) -> None:
        """Returns when no frame has come for `still_s`."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            count = len(self.frames)
            await asyncio.sleep(still_s)
            if len(self.frames) == count:
                return
        raise TimeoutError("frames keep coming")

    async def close(self) -> None:
        await self.socket.close()
        await self.reader

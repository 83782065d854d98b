"""What a 64-bit ELF file asks of others: sonames, versions of symbols, where it looks. Reads the file, runs nothing of it."""
import dataclasses
import pathlib
import struct

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH, DT_VERNEED, DT_VERNEEDNUM = 1, 5, 14, 15, 29, 0x6FFFFFFE, 0x6FFFFFFF


@dataclasses.dataclass
class Elf:
    path: pathlib.Path
    soname: str = ""
    needed: list[str] = dataclasses.field(default_factory=list)
    rpath: str = ""    # DT_RPATH: searched before LD_LIBRARY_PATH, also for what the file's dependencies need
    runpath: str = ""  # DT_RUNPATH: searched after it, for this file alone
    interpreter: str = ""
    versions: dict[str, set[str]] = dataclasses.field(default_factory=dict)  # soname -> {"GLIBC_2.34"}


def is_elf(path: pathlib.Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def read(path: pathlib.Path) -> Elf:
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is no 64-bit little-endian ELF file")
    header_at, = struct.unpack_from("<Q", data, 32)
    header_bytes, header_count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, header_at + i * header_bytes) for i in range(header_count)]
    loads = [(address, offset, size) for kind, _, offset, address, _, size, _, _ in segments if kind == PT_LOAD]

    def at(address: int) -> int:
        for start, offset, size in loads:
            if start <= address < start + size:
                return offset + address - start
        raise ValueError(f"{path}: address {address:#x} lies in no segment")

    def text(offset: int) -> str:
        return data[offset:data.index(b"\0", offset)].decode()

    elf = Elf(path)
    entries: list[tuple[int, int]] = []
    for kind, _, offset, _, _, size, _, _ in segments:
        if kind == PT_INTERP:
            elf.interpreter = text(offset)
        if kind == PT_DYNAMIC:
            entries = [struct.unpack_from("<qQ", data, offset + i) for i in range(0, size, 16)]
    table = dict(entries)
    if DT_STRTAB not in table:
        return elf  # static
    strings = at(table[DT_STRTAB])
    elf.needed = [text(strings + value) for tag, value in entries if tag == DT_NEEDED]
    elf.soname, elf.rpath, elf.runpath = (text(strings + table[tag]) if tag in table else "" for tag in (DT_SONAME, DT_RPATH, DT_RUNPATH))
    entry = at(table[DT_VERNEED]) if DT_VERNEED in table else 0
    for _ in range(table.get(DT_VERNEEDNUM, 0)):
        _, count, file_name, first, following = struct.unpack_from("<HHIII", data, entry)
        version_at, names = entry + first, elf.versions.setdefault(text(strings + file_name), set())
        for _ in range(count):
            _, _, _, name, step = struct.unpack_from("<IHHII", data, version_at)
            names.add(text(strings + name))
            version_at += step
        entry += following
    return elf

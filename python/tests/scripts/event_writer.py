"""A writer of TensorBoard event files that needs only the standard library."""

import os
import socket
import struct
import time

_TABLE = []
for _i in range(256):
    for _ in range(8):
        _i = _i >> 1 ^ 0x82F63B78 if _i & 1 else _i >> 1
    _TABLE.append(_i)


def _crc(data):
    c = 0xFFFFFFFF
    for byte in data:
        c = _TABLE[(c ^ byte) & 255] ^ c >> 8
    c ^= 0xFFFFFFFF
    return ((c >> 15 | c << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _field(number, data):
    return _varint(number << 3 | 2) + _varint(len(data)) + data


class SummaryWriter:
    """add_scalar and add_text, as records of Event messages with their checksums."""

    def __init__(self, log_dir):
        os.makedirs(log_dir, exist_ok=True)
        self.file = open(
            os.path.join(log_dir, f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.0"),
            "ab",
        )
        self._event(_field(3, b"brain.Event:2"), None)

    def _event(self, what, step):
        data = b"\x09" + struct.pack("<d", time.time()) + (b"\x10" + _varint(step) if step is not None else b"") + what
        length = struct.pack("<Q", len(data))
        self.file.write(length + struct.pack("<I", _crc(length)) + data + struct.pack("<I", _crc(data)))

    def add_scalar(self, tag, value, global_step):
        self._event(_field(5, _field(1, _field(1, tag.encode()) + b"\x15" + struct.pack("<f", value))), global_step)

    def add_text(self, tag, text, global_step=0):
        tensor = b"\x08\x07" + _field(8, text.encode())
        metadata = _field(9, _field(1, _field(1, b"text")))
        self._event(
            _field(5, _field(1, _field(1, (tag + "/text_summary").encode()) + _field(8, tensor) + metadata)),
            global_step,
        )

    def close(self):
        self.file.close()

"""State -> files that anybody may load: arrays and JSON, nothing that is executed."""

from sk_entity._files.container import pack, read, unpack, write
from sk_entity._files.tree import Packer, Unpacker, require
from sk_entity._files.values import NotPlain

__all__ = [
    "NotPlain",
    "Packer",
    "Unpacker",
    "pack",
    "read",
    "require",
    "unpack",
    "write",
]

"""What a cut of power leaves of a folder whose changes were noted by `undo.h`: what no sync has covered is taken back."""

import os
import pathlib
import shutil

LOSES = {"cut": ("data", "names"), "cut-data": ("data",)}


def cut(undo, loses=("data", "names")):
    """Takes back what was not synced: bytes in files (`data`), what files are called (`names`), or both.

    A file system may keep either without the other, or any part of them; these are the two ends that programs trip over.
    """
    undo = pathlib.Path(undo)
    calls = undo / "calls"
    lines = calls.read_text().splitlines() if calls.exists() else []
    synced = set()
    for line in reversed(lines):
        what, *fields = line.split("\t")
        if what in ("synced", "synced-folder"):
            synced.add(fields[0])
        elif what == "bytes":
            if "data" in loses and fields[0] not in synced:
                restore_bytes(undo, *fields)
        # A name is durable with its folder.
        elif "names" in loses and os.path.dirname(fields[1 if what in ("renamed", "exchanged") else 0]) not in synced:
            restore_name(undo, what, *fields)
    shutil.rmtree(undo)


def restore_bytes(undo, inode, offset, length, size, kept):
    with open(undo / f"inode-{inode}", "r+b") as file:
        file.truncate(int(size))
        file.seek(int(offset))
        file.write((undo / kept).read_bytes())


def restore_name(undo, what, name, *more):
    """Takes a change of names back; the last one may not have been made."""
    if what == "made":
        shutil.rmtree(name) if os.path.isdir(name) else pathlib.Path(name).unlink(missing_ok=True)
    elif what == "gone":
        os.path.lexists(name) or os.link(undo / more[0], name)
    elif what == "gone-folder":
        os.makedirs(name, exist_ok=True)
    elif what == "renamed":
        to, kept = more
        if not os.path.lexists(name) and os.path.lexists(to):
            os.rename(to, name)
            kept == "-" or os.link(undo / kept, to)
    elif what == "exchanged":
        os.path.lexists(name) and exchange(undo, name, more[0])


def exchange(undo, one, other):
    aside = undo / "aside"
    os.rename(one, aside)
    os.rename(other, one)
    os.rename(aside, other)

"""What readers must see, from the documents' files alone."""
import functools
import hashlib
import json
import pathlib

LEAF_MAX = 64
BITS = 6


class Documents:
    """The documents below a folder, by their paths in the catalog."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        files = sorted(path for path in folder.rglob("*.json") if path.is_file())
        self.bytes = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        self.json = {path: json.loads(content) for path, content in self.bytes.items()}

    @functools.cached_property
    def items(self):
        return {path: content for path, content in self.json.items() if content["type"] == "Feature"}

    @functools.cached_property
    def members(self):
        """The documents of each collection, by its id: its items, and the Collection itself."""
        members = {}
        for path, content in self.json.items():
            collection = content["id"] if content["type"] == "Collection" else content.get("collection")
            if collection is not None:
                members.setdefault(collection, {})[path] = content
        return members

    def broken_items(self):
        """The paths that a collection lists as items and that have no document."""
        broken = set()
        for path, content in self.json.items():
            for link in content["links"]:
                if link["rel"] == "item":
                    target = (pathlib.PurePosixPath(path).parent / link["href"]).as_posix()
                    broken |= {target} - self.bytes.keys()
        return broken

    def listing(self, collection):
        """The listing of a collection as docs/states.md says it: a tree over the sorted paths and digests."""
        entries = [[path, sha256(self.bytes[path])] for path in sorted(self.members[collection])]
        level = 0
        while len(entries) > LEAF_MAX:
            above, node = [], []
            for entry in entries:
                node.append(entry)
                if height(entry[0]) > level or entry is entries[-1]:
                    above.append([entry[0], "jcs-" + sha256(canonical(content(node, level)))])
                    node = []
            entries = above
            level += 1
        return content(entries, level)


def content(entries, level):
    return entries if level == 0 else {"below": entries}


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def height(path):
    tail = int.from_bytes(hashlib.sha256(path.encode()).digest()[-8:], "big")
    zeros = (tail & -tail).bit_length() - 1 if tail else 64
    return zeros // BITS


def alias(collection):
    """The alias and the namespace of a collection."""
    plain = b"abcdefghijklmnopqrstuvwxyz0123456789_-"
    return "kfm-" + "".join(chr(b) if b in plain else f"~{b:02x}" for b in collection.encode())

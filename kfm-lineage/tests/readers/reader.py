# What Python's json finds in documents: one a line in hex digits, one answer a line.
import json
import sys

COORDINATES = {"coordinates", "bbox", "lat", "latitude", "lon", "longitude"}


class Members(list):
    """The members of an object, the repeated ones too."""


def of(members, name):
    return [value for key, value in members if key == name]


def texts(values):
    return [value for value in values if isinstance(value, str)]


def spelt(key):
    return "".join(key.split()).replace("_", "").replace("-", "").lower()


def holds_a_number(value):
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, list) and not isinstance(value, Members):
            stack.extend(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            return True
    return False


def found(document):
    ids, collections, labels, links, coordinates = texts(of(document, "id")), [], [], [], False
    collections += texts(of(document, "collection"))
    for properties in of(document, "properties"):
        if isinstance(properties, Members):
            collections += texts(of(properties, "collection"))
    for array in of(document, "links"):
        for link in array if isinstance(array, list) and not isinstance(array, Members) else []:
            if isinstance(link, Members):
                links += [[rel, href] for rel in texts(of(link, "rel")[-1:]) for href in texts(of(link, "href")[-1:])]
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, Members):
            for key, inner in value:
                if spelt(key) in ("kfm:carelabel", "kfm:caretag") and isinstance(inner, str):
                    labels.append(inner)
                coordinates = coordinates or key in COORDINATES and holds_a_number(inner)
                stack.append(inner)
        elif isinstance(value, list):
            stack.extend(value)
    return {"ids": ids, "collections": collections, "labels": labels, "links": links, "coordinates": coordinates}


sys.setrecursionlimit(20_000)
for line in sys.stdin:
    answer = None
    try:
        document = json.loads(bytes.fromhex(line), strict=False, object_pairs_hook=Members)
        if isinstance(document, Members):
            answer = found(document)
    except (ValueError, RecursionError):
        pass
    text = json.dumps(answer, ensure_ascii=False)
    # What no text can hold is one sign here as there.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()

"""Catalogs that differ from one another: two collections of a few items, some changed, some gone, some come."""
import json
import shutil
from pathlib import Path

LANDSAT = Path(__file__).resolve().parents[2] / "kfm-cli/data/landsat/items.ndjson"
COLLECTIONS = ["meadows", "Rivers 9"]
ITEMS = 6
CATALOG = "catalog.json"


class Catalogs:
    """Makes one after the other, each from the one before, by a random number generator."""

    def __init__(self, folder, random):
        self.folder, self.random, self.made = Path(folder), random, 0
        lines = LANDSAT.read_text().splitlines()[:ITEMS * len(COLLECTIONS)]
        self.samples = {}
        for at, line in enumerate(lines):
            whole = json.loads(line)
            name = COLLECTIONS[at % len(COLLECTIONS)]
            assets = dict(list(whole["assets"].items())[:2])
            self.samples[(name, whole["id"])] = {**whole, "collection": name, "assets": assets}
        standing = sorted(self.samples)[:]
        self.items = {key: self.time() for key in standing if random.random() < 0.7 or key in standing[:1]}
        for name in COLLECTIONS:
            self.items.setdefault(next(key for key in standing if key[0] == name), self.time())

    def time(self):
        return f"20{self.random.randrange(10, 26)}-0{self.random.randrange(1, 10)}-{self.random.randrange(10, 29)}" \
               f"T0{self.random.randrange(10)}:{self.random.randrange(10, 60)}:{self.random.randrange(10, 60)}Z"

    def next(self):
        """The items of another catalog; at least one of them differs."""
        items = dict(self.items)
        for key in self.random.sample(sorted(items), self.random.randrange(1, 3)):
            items[key] = self.time()
        missing = sorted(self.samples.keys() - items.keys())
        if missing and self.random.random() < 0.6:
            items[self.random.choice(missing)] = self.time()
        for name in COLLECTIONS:
            there = sorted(key for key in items if key[0] == name)
            if len(there) > 1 and self.random.random() < 0.4:
                del items[self.random.choice(there)]
        return items

    def write(self, items):
        """Writes a catalog into a new folder."""
        self.made += 1
        folder = self.folder / f"catalog-{self.made:05}"
        shutil.rmtree(folder, ignore_errors=True)
        places = {name: f"collection-{at}" for at, name in enumerate(COLLECTIONS)}
        put = lambda path, content: (folder / path).write_text(json.dumps(content) + "\n")
        link = lambda rel, href: {"rel": rel, "href": href, "type": "application/json"}
        for name, place in places.items():
            (folder / place).mkdir(parents=True)
            mine = {key[1]: time for key, time in items.items() if key[0] == name}
            for item, time in mine.items():
                sample = self.samples[(name, item)]
                links = [link("root", f"../{CATALOG}"), link("parent", "collection.json"),
                         link("collection", "collection.json")]
                put(f"{place}/{item}.json",
                    {**sample, "properties": {**sample["properties"], "datetime": time}, "links": links})
            links = [link("root", f"../{CATALOG}"), link("parent", f"../{CATALOG}")]
            links += [{**link("item", f"./{item}.json"), "type": "application/geo+json"} for item in sorted(mine)]
            extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                      "temporal": {"interval": [["2010-01-01T00:00:00Z", None]]}}
            put(f"{place}/collection.json",
                {"type": "Collection", "stac_version": "1.1.0", "id": name, "description": name, "license": "PDDL-1.0",
                 "extent": extent, "links": links})
        put(CATALOG, {"type": "Catalog", "stac_version": "1.1.0", "id": "campaign", "description": "A campaign.",
                      "links": [link("root", f"./{CATALOG}"),
                                *(link("child", f"./{place}/collection.json") for place in places.values())]})
        return folder

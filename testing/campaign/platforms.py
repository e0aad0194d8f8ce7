"""A platform with four real stores, each behind a proxy, driven through the command `kfm`."""
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.parse
from pathlib import Path

from proxy import PLANTS, Proxy
from stores import STORES, Readers, expected

SERVERS = {"catalog": "seaweedfs", "graph": "neo4j", "search": "opensearch", "cache": "redis"}
ADDRESSES = {"catalog": "AWS_ENDPOINT", "graph": "NEO4J_URL", "search": "OPENSEARCH_URL", "cache": "REDIS_URL"}
PATIENCE = "5m"
# Longer than an operation may take that waits out one outage.
HUNG_S = 600
TABLES = """
[stores.catalog]
domain = "stac"
kind = "static"
url = "s3://kfm/{name}/stac"
patience = "{patience}"

[stores.graph]
domain = "graph"
kind = "neo4j"
url = "http://127.0.0.1:{graph}"
graph = "{name}"
timeout = "3s"
patience = "{patience}"

[stores.search]
domain = "search"
kind = "opensearch"
url = "http://127.0.0.1:{search}"
prefix = "{name}-"
replicas = 0
timeout = "3s"
patience = "{patience}"

[stores.cache]
domain = "cache"
kind = "redis"
url = "redis://127.0.0.1:{cache}"
prefix = "{name}"
durability = "fsync"
timeout = "3s"
patience = "{patience}"

[wal]
url = "object+file:{shared}/log"
lease_ms = {lease_ms}

[versions]
url = "file:{shared}/versions"

[policy]
labels = "{shared}/labels.toml"
"""


class Broken(Exception):
    """The campaign itself cannot go on: what was to prepare a trial failed."""


def environment(servers):
    """Where the servers are, and their credentials, as `testing/servers/up` wrote them."""
    found = {}
    for server in SERVERS.values():
        for line in (servers / f"{server}.env").read_text().splitlines():
            name, _, value = line.partition("=")
            found[name] = value
    del found["KFM_WAL_URL"]
    return found


class Host:
    """A platform's folder."""

    def __init__(self, root, kfm, env):
        self.root, self.command, self.env = root, kfm, env

    def start(self, *words):
        return subprocess.Popen([self.command, *words, "--json", "--progress", "none"], cwd=self.root, env=self.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def ended(process, seconds=HUNG_S):
        """Waits for a process; returns its exit code and answer. One that hangs is killed, and has the code None."""
        try:
            out, err = process.communicate(timeout=seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = None
        try:
            answer = json.loads(out)
        except ValueError:
            answer = {"text": out[-2000:], "error": {"message": err[-2000:]}}
        return code, answer

    def run(self, *words):
        return self.ended(self.start(*words))

    def must(self, *words):
        code, answer = self.run(*words)
        if code != 0:
            raise Broken(f"{words}: exit code {code}: {json.dumps(answer)[:2000]}")
        return answer


class Stage:
    """Servers, a proxy before each, and one platform on them, which two hosts share."""

    scripts = Path(__file__).resolve().parents[1] / "servers"

    def __init__(self, folder, name, kfm, servers, catalogs, lease_ms, plant=None):
        self.folder, self.name, self.catalogs, self.servers = folder, name, catalogs, servers
        env = environment(servers)
        os.environ.update(env)
        self.proxies = {}
        for store in STORES:
            address = urllib.parse.urlsplit(env[ADDRESSES[store]])
            planted = PLANTS[plant][1] if plant and PLANTS[plant][0] == store else None
            self.proxies[store] = Proxy(store, address.hostname, address.port, planted)
        inside = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        inside |= env | {"KFM_ACTOR": "campaign", "AWS_ENDPOINT": f"http://127.0.0.1:{self.proxies['catalog'].port}"}
        (folder / "shared/versions").mkdir(parents=True)
        self.host = self.platform(folder / "one", kfm, inside, lease_ms)
        self.host.must("labels", "assign", "--under", "", "--care", "public", "--authority", "campaign", "--reason",
                       "open data", "--review-by", "2099-12-31")
        self.second = self.platform(folder / "two", kfm, inside, lease_ms)
        self.readers = Readers(name, env)
        self.standing = self.write(catalogs.items)
        self.host.must(*self.publish_words(self.standing))
        seen = self.readers.look()
        if seen != self.standing["seen"]:
            raise Broken(f"the first publish: {self.differences(seen, self.standing)}")

    def platform(self, root, kfm, env, lease_ms):
        """Makes the platform of a host."""
        root.mkdir()
        host = Host(root, kfm, env)
        host.must("init")
        shutil.rmtree(root / "wal")
        ports = {store: proxy.port for store, proxy in self.proxies.items()}
        ours = TABLES.format(name=self.name, patience=PATIENCE, shared=self.folder / "shared", lease_ms=lease_ms, **ports)
        settings = (root / "kfm.toml").read_text()
        for table in [r"stores\.\w+", "wal", "versions", "policy"]:
            settings = re.sub(rf"(?ms)^\[{table}\]\n.*?(?=^\[|\Z)", "", settings)
        (root / "kfm.toml").write_text(settings + ours)
        labels = self.folder / "shared/labels.toml"
        if not labels.exists():
            shutil.copy(root / "policy/labels.toml", labels)
        return host

    def write(self, items):
        folder = self.catalogs.write(items)
        return {"items": items, "folder": folder, "seen": expected(folder)}

    def next(self):
        return self.write(self.catalogs.next())

    def stands(self, state):
        """Goes on from what readers see now."""
        self.standing = state
        self.catalogs.items = state["items"]

    @staticmethod
    def publish_words(state):
        return ["publish", "--from", str(state["folder"]), "--pipeline", "campaign", "--mirror", "--yes"]

    @staticmethod
    def rollback_words(publish):
        return ["rollback", "execute", publish, "--reason", "campaign", "--yes"]

    @staticmethod
    def differences(seen, state):
        found = {}
        for store, wanted in state["seen"].items():
            keys = [str(key) for key in seen[store].keys() | wanted.keys() if seen[store].get(key) != wanted.get(key)]
            if keys:
                found[store] = sorted(keys)
        return found

    def quiet(self):
        for proxy in self.proxies.values():
            proxy.arm(None)

    def server(self, script, store):
        """Kills (`down`) or starts (`up`) the server of a store."""
        words = [str(self.scripts / script)] + (["-9"] if script == "down" else [])
        done = subprocess.run([*words, str(self.servers), SERVERS[store]], capture_output=True, text=True)
        if done.returncode != 0:
            raise Broken(f"{script} {SERVERS[store]}: {done.stderr[-1000:]}")

    def close(self):
        """Ends the proxies, and removes the indexes: a server takes so many shards, and kfm removes none."""
        self.readers.remove_indexes()
        for proxy in self.proxies.values():
            proxy.close()


def kill(process):
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)

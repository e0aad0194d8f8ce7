"""The trials: what is done to an operation, and what is right afterwards (docs/states.md, section 3)."""
import json
import signal
import threading
import time

from platforms import HUNG_S, Broken, kill
from proxy import FAULTS_HTTP, FAULTS_REDIS, Fault
from stores import Hand, moved_keys

OPERATIONS = ["publish", "execute", "resume", "abort"]
LEASE_MS = 1000
# The first write of an operation to a store that is a step of it: the fence is raised before it opens.
FIRST_STEP = {"catalog": 0, "graph": 1, "search": 1, "cache": 1}
# Within the time that a request may take, and past it.
DELAYS_S = [0.3, 3.5]


class Trial:
    """One operation, something that happens to it, and the judgement."""

    def __init__(self, stage, random, kind, store, operation):
        self.stage, self.random, self.kind, self.store, self.operation = stage, random, kind, store, operation
        self.record = {"kind": kind, "store": store, "operation": operation, "faults": []}

    # What an operation is, and what it needs before it.

    def prepare(self):
        """Brings the platform to where the operation begins. False: the operation ended before it could be cut off."""
        stage, operation = self.stage, self.operation
        stage.quiet()
        if operation in ("resume", "abort"):
            base = self.random.choice(["publish", "execute"])
            # What is early in an operation leaves much to a resume, what is late leaves much to an abort.
            early, late = ["catalog", "catalog", self.store], ["cache", "search", self.store]
            at = self.random.choice(early if operation == "resume" else late)
            self.record["cut"] = at
            self.words_of(base)
            stage.proxies[at].arm(cut := Fault("call", FIRST_STEP[at], writes_only=True))
            process = stage.host.start(*self.words)
            cut.call = lambda: kill(process)
            stage.host.ended(process)
            stage.quiet()
            self.words = ["publish" if base == "publish" else "rollback", "resume"]
            if operation == "abort":
                self.words.append("--abort")
            return bool(stage.host.run("status")[1].get("open"))
        self.words_of(operation)
        return True

    def words_of(self, operation):
        stage = self.stage
        self.prior, self.planned = stage.standing, stage.next()
        self.family = "publish"
        self.words = stage.publish_words(self.planned)
        if operation == "execute":
            publish = stage.host.must(*self.words)["publish_id"]
            stage.quiet()
            stage.stands(self.planned)
            self.prior, self.planned = self.planned, self.prior
            self.words, self.family = stage.rollback_words(publish), "rollback"

    @property
    def wanted(self):
        return self.prior if self.operation == "abort" else self.planned

    # The judgement.

    def fault(self, name, **more):
        self.record["faults"].append(name)
        self.record.update(more)

    def judge_end(self, code, answer):
        """What the command said of an operation that met an outage shorter than the patience."""
        self.record["exit"] = code
        if code is None:
            self.fault("hung")
        elif code == 0:
            return
        else:
            turned = answer.get("status") == "aborted" or "prior state" in json.dumps(answer.get("error", ""))
            self.fault("turned_round" if turned else "gave_up", answer=answer)

    def recover(self):
        """`resume`, or `resume --abort`, until nothing is open."""
        host, ways = self.stage.host, []
        for _ in range(3):
            _, status = host.run("status")
            if not status.get("open"):
                break
            abort = ["--abort"] if self.random.random() < 0.5 else []
            code, answer = host.run(self.family, "resume", *abort)
            ways.append([*abort, code])
            if code not in (0, 1):
                self.record["recovery_answer"] = answer
        else:
            self.fault("not_recovered")
        self.record["recovery"] = ways
        return ways

    def judge_state(self, acknowledged):
        """What readers see is the planned or the prior state, and the planned one where that was answered."""
        stage = self.stage
        seen = stage.readers.look()
        ends = [name for name in ("planned", "prior") if seen == getattr(self, name)["seen"]]
        self.record["state"] = ends[0] if ends else "third"
        if not ends:
            self.fault("third_state", from_planned=stage.differences(seen, self.planned),
                       from_prior=stage.differences(seen, self.prior))
            raise Lost
        stage.stands(getattr(self, ends[0]))
        if acknowledged and getattr(self, ends[0]) is not self.wanted:
            self.fault("lost_acknowledgement")

    def place(self, writes_share):
        """A request of the operation, among as many as it made when nothing happened to it."""
        requests, writes = self.stage.counts[(self.operation, self.store)]
        writes_only = self.random.random() < writes_share
        return {"at": self.random.randrange(max(1, writes if writes_only else requests)), "writes_only": writes_only}

    def met(self, fault):
        self.record["request"] = fault.reached[:3]
        self.record["reached"] = bool(fault.reached)


class Lost(Exception):
    """The platform is in a state that no further trial may begin from."""


class Outage(Trial):
    """A server that is killed and started again, or a proxy that spoils requests: shorter than the patience."""

    def run(self):
        what = self.record["what"]
        if not self.prepare():
            self.record["reached"] = False
            self.judge_state(False)
            return
        fault = Fault(what, **self.place(0.5))
        if what in ("kill_before", "kill_after"):
            self.restarted = None
            fault.kind, fault.call = "call" if what == "kill_before" else "call_after", self.restart
        else:
            fault.times = self.random.choice([1, 1, 2, 3])
            fault.seconds = self.random.choice(DELAYS_S)
        self.record.update(at=fault.at, writes_only=fault.writes_only, times=fault.times, seconds=fault.seconds)
        self.stage.proxies[self.store].arm(fault)
        self.process = self.stage.host.start(*self.words)
        code, answer = self.stage.host.ended(self.process)
        self.met(fault)
        self.stage.quiet()
        if what.startswith("kill") and fault.reached:
            self.restarted.join()
            if self.broken:
                raise Broken(self.broken)
        self.judge_end(code, answer)
        if code != 0:
            self.recover()
        self.judge_state(code == 0)

    def restart(self):
        """Kills the server while a request is under way, and lets it start again a moment later."""
        stage, store, pause, self.broken = self.stage, self.store, self.random.random(), None

        def again():
            try:
                time.sleep(pause)
                stage.server("up", store)
            except Broken as error:
                self.broken = str(error)
                kill(self.process)

        stage.server("down", store)
        self.restarted = threading.Thread(target=again)
        self.restarted.start()


class Stale(Trial):
    """An executor that is paused with a write under way, past its lease, while another host ends its operation; then its
    write reaches the store, and it is woken."""

    def run(self):
        stage = self.stage
        first, second = stage.host, stage.second
        # The one that is paused began the operation itself: a resume of it is the other host's.
        self.operation = "publish" if self.operation in ("publish", "resume") else "execute"
        self.record["operation"] = self.operation
        stage.quiet()
        self.words_of(self.operation)
        held, release, delivered = threading.Event(), threading.Event(), threading.Event()

        def hold():
            held.set()
            release.wait(HUNG_S)

        fault = Fault("call", self.random.randrange(max(1, stage.counts[(self.operation, self.store)][1])), writes_only=True,
                      call=hold, answered=delivered.set)
        stage.proxies[self.store].arm(fault)
        process = first.start(*self.words)
        while not held.wait(0.05) and process.poll() is None:
            pass
        self.met(fault)
        if not fault.reached:
            code, answer = first.ended(process)
            self.judge_end(code, answer)
            self.judge_state(code == 0)
            return
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.3 * LEASE_MS / 1000)
        abort = self.random.random() < 0.5
        self.record["second"] = "abort" if abort else "resume"
        _, status = second.run("status")
        if status.get("open"):
            code, answer = second.run(self.family, "resume", *(["--abort"] if abort else []), "--wait", "60")
        else:
            # The write came before the operation was opened: the other host has nothing to end.
            self.record["second"] = "nothing open"
            code, answer, abort = 0, {}, True
        if code != 0:
            self.fault("second_failed", answer=answer)
        before = stage.readers.look()
        wanted = self.prior if abort else self.planned
        if before != wanted["seen"]:
            self.fault("third_state", differences=stage.differences(before, wanted))
            release.set()
            process.send_signal(signal.SIGCONT)
            first.ended(process)
            raise Lost
        release.set()
        self.record["delivered"] = delivered.wait(60)
        time.sleep(0.1)
        after = stage.readers.look()
        process.send_signal(signal.SIGCONT)
        code, answer = first.ended(process)
        self.record["exit"] = code
        end = stage.readers.look()
        opened = self.record["second"] != "nothing open"
        if opened and code == 0:
            self.fault("stale_acknowledgement", answer=answer)
        if not opened:
            # Nothing followed it: it may go on, and end as planned.
            self.recover()
            self.judge_state(code == 0)
            return
        changed = [store for store in after if after[store] != before[store]]
        later = [store for store in end if end[store] != after[store]]
        self.record["write"] = "written" if changed + later else "without_effect"
        stage.stands(wanted)
        if later:
            self.fault("stale_write_after_waking", later=later)
        if changed and changed != ["catalog"]:
            self.fault("stale_write_accepted")
        if later or set(changed) - {"catalog"}:
            raise Lost
        if changed:
            self.record["write"] = "written_in_the_window_and_found"
            self.verify_finds(second, stage.differences(end, wanted)["catalog"], wanted["seen"]["catalog"])

    def verify_finds(self, host, keys, documents):
        """What was written in the window is listed as foreign, and nothing is once it was put back by hand."""
        listed = lambda: [cell["key"] for cell in host.must("reconcile")["foreign"]["first"]]
        if sorted(keys) != sorted(listed()):
            self.fault("stale_write_not_found", keys=keys)
        for key in keys:
            Hand(self.stage.name).put(key, documents.get(key))
        if left := listed():
            self.fault("found_what_is_not_there", left=left)


class Foreign(Trial):
    """Another hand changes a cell that the operation moves, while one of its writes to that store is under way."""

    def run(self):
        stage = self.stage
        if not self.prepare():
            self.record["reached"] = False
            self.judge_state(False)
            return
        keys = moved_keys(self.store, self.prior["seen"], self.planned["seen"])
        key = self.random.choice(keys)
        done = {}

        def write():
            now = getattr(stage.readers, self.store)().get(key)
            done["when"] = "before" if now == self.prior["seen"][self.store].get(key) else "after"
            done["there"], done["back"] = getattr(Hand(stage.name), self.store)(key)

        place = self.place(0.7)
        fault = Fault(self.random.choice(["call", "call_after"]), **place, call=write)
        stage.proxies[self.store].arm(fault)
        code, answer = stage.host.run(*self.words)
        self.met(fault)
        stage.quiet()
        self.record.update(key=key, at=fault.at, when=done.get("when"), moment=fault.kind)
        if not fault.reached:
            self.judge_end(code, answer)
            self.judge_state(code == 0)
            return
        self.record["exit"] = code
        self.record["said"] = answer.get("status") or answer.get("error", {}).get("kind")
        if not done["there"]():
            self.fault("overwritten", answer=answer)
        elif code == 0:
            doctor, report = stage.host.run("doctor", "--digests")
            listed, foreign = stage.host.run("reconcile")
            self.record["found"] = [doctor, listed]
            if key not in json.dumps(foreign) and doctor == 0:
                self.fault("not_found", report=report, foreign=foreign)
        if "overwritten" not in self.record["faults"]:
            done["back"]()
        self.recover()
        self.judge_state(False)


# Servers that take half a minute to start again.
SLOW = ["graph", "search"]
KINDS = {
    "killed": lambda store: ["kill_before", "kill_after"],
    "proxy": lambda store: FAULTS_REDIS if store == "cache" else FAULTS_HTTP,
    "stale": lambda store: ["paused"],
    "foreign": lambda store: ["another_hand"],
}


def trial_of(kind):
    return {"stale": Stale, "foreign": Foreign}.get(kind, Outage)


def plan(kinds, stores, operations, each, random):
    """What each trial does. A turn begins with one of each kind and store, then come the others in any order."""
    for turn in range(each):
        first, others = [], []
        for kind in kinds:
            for at, store in enumerate(stores):
                whats = KINDS[kind](store)
                # A kill takes long: a turn has one of each server.
                if kind == "killed":
                    whats = [random.choice(whats)]
                trials = [(kind, store, what, operations[(turn + at + n) % len(operations)]) for n, what in enumerate(whats)]
                random.shuffle(trials)
                first.append(trials.pop())
                others += trials
        random.shuffle(first)
        random.shuffle(others)
        slow = lambda trial: trial[0] == "killed" and trial[1] in SLOW
        yield from sorted(first, key=slow)
        yield from others

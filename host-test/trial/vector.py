#!/usr/bin/env python3
"""Real lines, hostile events and faults through a real Vector, with the module and with the sidecar.

    trial/vector.py --vector BIN --module dist/logtriage.so --logtriage dist/logtriage PART…

Parts: `lines` and `hostile` send the same events of one source through nothing, through a Lua
transform that changes nothing, through the module, through a hop out of Vector and in again, and
through the sidecar, and compare what came out. `faults` counts what is acknowledged and lost while
the sink fails and processes are killed. `setup` is what is wrong in a config, and reload; `configs` is
the files of configs/vector. `cost` is CPU-seconds per million events.
"""
import argparse
import collections
import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time

import hostile
from vector_host import (FORWARD, HTTP, LISTEN, METRICS, Downstream, Host, Lines, Process, file_sink, file_source,
                         http_sink, wait_for_port, wait_until)

WAYS = ["none", "identity", "module", "hop", "sidecar"]
# The way that shows what Vector itself does to events there and back.
BARE = {"identity": "none", "module": "identity", "hop": "none", "sidecar": "hop"}
NUMBER = re.compile(rb'"(?:offset|n)":(\d+)')
# Vector sorts keys.
OURS = re.compile(rb',?"triage":(\{"confidence":[0-9.]+,"label":"[^"\\]*"(?:,"template_id":"[0-9a-f]{16}")?,"tier":"[a-z]+"\})')


# What goes in

def other_numbers(line, chance):
    """The line with other digits in each number that no letter touches: the first digit and the length stay."""
    digits = lambda m: m[0][:1] + b"".join(b"%d" % chance.randrange(10) for _ in m[0][1:])
    return re.sub(rb"(?<![0-9A-Za-z_])[0-9]{2,}(?![0-9A-Za-z_])", digits, line)


def write_lines(path, options):
    """The lines of the given files again and again, in random order, from the second time with other numbers."""
    chance, lines = random.Random(4711), []
    for name in options.lines or [os.path.join(os.path.dirname(__file__), "../../configs/sample.log")]:
        with open(name, "rb") as file:
            lines += [line.rstrip(b"\r") for line in file.read().split(b"\n") if line.strip()]
    with open(path, "wb") as file:
        for n in range(options.events):
            if n % len(lines) == 0:
                chance.shuffle(lines)
            line = lines[n % len(lines)]
            file.write((line if n < len(lines) else other_numbers(line, chance)) + b"\n")


def write_hostile_lines(path, events):
    maker = hostile.Maker(hostile.sample())
    with open(path, "wb") as file:
        file.writelines(b"N=%d %s\n" % (n, maker.line()) for n in range(events))


def post(path):
    """Sends the objects of a JSONL file to Vector in arrays, several at once; answers the counts of statuses."""
    wait_for_port(HTTP)
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    statuses = collections.Counter()

    def send(part):
        connection = http.client.HTTPConnection("127.0.0.1", HTTP)
        for start in range(0, len(part), 200):
            body = b"[" + b",".join(part[start:start + 200]) + b"]"
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1

    threads = [threading.Thread(target=send, args=(lines[k::4],)) for k in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return dict(statuses)


# What came out

def members(line):
    """Without our object, with what stood under its key in its place again."""
    pairs = json.loads(line, object_pairs_hook=list, parse_float=str, parse_int=str)
    back = lambda key: key[:-6] if re.fullmatch("triage(_input)+", key) else key
    return sorted((back(key), value) for key, value in pairs if key != "triage")


def read(path):
    """Lines by their number, and how many lines there were."""
    lines, count = {}, 0
    with open(path, "rb") as file:
        for line in file:
            lines[int(NUMBER.search(line)[1])] = line
            count += 1
    return lines, count


def compare(way, out, bare, expected):
    """Of each event: is it there once, as it was, with the label that the command gives?"""
    lines, count = read(out)
    before, _ = read(bare)
    tally = collections.Counter(lost=len(before.keys() - lines.keys()), twice=count - len(lines))
    for number, line in lines.items():
        other = before[number]
        if way in ("module", "sidecar"):
            ours = OURS.search(line)
            if not ours:
                tally["unlabelled"] += 1
                continue
            plain = line[:ours.start()] + line[ours.end():]
            if plain != other and members(line) != members_as_they_were(other):
                report(tally, "changed", line, other)
            if outcome(ours[1]) != expected[number]:
                report(tally, "labelled otherwise", line, repr(expected[number]).encode())
        elif line != other:
            tally["changed"] += 1
    order = list(lines) == list(before)
    print(f"    {way} against {BARE[way]}: {dict(tally)}, in order {order}", flush=True)


def same_lines(path, other):
    """In any order: what goes over the network may be overtaken."""
    with open(path, "rb") as a, open(other, "rb") as b:
        return sorted(a) == sorted(b)


def report(tally, what, *lines):
    tally[what] += 1
    if tally[what] <= 3:
        print(f"    {what}:", *(line[:300] for line in lines))


def members_as_they_were(line):
    return sorted(json.loads(line, object_pairs_hook=list, parse_float=str, parse_int=str))


def outcome(triage):
    found = json.loads(triage)
    return found["label"], found["tier"], float(found["confidence"]), found.get("template_id")


def classified(host, path, form):
    """What the command says of each line."""
    command = [host.options.logtriage, "classify", "--quiet", "--config", host.triage, "--format", form, path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    for line in process.stdout:
        yield outcome(json.dumps(json.loads(line)["triage"]))
    assert process.wait() == 0


def expected_of_lines(host, path):
    """By the offset of the line."""
    offset, expected = 0, {}
    with open(path, "rb") as file:
        for line, found in zip(file, classified(host, path, "plain"), strict=True):
            expected[offset] = found
            offset += len(line)
    return expected


def expected_of_records(host, path):
    """By the number in the record."""
    with open(path, "rb") as file:
        numbers = [int(NUMBER.search(line)[1]) for line in file]
    return dict(zip(numbers, classified(host, path, "jsonl"), strict=True))


def through_all(host, name, source, send, events, codec="json"):
    """One Vector, one source, each event on all ways; answers the files of what came out."""
    options, directory = host.options, host.directory
    files = {way: f"{directory}/{name}-{way}.jsonl" for way in options.ways}
    config = host.config(name, source, options.ways, lambda way: file_sink(files[way], codec))
    sidecar = host.sidecar(f"{name}-sidecar") if "sidecar" in options.ways else None
    vector = host.vector(name, config)
    began = time.monotonic()
    send()
    counts = {way: Lines(path) for way, path in files.items()}
    progress = lambda: [count() for count in counts.values()]
    wait_until(lambda: min(progress()) >= events, progress)
    seconds = time.monotonic() - began
    status = vector.stop()
    print(f"{name}: in {events}, out {dict(zip(counts, progress()))}, {seconds:.0f} s, status {status}", flush=True)
    if sidecar:
        print(f"    sidecar: {sidecar.peak()} MB at most, status {sidecar.stop()}, {sidecar.cpu:.1f} CPU-s")
    return files


def compare_all(files, expected):
    """`expected(path)` is what the command says of the events in this file."""
    for way, path in files.items():
        bare = files.get(BARE.get(way))
        if bare:
            compare(way, path, bare, expected(bare) if way in ("module", "sidecar") else {})


def lines(host):
    path = f"{host.directory}/lines.log"
    write_lines(path, host.options)
    files = through_all(host, "lines", file_source(path), lambda: None, host.options.events)
    expected = expected_of_lines(host, path)
    compare_all(files, lambda _: expected)


def hostile_events(host):
    directory, events = host.directory, host.options.hostile
    path = f"{directory}/hostile.log"
    write_hostile_lines(path, events)
    files = through_all(host, "hostile-file", file_source(path), lambda: None, events)
    expected = expected_of_lines(host, path)
    compare_all(files, lambda _: expected)
    # JSON replaces bytes that are no UTF-8; the messages alone do not.
    files = through_all(host, "hostile-bytes", file_source(path), lambda: None, events, "text")
    print("    messages, bytes for bytes:", {way: same_lines(out, path) for way, out in files.items()}, flush=True)

    maker = hostile.Maker(hostile.sample())
    maker.DEPTH = 40  # Vector's own hop cannot read what is nested 50 deep
    hostile.write_json(directory, maker, events)
    source = {"type": "http_server", "address": f"127.0.0.1:{HTTP}", "decoding": {"codec": "json"}}
    send = lambda: print("hostile-http: statuses", post(f"{directory}/records.jsonl"))
    files = through_all(host, "hostile-http", source, send, events)
    compare_all(files, lambda bare: expected_of_records(host, bare))


# Faults

class Stream:
    """A file through one way to the downstream server, by a Vector and a sidecar that can be stopped and started."""

    def __init__(self, host, way, name, path):
        self.host, self.way, self.name = host, way, f"fault-{way}-{name}"
        self.config = host.config(self.name, file_source(path), [way], lambda _: http_sink())
        self.downstream = Downstream()
        self.vector = self.sidecar = None
        self.exits = []
        self.start_sidecar()
        self.start_vector()

    def start_vector(self):
        self.vector = self.host.vector(self.name, self.config)

    def start_sidecar(self):
        self.sidecar = self.host.sidecar(f"{self.name}-sidecar") if self.way == "sidecar" else None

    def restart(self, what, sent, away=0.5):
        """Stops Vector or the sidecar by a signal, and starts it again."""
        began = time.monotonic()
        status = getattr(self, what).stop(sent)
        self.exits.append(f"{status} after {time.monotonic() - began:.1f} s")
        time.sleep(away)
        getattr(self, f"start_{what}")()

    def middle(self, times, act):
        """`act`, so many times, while events flow."""
        accepted = lambda: len(self.downstream.accepted)
        for _ in range(times):
            before = accepted()
            wait_until(lambda: accepted() > before + 12000 // times, accepted)
            act()

    def end(self):
        for process in filter(None, [self.vector, self.sidecar]):
            process.stop(signal.SIGKILL)
        self.downstream.close()


def sink_away(stream):
    time.sleep(8)
    stream.downstream.open()


def sink_away_then_vector_killed(stream):
    time.sleep(5)
    stream.restart("vector", signal.SIGKILL, away=3)
    stream.downstream.open()


def sink_leaves(stream):
    stream.downstream.open()
    stream.middle(3, lambda: leave(stream))


def leave(stream):
    stream.downstream.close()
    time.sleep(4)
    stream.downstream.open()


def sink_fails(stream):
    stream.downstream.answer = lambda request: 503 if request % 3 == 0 else 200
    stream.downstream.open()


def sink_rejects(stream):
    stream.downstream.answer = lambda request: 400 if request % 5 == 0 else 200
    stream.downstream.open()


def sink_hangs(stream):
    stream.downstream.pause = 8
    stream.downstream.open()
    time.sleep(12)
    stream.downstream.pause = 0.1


def restarts(what, sent):
    def fault(stream):
        stream.downstream.open()
        stream.middle(4, lambda: stream.restart(what, sent))
    return fault


def all_of_it(stream):
    chance = random.Random(4711)
    stream.downstream.answer = lambda request: 503 if request % 7 == 0 else 200
    stream.downstream.open()
    acts = [lambda: leave(stream), lambda: stream.restart("vector", signal.SIGKILL)]
    if stream.sidecar:
        acts += [lambda: stream.restart("sidecar", signal.SIGKILL), lambda: stream.restart("sidecar", signal.SIGTERM)]
    stream.middle(20, lambda: chance.choice(acts)())


FAULTS = {
    "sink away for 8 s": sink_away,
    "sink away, Vector kill -9, both back": sink_away_then_vector_killed,
    "sink leaves for 4 s, 3 times": sink_leaves,
    "sink answers 503 to every third": sink_fails,
    "sink answers 400 to every fifth": sink_rejects,
    "sink hangs for 12 s": sink_hangs,
    "Vector kill -9, 4 times": restarts("vector", signal.SIGKILL),
    "Vector SIGTERM, 4 times": restarts("vector", signal.SIGTERM),
    "sidecar kill -9, 4 times": restarts("sidecar", signal.SIGKILL),
    "sidecar SIGTERM, 4 times": restarts("sidecar", signal.SIGTERM),
    "all of it in random order, 20 times": all_of_it,
}


def faults(host):
    path = f"{host.directory}/faults.log"
    host.options.events, events = 30000, host.options.events
    write_lines(path, host.options)
    host.options.events = events
    with open(path, "rb") as file:
        offsets, at = set(), 0
        for line in file:
            offsets.add(at)
            at += len(line)
    for way in host.options.ways:
        for number, (name, fault) in enumerate(FAULTS.items()):
            if way == "sidecar" or "sidecar" not in name:
                one_fault(Stream(host, way, str(number), path), name, fault, offsets)
    statuses(host)


def one_fault(stream, name, fault, offsets):
    fault(stream)
    down = stream.downstream
    answered = lambda: len(down.accepted | down.refused)
    wait_until(lambda: answered() == len(offsets), answered)
    stream.end()
    print(f"{stream.way}: {name}: in {len(offsets)}, delivered {len(down.accepted)}, "
          f"rejected {len(down.refused - down.accepted)}, lost {len(offsets - down.accepted - down.refused)}, "
          f"twice {down.times - len(down.accepted)}, unlabelled {down.unlabelled}"
          + (f", exits {stream.exits}" if stream.exits else ""), flush=True)


def statuses(host):
    """What a client of Vector is answered when the downstream server answers so."""
    source = {"type": "http_server", "address": f"127.0.0.1:{HTTP}", "decoding": {"codec": "json"}}
    for way in host.options.ways:
        config = host.config(f"statuses-{way}", source, [way], lambda _: http_sink())
        sidecar = host.sidecar("statuses-sidecar") if way == "sidecar" else None
        vector, downstream, seen = host.vector(f"statuses-{way}", config), Downstream(), {}
        downstream.open()
        wait_for_port(HTTP)
        for status in (200, 400, 401, 404, 413, 422):
            downstream.answer = lambda _: status
            connection = http.client.HTTPConnection("127.0.0.1", HTTP)
            connection.request("POST", "/", b'[{"message":"x","offset":1}]', {"Content-Type": "application/json"})
            seen[status] = connection.getresponse().status
        print(f"{way}: the sink answers, the client gets: {seen}", flush=True)
        for process in filter(None, [vector, sidecar]):
            process.stop(signal.SIGKILL)
        downstream.close()


# Configs

BAD = {
    "unknown key": 'outptu_key = "x"\n',
    "no TOML": "rules = [\n",
    "a model that is not there": 'model = "nowhere"\n',
    "rules that are not there": 'rules = ["nowhere.toml"]\n',
    "threshold for an unknown label": '[thresholds]\n"Sunshine" = 0.5\n',
}


def setup(host):
    path = f"{host.directory}/setup.log"
    open(path, "w").close()
    sink = lambda _: file_sink(f"{host.directory}/setup.jsonl")
    config = host.config("setup", file_source(path), ["module"], sink)
    vector, triage = [host.options.vector], host.triage
    for name, text in BAD.items():
        with open(triage, "w") as file:
            file.write(text)
        said("vector validate", name, vector + ["validate", config])
        said("vector", name, vector + ["--config", config])
        command = [host.options.logtriage, "serve-vector", "--config", triage]
        said("sidecar", name, command + ["--listen", f"127.0.0.1:{LISTEN}", "--forward", f"127.0.0.1:{FORWARD}"])
    open(triage, "w").close()
    host.options.module, module = "/nowhere/logtriage.so", host.options.module
    missing = host.config("missing", file_source(path), ["module"], sink)
    host.options.module = module
    said("vector validate", "the module is not there", vector + ["validate", missing])
    said("vector", "the module is not there", vector + ["--config", missing])
    reload(host)


def said(who, what, command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
        print(f"{who}: {what}: status {done.returncode}\n      " + "\n      ".join(done.stdout.strip().split("\n")[-8:]), flush=True)
    except subprocess.TimeoutExpired:
        print(f"{who}: {what}: RUNS", flush=True)


def reload(host):
    """SIGHUP while lines come in, each time with a changed transform and other rules."""
    directory, path = host.directory, f"{host.directory}/reload.log"
    open(path, "wb").close()
    for way in ("module", "sidecar"):
        out = f"{directory}/reload-{way}.jsonl"
        make = lambda: host.config(f"reload-{way}", file_source(path), [way], lambda _: file_sink(out))
        sidecar = host.sidecar("reload-sidecar") if way == "sidecar" else None
        vector, count, seen = host.vector(f"reload-{way}", make()), 0, []
        with open(path, "wb") as file:
            for turn in range(6):
                for _ in range(2000):
                    file.write(b"turn %d line %d of the stream\n" % (turn, count))
                    count += 1
                    file.flush()
                    time.sleep(0.0005)
                label = "Error" if turn % 2 else "User Action"
                with open(f"{directory}/rules.toml", "w") as rules:
                    rules.write(f'[[rule]]\nid = "turn-{turn}"\npattern = "of the stream"\nlabel = "{label}"\n')
                with open(host.triage, "w") as triage:
                    triage.write(f'rules = ["rules.toml"]\nfields = ["rule"]\n# {turn}\n')
                changed = json.load(open(make()))
                for transform in changed["transforms"].values():
                    transform["source"] += f"\n-- {turn}"
                host.write(f"reload-{way}", changed)
                vector.process.send_signal(signal.SIGHUP)
                time.sleep(3)
        lines = Lines(out)
        wait_until(lambda: lines() >= count, lines)
        status = vector.stop()
        with open(out, "rb") as file:
            for line in file:
                rule = json.loads(line)["triage"].get("rule", "none")
                if not seen or seen[-1] != rule:
                    seen.append(rule)
        print(f"reload {way}: in {count}, out {lines()}, rules in turn {seen}, status {status}", flush=True)
        if sidecar:
            sidecar.stop()
    open(host.triage, "w").close()


def configs(host):
    """Each file of configs/vector as it is: its own tests, and the metrics that it counts labels with."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    shutil.copytree(f"{root}/configs", f"{host.directory}/configs")
    os.mkdir(f"{host.directory}/dist")
    shutil.copy(host.options.module, f"{host.directory}/dist/logtriage.so")
    logtriage, vector = map(os.path.abspath, (host.options.logtriage, host.options.vector))
    os.chdir(host.directory)
    classify = [logtriage, "classify", "--quiet", "--config", "configs/vector/logtriage.toml", "configs/sample.log"]
    found = [json.loads(line)["triage"] for line in subprocess.check_output(classify).splitlines()]
    expected = collections.Counter((triage["label"], triage["tier"]) for triage in found)
    serve = [logtriage, "serve-vector", "--config", "configs/vector/logtriage.toml"]
    for config in sorted(glob.glob("configs/vector/*.yaml")):
        name = os.path.basename(config)
        sidecar = Process(".", f"{name}-sidecar", serve)
        validated, tested = (subprocess.run([vector, verb, config], capture_output=True, text=True)
                             for verb in ("validate", "test"))
        running = Process(".", name, [vector, "--config", config])
        wait_until(lambda: counted() == expected, counted)
        print(f"{name}: validate {validated.returncode}, test {tested.returncode} "
              f"({tested.stdout.count(' ... passed')} passed), labels as the command's: {counted() == expected}, "
              f"status {running.stop()}", flush=True)
        sidecar.stop()
        with open(running.log) as log:
            print("".join(line[:400] for line in log if re.match(r"[-0-9T:.]+Z +(WARN|ERROR) ", line)), end="")
        [os.remove(old) for old in glob.glob("dist/*/checkpoints.json")]


def counted():
    """Events by label and tier."""
    found = re.findall(r'^logtriage_events_total\{label="([^"]*)",tier="([^"]*)"\} (\d+)', scraped(), re.M)
    return collections.Counter({(label, tier): int(count) for label, tier, count in found})


def scraped():
    """What Prometheus would read."""
    connection = http.client.HTTPConnection("127.0.0.1", METRICS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except OSError:
        return ""


# Cost

def cost(host):
    path, seconds = f"{host.directory}/cost.log", collections.defaultdict(list)
    write_lines(path, host.options)
    for turn in range(host.options.turns):
        for way in ["remap", "table"] + host.options.ways:
            used = one_cost(host, way, turn, path)
            seconds[way].append(used)
            print(f"cost {turn}: {way}: " + ", ".join(f"{who} {cpu:.2f}" for who, cpu in used.items()), flush=True)
    for way, turns in seconds.items():
        median = {who: round(statistics.median(used[who] for used in turns), 1) for who in turns[0]}
        print(f"cost, median: {way}: {median}")


def one_cost(host, way, turn, path):
    """CPU-seconds per million events, and the peak of memory in MB; into a sink that does nothing."""
    events, name = host.options.events, f"cost-{turn}-{way}"
    config = host.config(name, file_source(path), [way], lambda _: {"type": "blackhole"}, metrics=True)
    sidecar = host.sidecar(f"{name}-sidecar") if way == "sidecar" else None
    began = time.monotonic()
    vector = host.vector(name, config)
    wait_until(lambda: arrived(way) >= events, lambda: arrived(way))
    used = {"elapsed": time.monotonic() - began, "vector MB": vector.peak()}
    vector.stop()
    used["vector"] = vector.cpu / events * 1e6
    if sidecar:
        used["sidecar MB"] = sidecar.peak()
        sidecar.stop()
        used["sidecar"] = sidecar.cpu / events * 1e6
    return used


def arrived(way):
    """Events in the sink."""
    name = rf'^vector_component_received_events_total\{{[^}}]*component_id="{way}_sink"[^}}]*\}} (\d+)'
    return sum(map(int, re.findall(name, scraped(), re.M)))


PARTS = {"lines": lines, "hostile": hostile_events, "faults": faults, "setup": setup, "configs": configs,
         "cost": cost}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vector", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("--logtriage", required=True, help="the command")
    parser.add_argument("--lines", nargs="+", help="files of real lines (default: configs/sample.log)")
    parser.add_argument("--events", type=int, default=1_000_000, help="for `lines` and `cost`")
    parser.add_argument("--hostile", type=int, default=25000, help="events per source")
    parser.add_argument("--turns", type=int, default=3, help="of `cost`")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--directory", help="keeps everything here (default: a temporary one)")
    parser.add_argument("parts", nargs="+", choices=PARTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for part in options.parts:
            directory = os.path.join(options.directory or temporary, part)
            shutil.rmtree(directory, ignore_errors=True)
            os.makedirs(directory)
            PARTS[part](Host(options, directory))


if __name__ == "__main__":
    main()

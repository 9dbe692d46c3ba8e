#!/usr/bin/env python3
"""Hostile events through a real Fluent Bit, and what came out.

Sends the same events through tail, tcp, http and forward: without a filter, through a filter that
gives back the bytes, and through Logtriage, as filter and as processor, at two stack sizes. Says how
many events came out, and whether each, with our object taken out, has the bytes that the filter that
changes nothing gives. Needs the Python package `msgpack`.

    trial/fluent_bit.py --fluent-bit BIN --module dist/logtriage.wasm --identity IDENTITY.wasm
"""
import argparse
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

import msgpack

import hostile

PORT = 24610
PATIENCE = 15  # seconds without a new event
INPUTS = {
    "tail": "path: {dir}/tail.log, read_from_head: true, buffer_max_size: 16M",
    "tcp": f"listen: 127.0.0.1, port: {PORT}, format: json, buffer_size: 65536",
    "http": f"listen: 127.0.0.1, port: {PORT}, buffer_max_size: 64M",
    "forward": f"listen: 127.0.0.1, port: {PORT}, buffer_max_size: 64M, threaded: on",
}
# NaN, infinity and the largest doubles, of both signs.
ODD_DOUBLES = [0x7FF8 << 48, 0xFFF8 << 48, 0x7FF0 << 48, 0xFFF0 << 48, (0x7FF0 << 48) - 1, (0xFFF0 << 48) - 1]


class Maker(hostile.Maker):
    """As MessagePack too."""

    def msgpack(self, value):
        """With what is no JSON here and there."""
        r = self.random
        if isinstance(value, float) and r.random() < 0.2:
            return b"\xcb" + struct.pack(">Q", r.choice(ODD_DOUBLES))
        if value is None and r.random() < 0.3:
            return msgpack.packb(msgpack.ExtType(r.randint(0, 127), r.randbytes(r.randint(0, 12))))
        if isinstance(value, str) and r.random() < 0.1:
            return r.choice([b"\xd9", b"\xc4"]) + bytes([20]) + r.randbytes(20)
        if isinstance(value, list):
            return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(self.msgpack, value))
        if isinstance(value, dict):
            return self.msgpack_map(list(value.items()))
        return msgpack.packb(value)

    def msgpack_map(self, pairs):
        data = b"\xde" + struct.pack(">H", len(pairs))
        for key, value in pairs:
            odd = key != "n" and self.random.random() < 0.03
            key = self.random.choice([1, 1.5, None, True, [1, 'a"'], {"x": 1.5}, b"triage"]) if odd else key
            data += self.msgpack(key) if odd else msgpack.packb(key)
            data += msgpack.packb(value) if key == "n" else self.msgpack(value)
        return data


def make(directory, lines, events):
    maker = Maker(lines)
    with open(f"{directory}/tail.log", "wb") as file:
        file.writelines(b"N=%d %s\n" % (n, maker.line()) for n in range(events))
    hostile.write_json(directory, maker, events)
    with open(f"{directory}/forward.bin", "wb") as file:
        for n in range(events):
            file.write(b"\x93" + msgpack.packb("trial") + msgpack.packb(1700000000) + maker.msgpack_map(maker.record(n)))


def config(directory, name, source, module, mode, stack):
    settings = f"name: wasm, wasm_path: {module}, function_name: logtriage, accessible_paths: {directory}/empty"
    settings += f", wasm_stack_size: {stack}" if stack else ""
    processors = f", processors: {{logs: [{{{settings}}}]}}" if module and mode == "processor" else ""
    text = "service: {flush: 0.5}\npipeline:\n  inputs:\n"
    text += f"    - {{name: {source}, tag: trial, {INPUTS[source].format(dir=directory)}{processors}}}\n"
    if module and mode == "filter":
        text += f"  filters:\n    - {{match: '*', {settings}}}\n"
    text += f"  outputs:\n    - {{name: file, match: '*', path: {directory}, file: {name}, format: plain}}\n"
    path = f"{directory}/{name}.yaml"
    with open(path, "w") as file:
        file.write(text)
    return path


def connect():
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", PORT))
        except OSError:
            time.sleep(0.1)
    raise SystemExit("Fluent Bit does not listen")


def send(source, directory):
    if source in ("tcp", "forward"):
        name = {"tcp": "records.jsonl", "forward": "forward.bin"}[source]
        with connect() as stream, open(f"{directory}/{name}", "rb") as file:
            stream.sendall(file.read())
    elif source == "http":
        connect().close()
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        with open(f"{directory}/records.jsonl", "rb") as file:
            lines = file.read().splitlines()
        for start in range(0, len(lines), 200):
            body = b"[" + b",".join(lines[start:start + 200]) + b"]"
            connection.request("POST", "/trial", body, {"Content-Type": "application/json"})
            connection.getresponse().read()


def output(directory, name):
    try:
        with open(f"{directory}/{name}", "rb") as file:
            return file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def run(options, directory, source, module=None, mode="filter", stack=None):
    """The lines that came out."""
    name = f"{source}-{mode}-{stack or 'default'}-{os.path.basename(module or 'none')}"
    path = config(directory, name, source, module, mode, stack)
    with open(f"{directory}/{name}.log", "wb") as log:
        process = subprocess.Popen([options.fluent_bit, "-c", path], stdout=log, stderr=log)
    try:
        send(source, directory)
    except OSError as problem:
        print(f"{name}: {problem}")
    seen, since = -1, time.monotonic()
    while process.poll() is None and time.monotonic() - since < PATIENCE:
        time.sleep(0.5)
        lines = output(directory, name)
        if len(lines) >= options.events:
            break
        if len(lines) != seen:
            seen, since = len(lines), time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, status, used = os.wait4(process.pid, 0)
    lines = output(directory, name)
    cpu = used.ru_utime + used.ru_stime
    print(f"{name}: out {len(lines)}, status {status}, {cpu:.1f} CPU-s", flush=True)
    return lines


OURS = re.compile(rb',?"triage":\{"label":"[^"\\]*","tier":"[a-z]+","confidence":[0-9.]+(,"template_id":"[0-9a-f]{16}")?\}\}$')
NUMBER = re.compile(rb'"n":(\d+)|"log":"N=(\d+)')


def members(line, renamed):
    """Top-level pairs with the text of their numbers; `renamed` keys get their old name back."""
    pairs = json.loads(line, object_pairs_hook=list, parse_float=str, parse_int=str)
    old = lambda key: key[:-6] if renamed and re.fullmatch("triage(_input)+", key) else key
    return [(old(key), value) for key, value in pairs]


def compare(none, identity, ours):
    number = lambda line: NUMBER.search(line)[0]
    before = {number(line): line for line in identity}
    counts = {"unlabelled": 0, "changed": 0, "lost by the filter that changes nothing": 0}
    for line in ours:
        ending = OURS.search(line)
        if not ending:
            counts["unlabelled"] += 1
            continue
        plain, other = line[:ending.start()] + b"}", before.get(number(line))
        if other is None:
            counts["lost by the filter that changes nothing"] += 1
        elif plain != other and not (b'"triage_input' in plain and members(plain, True) == members(other, False)):
            counts["changed"] += 1
            print("changed:", plain[:200], other[:200])
    lost = len(none) - len(ours)
    order = [number(line) for line in none] == [number(line) for line in ours]
    print(f"    lost {lost}, in order {order}, {counts}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fluent-bit", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("--identity", required=True, help="a filter `logtriage` that gives back the bytes")
    parser.add_argument("--events", type=int, default=25000, help="per input")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(f"{directory}/empty")
        make(directory, hostile.sample(), options.events)
        for source in INPUTS:
            none = run(options, directory, source)
            # tcp carries what http carries, and Fluent Bit may not survive it with a filter that
            # gives back what is no JSON.
            if source != "http":
                identity = run(options, directory, "http" if source == "tcp" else source, options.identity)
            # As a processor of `forward` every WebAssembly filter loses everything.
            for mode in ["filter"] if source == "forward" else ["filter", "processor"]:
                for stack in [None, 65536]:
                    compare(none, identity, run(options, directory, source, options.module, mode, stack))


if __name__ == "__main__":
    main()

"""A real Vector, the ways for its events to take, and the processes that belong to them."""
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

HTTP = 24700  # Vector's http_server source
DOWNSTREAM = 24701  # where its http sink delivers
LISTEN, FORWARD, HOP = 24702, 24703, 24704  # the sidecar, the source behind it, the source of `hop`
METRICS = 9598  # as in configs/vector
# What the module adds, added by Lua without looking at the event.
TABLE = """function process(event, emit)
    event.log.triage = { label = "Error", tier = "rule", confidence = 1.0, template_id = "0123456789abcdef" }
    emit(event)
end"""
PATIENCE = 30  # seconds without a new event


class Process:
    """A program that runs; its output is kept in `<directory>/<name>.out`."""

    def __init__(self, directory, name, command):
        self.log = f"{directory}/{name}.out"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"VECTOR_LOG": "warn"})
        self.cpu = None  # seconds, once it has ended

    def stop(self, sent=signal.SIGTERM):
        """The exit status; negative: the signal that ended it."""
        self.process.send_signal(sent)
        return self.wait()

    def wait(self):
        _, status, used = os.wait4(self.process.pid, 0)
        self.cpu = used.ru_utime + used.ru_stime
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode

    def peak(self):
        """The most memory that it had, in MB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) // 1024


class Host:
    """Builds configs and starts Vector and the sidecar, in one directory."""

    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.triage = f"{directory}/logtriage.toml"
        with open(self.triage, "w"):
            pass

    def lua(self, body):
        return {"type": "lua", "version": "2", "inputs": ["events"], "hooks": {"process": "process"}, "source": body}

    def module(self):
        return self.lua(f"""
            package.cpath = "{os.path.dirname(os.path.abspath(self.options.module))}/?.so;" .. package.cpath
            local labeller = require("logtriage").new {{ config = "{self.triage}" }}
            function process(event, emit)
                labeller:annotate(event)
                emit(event)
            end""")

    def through(self, to, back):
        """Out of Vector at one port and in again at another."""
        sink = {"type": "vector", "inputs": ["events"], "address": f"http://127.0.0.1:{to}",
                "acknowledgements": {"enabled": True}, "request": {"retry_max_duration_secs": 2}}
        return sink, {"type": "vector", "address": f"127.0.0.1:{back}"}

    def add(self, config, way):
        """Adds a way for the events; answers the component that gives them at its end."""
        if way == "none":
            return "events"
        if way in ("hop", "sidecar"):
            ports = (HOP, HOP) if way == "hop" else (LISTEN, FORWARD)
            config["sinks"][f"{way}_out"], config["sources"][way] = self.through(*ports)
        else:
            config["transforms"][way] = {
                "remap": lambda: {"type": "remap", "inputs": ["events"], "source": '.label = "x"\n.tier = "y"'},
                "identity": lambda: self.lua("function process(event, emit) emit(event) end"),
                "table": lambda: self.lua(TABLE),
                "module": self.module,
            }[way]()
        return way

    def config(self, name, source, ways, sink, metrics=False):
        """`sink(way)` is the sink for the events that went this way; `metrics` are Vector's own."""
        config = {"data_dir": f"{self.directory}/{name}", "sources": {"events": source}, "transforms": {}, "sinks": {}}
        for way in ways:
            config["sinks"][f"{way}_sink"] = sink(way) | {"inputs": [self.add(config, way)]}
        if metrics:
            config["sources"]["metrics"] = {"type": "internal_metrics", "scrape_interval_secs": 0.5}
            config["sinks"]["metrics_sink"] = {"type": "prometheus_exporter", "inputs": ["metrics"],
                                               "address": f"127.0.0.1:{METRICS}"}
        return self.write(name, config)

    def write(self, name, config):
        os.makedirs(config["data_dir"], exist_ok=True)
        path = f"{self.directory}/{name}.json"
        with open(path, "w") as file:
            json.dump(config, file, indent=1)
        return path

    def vector(self, name, config):
        return Process(self.directory, name, [self.options.vector, "--config", config])

    def sidecar(self, name):
        command = [self.options.logtriage, "serve-vector", "--config", self.triage]
        command += ["--listen", f"127.0.0.1:{LISTEN}", "--forward", f"127.0.0.1:{FORWARD}"]
        return Process(self.directory, name, command)


def file_source(path):
    return {"type": "file", "include": [path], "read_from": "beginning", "offset_key": "offset",
            "max_line_bytes": 16 << 20, "glob_minimum_cooldown_ms": 200}


def file_sink(path, codec="json"):
    return {"type": "file", "path": path, "encoding": {"codec": codec}}


def http_sink():
    return {"type": "http", "uri": f"http://127.0.0.1:{DOWNSTREAM}/", "encoding": {"codec": "json"},
            "framing": {"method": "newline_delimited"}, "acknowledgements": {"enabled": True},
            "batch": {"max_events": 100, "timeout_secs": 0.2},
            "request": {"concurrency": 4, "timeout_secs": 5, "retry_max_duration_secs": 2}}


def wait_for_port(port):
    for _ in range(300):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing listens at port {port}")


def wait_until(done, progress):
    """Until `done()`, or until `progress()` has not changed for long."""
    seen, since = None, time.monotonic()
    while not done() and time.monotonic() - since < PATIENCE:
        time.sleep(0.3)
        now = progress()
        if now != seen:
            seen, since = now, time.monotonic()


class Lines:
    """Counts the lines of a growing file."""

    def __init__(self, path):
        self.path, self.read, self.count = path, 0, 0

    def __call__(self):
        if os.path.exists(self.path):
            with open(self.path, "rb") as file:
                file.seek(self.read)
                while data := file.read(1 << 20):
                    self.read += len(data)
                    self.count += data.count(b"\n")
        return self.count


class Downstream:
    """An HTTP server that the http sink delivers to, which comes and goes and answers as it is told."""

    OFFSET, LABEL = re.compile(rb'"offset":(\d+)'), b'"triage":{"confidence":'

    def __init__(self):
        self.accepted, self.refused, self.times, self.unlabelled = set(), set(), 0, 0
        self.requests, self.pause, self.server, self.lock = 0, 0.1, None, threading.Lock()
        self.answer = lambda request: 200

    def open(self):
        downstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(downstream.pause)
                status = downstream.take(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", DOWNSTREAM), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, body):
        offsets = [int(offset) for offset in self.OFFSET.findall(body)]
        with self.lock:
            status = self.answer(self.requests)
            self.requests += 1
            if status == 200:
                self.accepted.update(offsets)
                self.times += len(offsets)
                self.unlabelled += len(offsets) - body.count(self.LABEL)
            elif status == 400:
                self.refused.update(offsets)
        return status

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

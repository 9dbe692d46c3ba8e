"""Events that try what can go wrong, from a fixed seed."""
import json
import os
import random

ODD = ["é", "€", "😀", "\u2028", "\ufeff", "\0", "\x01", "\x1f", "\x7f", '"', "\\", "/", "\t", "\r",
       "\uffff", "\ue0ff", " ", "<*>", "<ip>", "{}", "%s", "triage"]
MESSAGE_KEYS = ["log", "message", "MESSAGE", "msg", "body"]
NUMBERS = [0, -1, 1.5, -0.0, 1e300, 2**63, 2**64 - 1, -2**63, 0.1, 1e16, 5e-324,
           1.7976931348623155e308, 1.7976931348623157e308]
FORGED = [{"label": "HTTP Status", "tier": "rule", "confidence": 1}, {"label": "x"}, "x", None, [], 1]


class Maker:
    """Events from a fixed seed."""

    DEPTH = 60  # of the deepest arrays

    def __init__(self, lines):
        self.random = random.Random(4711)
        self.lines = lines

    def odd(self, most):
        return "".join(self.random.choice(ODD) for _ in range(self.random.randint(0, most)))

    def text(self):
        r = self.random
        line = r.choice(self.lines)
        at = r.randrange(len(line))
        long = line * 1000 if r.random() < 0.002 else line
        noise = "".join(chr(r.randint(0x20, 0x2FFF)) for _ in range(r.randint(0, 80)))
        punctuation = r.choice(["(((", '"""', "= = ", "::::", "//", "{"]) * r.randint(1, 60)
        return r.choice([line, line, long, line[:at] + self.odd(4) + line[at:], self.odd(30), noise, punctuation])

    def line(self):
        data = self.text().encode() if self.random.random() < 0.7 else self.random.randbytes(60)
        return data.replace(b"\n", b" ")

    def key(self):
        known = MESSAGE_KEYS + ["source", "kubernetes", "triage", "triage_input", "Triage"]
        return self.random.choice([self.random.choice(known), self.odd(2) + str(self.random.randint(0, 99))])

    def value(self, depth=0):
        r, kind = self.random, self.random.random()
        if kind < 0.4 or depth > 5:
            return self.text()
        if kind < 0.75:
            return r.choice(NUMBERS + [None, True, False, [], {}, ""])
        if kind < 0.87:
            return [self.value(depth + 1) for _ in range(r.randint(0, 4))]
        return {self.key(): self.value(depth + 1) for _ in range(r.randint(0, 4))}

    def record(self, number):
        """Pairs, so that keys may come twice."""
        r = self.random
        pairs = [(r.choice(MESSAGE_KEYS), self.text() if r.random() < 0.9 else self.value())]
        pairs += [(self.key(), self.value()) for _ in range(r.choice([0, 0, 1, 2, 5]))]
        if r.random() < 0.05:
            pairs.append(("triage", r.choice(FORGED)))
        if r.random() < 0.01:
            pairs += pairs
        if r.random() < 0.01:
            pairs.append(("deep", json.loads("[" * self.DEPTH + "]" * self.DEPTH)))
        if r.random() < 0.002:
            pairs.append(("big", 'x"\\é' * 60000))
        r.shuffle(pairs)
        return [("n", number)] + pairs


def sample():
    """The lines that the events are made of."""
    path = os.path.join(os.path.dirname(__file__), "../../configs/sample.log")
    with open(path, encoding="utf-8") as file:
        return [line for line in file.read().split("\n") if line]


def write_json(directory, maker, events):
    """records.jsonl: objects with their number in `n`; keys may come twice."""
    with open(f"{directory}/records.jsonl", "w") as file:
        for n in range(events):
            pairs = (f"{json.dumps(k)}:{json.dumps(v)}" for k, v in maker.record(n))
            file.write("{" + ",".join(pairs) + "}\n")

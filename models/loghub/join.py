#!/usr/bin/env python3
"""Labels the raw lines of Loghub's samples: labels.csv says which label each of their events has.

    models/loghub/join.py loghub/ > loghub.csv

The argument is a directory with Loghub's directories (Apache/Apache_2k.log and so on), of which those that
labels.csv knows are read. Writes CSV with the columns source, log_message, target_label.
"""

import csv
import sys
from pathlib import Path


def known_labels():
    with (Path(__file__).parent / "labels.csv").open(newline="") as file:
        return {(row["source"], row["event_id"]): row["target_label"] for row in csv.DictReader(file)}


def rows(directory, labels):
    """The lines stand in the order of the structured file, from LineId 1 on."""
    for source in sorted({source for source, _ in labels}):
        log = directory / source / f"{source}_2k.log"
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        with Path(f"{log}_structured.csv").open(encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.DictReader(file):
                line = lines[int(row["LineId"]) - 1].rstrip("\r")
                yield source, line, labels[source, row["EventId"]]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["source", "log_message", "target_label"])
    writer.writerows(rows(Path(sys.argv[1]), known_labels()))


if __name__ == "__main__":
    main()

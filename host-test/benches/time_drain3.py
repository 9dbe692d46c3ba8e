"""Times Drain3 (https://github.com/logpai/Drain3) on the lines of standard input.

Usage: time_drain3.py PASSES < lines. Trains on one pass, then matches PASSES passes and prints the
nanoseconds of those. With Drain3's default configuration, which masks nothing before it parses.
"""

import sys
import time

from drain3 import TemplateMiner


def main() -> None:
    passes = int(sys.argv[1])
    lines = sys.stdin.read().splitlines()
    miner = TemplateMiner()
    for line in lines:
        miner.add_log_message(line)
    began = time.perf_counter_ns()
    for _ in range(passes):
        for line in lines:
            miner.match(line)
    print(time.perf_counter_ns() - began)


main()

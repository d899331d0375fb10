#!/usr/bin/env python3
"""Ten times more requests than a server can answer, and 10,000 connections that say nothing.

usage: benchmarks/attacks/overload.py [--seconds 60] [--times 10] [--idle 10000] [--tokens 64] [--refused-ms 50] [--share 0.95]
Starts ./krait serve with places for 8 running and 16 waiting sequences. Measures the tokens per second of 8 streams, then sends --times as many
requests per second, whether or not answers come, for --seconds. Fails when fewer than --share of the tokens per second are left, a
request is neither answered nor refused by 429 or 503, the slowest 1 % of the refusals take more than --refused-ms, or places,
blocks, heap, threads or descriptors are not back. Then it opens --idle connections, waits, and asks an ordinary request. Standard library alone."""
import argparse, collections, os, resource, statistics, sys, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import attacks

RUNNING, WAITING = 8, 16


class Tally:
    def __init__(self):
        self.lock, self.statuses, self.tokens, self.refused, self.other = threading.Lock(), collections.Counter(), 0, [], []

    def add(self, status, tokens, seconds):
        with self.lock:
            self.statuses[status] += 1
            self.tokens += tokens
            if status in (429, 503):
                self.refused.append(1000 * seconds)


def ask(server, body, tally):
    start = time.perf_counter()
    try:
        status, _ = server.ask("POST", "/v1/completions", body, 120)
    except OSError as error:
        status = type(error).__name__
    tally.add(status, body["max_tokens"] if status == 200 else 0, time.perf_counter() - start)


def capacity(server, body, seconds):
    """Tokens and requests per second of as many streams as can run."""
    tally, end, threads = Tally(), time.perf_counter() + seconds, []

    def stream():
        while time.perf_counter() < end:
            ask(server, body, tally)

    start = time.perf_counter()
    for _ in range(RUNNING):
        threads.append(threading.Thread(target=stream))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return tally.tokens / (time.perf_counter() - start), tally.statuses[200] / (time.perf_counter() - start)


def overload(server, body, rate, seconds):
    """Sends requests at a rate; tokens per second until the last was sent."""
    tally, threads, start = Tally(), [], time.perf_counter()
    sent = 0
    while time.perf_counter() - start < seconds:
        due = int((time.perf_counter() - start) * rate)
        while sent < due:
            threads.append(threading.Thread(target=ask, args=(server, body, tally)))
            threads[-1].start()
            sent += 1
        time.sleep(0.005)
    tokens, spent = tally.tokens, time.perf_counter() - start
    for thread in threads:
        thread.join()
    return tally, tokens / spent, sent / spent


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def idle(server, count):
    """Opens connections that say nothing; an ordinary request must be answered meanwhile."""
    expected = server.complete()
    sockets = []
    try:
        for _ in range(count):
            sockets.append(server.connect())
        start = time.perf_counter()
        same = server.complete() == expected
        return same, 1000 * (time.perf_counter() - start)
    finally:
        for each in sockets:
            each.close()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--times", type=float, default=10)
    arguments.add_argument("--idle", type=int, default=10000)
    arguments.add_argument("--tokens", type=int, default=64)
    arguments.add_argument("--refused-ms", type=float, default=50)
    arguments.add_argument("--share", type=float, default=0.95)
    options = arguments.parse_args()
    limit = options.idle + 2000
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    body = {"prompt": "Once upon a time", "max_tokens": options.tokens, "temperature": 0, "ignore_eos": True}
    failures = []
    with tempfile.NamedTemporaryFile("w", prefix="overload", suffix=".log", delete=False) as log:
        server = attacks.Server(log, "--max-sequences", str(RUNNING), "--max-waiting", str(WAITING), "--client-share", "100",
                                descriptors=limit)
        try:
            capacity(server, body, 20)
            tokens, requests = capacity(server, body, options.seconds / 2)
            before = server.footprint()
            tally, under, rate = overload(server, body, options.times * requests, options.seconds)
            after_tokens, _ = capacity(server, body, options.seconds / 2)
            usual = (tokens + after_tokens) / 2
            p50, p99 = quantile(tally.refused, 0.5), quantile(tally.refused, 0.99)
            print(f"alone {usual:.0f} tokens/s ({requests:.1f} requests/s); at {rate:.0f} requests/s {under:.0f} tokens/s, {under / usual:.2f} of it")
            print(f"answers {dict(tally.statuses)}; refused after {p50:.1f} ms, p99 {p99:.1f} ms")
            if under < options.share * usual:
                failures.append("throughput")
            if p99 > options.refused_ms:
                failures.append("refusals")
            if set(tally.statuses) - {200, 429, 503}:
                failures.append("answers")
            end = time.time() + 30
            while server.busy() > 0 and time.time() < end:
                time.sleep(0.2)
            time.sleep(5)
            after = server.footprint()
            print("heap in MiB, threads, descriptors:", before, "before,", after, "after")
            if server.busy() > 0 or any(now > then + 20 for then, now in zip(before, after)):
                failures.append("leak")
            same, millis = idle(server, options.idle)
            print(f"{options.idle} idle connections: an ordinary request took {millis:.0f} ms, {'the same' if same else 'another'} text")
            if not same:
                failures.append("idle")
        finally:
            server.process.terminate()
            if server.process.wait(60) != 0:
                failures.append("exit")
    print("failed: " + ", ".join(failures) if failures else "passed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What it costs when equal prompts arrive together: two checkouts, two servers, in turn.

usage: benchmarks/equal_prompts.py --other CHECKOUT [--rounds 10] [--tokens 1500] [--prompts 8] [--json FILE] [SERVE FLAGS]
Flags that it does not know are the servers'. Sends a prompt of random tokens, with eight tokens to generate, in three ways: one request;
`--prompts` equal requests at once, each with a seed of its own; one request with that `n`. Prints the medians of the milliseconds until
the last answer and of the prompt tokens that were computed, and fails when texts differ. Standard library alone."""
import argparse, json, os, random, re, statistics, sys, time, urllib.request
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import speculation

WAYS = ("one", "together", "n")
WARM_UP = 12


def complete(server, ids, seed, n=1):
    """Texts of one request."""
    body = {"prompt": ids, "max_tokens": 8, "temperature": 0.7, "seed": seed, "n": n, "ignore_eos": True}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return [choice["text"] for choice in json.loads(answer.read())["choices"]]


def computed(server):
    return sum(float(value) for value in re.findall(
        r'^vllm:prompt_tokens_by_source_total\{[^}]*source="local_compute"[^}]*\} (\S+)$', server.get("/metrics"), re.M))


def measure(server, way, ids, count):
    """Milliseconds, tokens computed and texts."""
    before, start = computed(server), time.perf_counter()
    if way == "together":
        with ThreadPoolExecutor(count) as pool:
            texts = [text for job in [pool.submit(complete, server, ids, seed) for seed in range(count)] for text in job.result()]
    else:
        texts = complete(server, ids, 0, count if way == "n" else 1)
    millis = 1000 * (time.perf_counter() - start)
    return millis, computed(server) - before, texts


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--other", required=True)
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--tokens", type=int, default=1500)
    arguments.add_argument("--prompts", type=int, default=8)
    arguments.add_argument("--json")
    options, flags = arguments.parse_known_args()
    servers = {}
    try:
        for name, home in (("this", speculation.HOME), ("other", os.path.abspath(options.other))):
            speculation.HOME = home
            servers[name] = speculation.Server(*flags)
        dice = random.Random(1)
        cells = {(way, name): [] for way in WAYS for name in servers}
        for i in range(WARM_UP + options.rounds):
            for way in WAYS:
                ids = [dice.randrange(5, 4000) for _ in range(options.tokens if i >= WARM_UP else 200)]
                rows = {name: measure(servers[name], way, ids, options.prompts) for name in sorted(servers, reverse=i % 2 == 1)}
                if rows["this"][2] != rows["other"][2]:
                    sys.exit(f"texts differ, {way}: {rows}")
                if i >= WARM_UP:
                    for name, row in rows.items():
                        cells[way, name].append(row[:2])
    finally:
        for server in servers.values():
            server.close()
    rows = [{"way": way, "server": name, "ms": statistics.median(row[0] for row in cells[way, name]),
             "computed": statistics.median(row[1] for row in cells[way, name])} for way in WAYS for name in servers]
    for row in rows:
        print("%-9s %-6s %9.1f ms %8d tokens computed" % (row["way"], row["server"], row["ms"], row["computed"]))
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"rounds": options.rounds, "tokens": options.tokens, "prompts": options.prompts,
                       "processors": os.cpu_count(), "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()

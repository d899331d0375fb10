#!/usr/bin/env python3
"""What the prefix cache saves and costs, through HTTP: two servers, with and without, in turn.

usage: benchmarks/prefix_cache.py [--rounds 20] [--lengths 40,90,200,500,1500] [--json FILE] [SERVE FLAGS]
Flags that it does not know are the servers'; without --model DIR they serve the shipped model.
Sends prompts of random tokens with one token to generate, each twice in a row to both servers, and prints the medians in milliseconds:
the first time (with the cache that includes the step for the snapshot), the second time, and how many tokens were found.
Both servers must give the same text. Standard library alone."""
import argparse, http.client, json, os, random, statistics, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from speculation import Server

WARM_UP = 60


def complete(server, ids):
    """Milliseconds until the answer, tokens found, and the text."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    body = json.dumps({"prompt": ids, "max_tokens": 1, "temperature": 0})
    start = time.perf_counter()
    connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    millis = 1000 * (time.perf_counter() - start)
    connection.close()
    return millis, answer["usage"]["prompt_tokens_details"]["cached_tokens"], answer["choices"][0]["text"]


def prompt(dice, length):
    return [dice.randrange(5, 4000) for _ in range(length)]


def measure(servers, length, rounds, dice):
    times = {(name, again): [] for name in servers for again in (False, True)}
    found = 0
    for i in range(rounds):
        ids = prompt(dice, length)
        texts = set()
        for name in sorted(servers, reverse=i % 2 == 1):
            for again in (False, True):
                millis, cached, text = complete(servers[name], ids)
                times[name, again].append(millis)
                texts.add(text)
                if name == "on" and again:
                    found = cached
        if len(texts) != 1:
            sys.exit(f"texts differ for a prompt of {length} tokens: {sorted(texts)}")
    row = {"prompt_tokens": length, "found": found}
    for (name, again), values in times.items():
        row[name + ("_again" if again else "_first")] = statistics.median(values)
    return row


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--lengths", default="40,90,200,500,1500")
    arguments.add_argument("--json")
    options, flags = arguments.parse_known_args()
    servers = {"on": Server(*flags), "off": Server("--prefix-caching", "off", *flags)}
    try:
        dice = random.Random(1)
        for _ in range(WARM_UP):
            for server in servers.values():
                complete(server, prompt(dice, 300))
        rows = [measure(servers, int(length), options.rounds, dice) for length in options.lengths.split(",")]
    finally:
        for server in servers.values():
            server.close()
    print("%7s %9s %12s %12s %12s %12s" % ("tokens", "found", "first, on", "first, off", "again, on", "again, off"))
    for row in rows:
        print("%7d %9d %9.1f ms %9.1f ms %9.1f ms %9.1f ms" % (
            row["prompt_tokens"], row["found"], row["on_first"], row["off_first"], row["on_again"], row["off_again"]))
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"rounds": options.rounds, "processors": os.cpu_count(), "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Time to first token over the turns of a conversation, through HTTP: two servers, with and without kept prefixes, in turn.

usage: benchmarks/conversation.py [--turns 10] [--first 200] [--message 20] [--tokens 100] [--rounds 5] [--json FILE] [SERVE FLAGS]
Flags that it does not know are the servers'; without --model DIR they serve the shipped model.
Each turn sends the whole conversation to /v1/completions as token ids, ends with a message of random tokens, and streams a reply of so many
tokens. Prints, for each turn, the tokens of the prompt, how many of them were found and computed, and the median milliseconds to the first
token of both servers. Both must give the same tokens. Standard library alone."""
import argparse, http.client, json, os, random, statistics, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from speculation import Server

def reply(server, ids, tokens):
    """Milliseconds to the first token, the tokens, and the usage."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    body = {"prompt": ids, "max_tokens": tokens, "temperature": 0, "ignore_eos": True, "stream": True, "return_token_ids": True,
            "stream_options": {"include_usage": True}}
    start = time.perf_counter()
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"status {answer.status}: {answer.read()[:300]!r}")
    first, said, usage = None, [], None
    for line in answer:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        for choice in event["choices"]:
            if choice.get("token_ids") and first is None:
                first = 1000 * (time.perf_counter() - start)
            said += choice.get("token_ids") or []
        usage = event.get("usage") or usage
    connection.close()
    return first, said, usage


def converse(servers, options, number):
    dice = random.Random(number)
    rows, ids = [], [dice.randrange(5, 4000) for _ in range(options.first)]
    for turn in range(options.turns):
        row, replies = {}, {}
        for name in sorted(servers, reverse=(turn + number) % 2 == 1):
            row[name], replies[name], usage = reply(servers[name], ids, options.tokens)
            if name == "on":
                row["prompt"] = usage["prompt_tokens"]
                row["found"] = usage["prompt_tokens_details"]["cached_tokens"]
        if replies["on"] != replies["off"]:
            sys.exit(f"tokens differ in turn {turn}: {replies}")
        ids = ids + replies["on"] + [dice.randrange(5, 4000) for _ in range(options.message)]
        rows.append(row)
    return rows


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--turns", type=int, default=10)
    arguments.add_argument("--first", type=int, default=200, help="tokens of the first message")
    arguments.add_argument("--message", type=int, default=20, help="tokens of the others")
    arguments.add_argument("--tokens", type=int, default=100, help="tokens of a reply")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json")
    options, flags = arguments.parse_known_args()
    servers = {"on": Server(*flags), "off": Server("--prefix-caching", "off", *flags)}
    try:
        converse(servers, options, 0)
        conversations = [converse(servers, options, 1 + i) for i in range(options.rounds)]
    finally:
        for server in servers.values():
            server.close()
    rows = [{key: statistics.median(c[turn][key] for c in conversations) for key in ("prompt", "found", "on", "off")}
            for turn in range(options.turns)]
    print("%5s %7s %7s %9s %14s %14s" % ("turn", "prompt", "found", "computed", "first, kept", "first, not"))
    for turn, row in enumerate(rows):
        print("%5d %7d %7d %9d %11.1f ms %11.1f ms" % (turn + 1, row["prompt"], row["found"], row["prompt"] - row["found"], row["on"], row["off"]))
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"options": vars(options), "flags": flags, "processors": os.cpu_count(), "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()

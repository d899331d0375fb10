#!/usr/bin/env python3
"""Answers of the shipped model that keep to schemas: are they all valid, and what does a constraint cost?

usage: benchmarks/structured.py --sample maskbench-sample.jsonl.gz [--count 500] [--tokens 128] [--streams 4] [--json FILE]
Asks two servers, one that drafts and one that does not, for an answer to each schema, greedy and at temperature 0.7, and judges it by the
package jsonschema. Counts apart: schemas that are refused, answers cut by --tokens. The plain text of as many tokens is the price without a
constraint, from requests one at a time. Prints a line for each answer that is no JSON or not valid, then a table; fails when there is one.
Needs the package jsonschema."""
import argparse, gzip, json, os, sys, time, urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import speculation

PROMPT = "Tell me a story about a snake as JSON."


def ask(server, body):
    """Status, and the answer or the error."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return 200, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["error"]["message"]


def body(temperature, seed, tokens, schema=None):
    asked = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": tokens, "temperature": temperature, "seed": seed}
    if schema is not None:
        asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return asked


def judge(row, text):
    """What is wrong with an answer, or nothing."""
    try:
        value = json.loads(text)
    except ValueError as error:
        return f"no JSON: {error}"
    kind = jsonschema.validators.validator_for(row["schema"], default=jsonschema.Draft202012Validator)
    error = jsonschema.exceptions.best_match(kind(row["schema"]).iter_errors(value))
    return error and f"not valid: {error.message[:200]}"


def answers(server, rows, temperature, options):
    """Counts of outcomes; prints what is wrong."""
    counts = {"valid": 0, "wrong": 0, "cut": 0, "refused": 0, "tokens": 0}

    def one(numbered):
        seed, row = numbered
        status, answer = ask(server, body(temperature, seed, options.tokens, row["schema"]))
        if status != 200:
            return row, "refused" if status == 400 else "wrong", answer, 0
        choice, spent = answer["choices"][0], answer["usage"]["completion_tokens"]
        if choice["finish_reason"] == "length":
            return row, "cut", "", spent
        wrong = judge(row, choice["message"]["content"])
        return row, "wrong" if wrong else "valid", f"{wrong}: {choice['message']['content'][:300]}", spent

    with ThreadPoolExecutor(options.streams) as pool:
        for row, outcome, text, spent in pool.map(one, enumerate(rows)):
            counts[outcome] += 1
            counts["tokens"] += spent
            if outcome == "wrong":
                print(row["name"], temperature, text, flush=True)
    return counts


def cost(server, rows, options):
    """Milliseconds a token, greedy and one request at a time: with the constraint, and without it for as many tokens."""
    with_, without, tokens = 0, 0, 0
    for seed, row in enumerate(rows):
        start = time.perf_counter()
        status, answer = ask(server, body(0, seed, options.tokens, row["schema"]))
        spent = time.perf_counter() - start
        if status != 200:
            continue
        count = answer["usage"]["completion_tokens"]
        plain = dict(body(0, seed, count), ignore_eos=True)
        start = time.perf_counter()
        ask(server, plain)
        without += time.perf_counter() - start
        with_ += spent
        tokens += count
    return {"tokens": tokens, "with_ms": 1000 * with_ / max(1, tokens), "without_ms": 1000 * without / max(1, tokens)}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sample", required=True)
    arguments.add_argument("--count", type=int, default=500)
    arguments.add_argument("--tokens", type=int, default=128)
    arguments.add_argument("--streams", type=int, default=4)
    arguments.add_argument("--timed", type=int, default=60, help="schemas for the cost of a token")
    arguments.add_argument("--json")
    options = arguments.parse_args()
    with gzip.open(options.sample, "rt") as lines:
        rows = [json.loads(line) for line in lines][:options.count]
    table, wrong = [], 0
    for name, flags in (("drafts", ()), ("plain", ("--speculation", "off"))):
        server = speculation.Server(*flags)
        try:
            for temperature in (0, 0.7):
                counts = answers(server, rows, temperature, options)
                table.append({"server": name, "temperature": temperature, **counts})
                print(table[-1], flush=True)
                wrong += counts["wrong"]
            table.append({"server": name, "cost": cost(server, rows[:options.timed], options)})
            print(table[-1], flush=True)
        finally:
            server.close()
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"schemas": len(rows), "max_tokens": options.tokens, "processors": os.cpu_count(), "rows": table}, f, indent=1)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Plain decoding against speculation on the shipped pair, through HTTP: two servers side by side, measured in turn.

usage: benchmarks/speculation.py [--servers 5] [--rounds 8] [--control] [--json FILE]
Prints, for greedy and temperature 0.7 and for 1, 4 and 16 requests at once: tokens per second of both, their ratio (median over
rounds, each round pairs the two), the same for each pair of servers, tokens per iteration and acceptance by position. Several pairs
are started one after the other, since two processes of the same program differ for as long as they live. Standard library alone."""
import argparse, json, os, re, socket, statistics, subprocess, sys, time, urllib.request
from concurrent.futures import ThreadPoolExecutor

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKENS = 200
BATCHES = (1, 4, 16)
PROMPTS = ["Tell me a short story about a brave rabbit named Lily.", "What is the moon?",
           "Write a short story with a happy ending about a bear and a golden key.", "Why do birds sing in the morning?",
           "Tell me about a little boat that was afraid of the sea.", "How does a seed become a tree?",
           "Write a story about two friends who find a map.", "What do bees do all day?"]


class Server:
    def __init__(self, *flags):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = subprocess.Popen([os.path.join(HOME, "krait"), "serve", "--port", str(self.port), "--grpc-port", "0", *flags],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1200):
            try:
                self.get("/health")
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("the server did not become ready")

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as r:
            return r.read().decode()

    def chat(self, prompt, temperature, seed):
        body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": TOKENS, "temperature": temperature, "seed": seed,
                "top_p": 0.95 if temperature else 1, "ignore_eos": True}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as r:
            return json.loads(r.read())["usage"]["completion_tokens"]

    def round(self, batch, temperature, seed):
        """Tokens per second of `batch` requests sent at once."""
        with ThreadPoolExecutor(batch) as pool:
            start = time.perf_counter()
            jobs = [pool.submit(self.chat, PROMPTS[(seed + i) % len(PROMPTS)], temperature, seed + i) for i in range(batch)]
            tokens = sum(job.result() for job in jobs)
            return tokens / (time.perf_counter() - start)

    def counters(self):
        text, out = self.get("/metrics"), {}
        for name, labels, value in re.findall(r"^(vllm:spec_decode_num_\w+_total)(\{[^}]*\})? (\S+)$", text, re.M):
            position = re.search(r'position="(\d+)"', labels or "")
            out[(name, int(position.group(1)) if position else None)] = float(value)
        return out

    def close(self):
        self.process.terminate()
        self.process.wait(30)


def difference(before, after, name, position=None):
    return after.get((name, position), 0) - before.get((name, position), 0)


def warm(servers):
    """Until most of the servers' code is compiled: a compiler takes its time from the same cores."""
    for seed in range(64):
        for server in servers:
            server.round(BATCHES[seed % 3], 0.7 * (seed % 2), seed)


def measure_pair(plain, drafting, rounds, cells):
    """Adds the rounds of one pair of servers to `cells`, which take turns in going first."""
    warm((plain, drafting))
    for (temperature, batch), cell in cells.items():
        before, pairs = drafting.counters(), []
        for seed in range(rounds):
            rates = {}
            for server in ((plain, drafting), (drafting, plain))[seed % 2]:
                rates[server] = server.round(batch, temperature, seed)
            pairs.append((rates[plain], rates[drafting]))
        after = drafting.counters()
        cell["pairs"].append(pairs)
        for key in ("drafts", "accepted_tokens", "draft_tokens"):
            cell[key] += difference(before, after, f"vllm:spec_decode_num_{key}_total")
        for i in range(16):
            cell["per_position"][i] += difference(before, after, "vllm:spec_decode_num_accepted_tokens_per_pos_total", i)


def row_of(temperature, batch, cell):
    rounds, drafts = [r for pairs in cell["pairs"] for r in pairs], cell["drafts"]
    return {"temperature": temperature, "batch": batch, "plain_tokens_per_second": statistics.median(p for p, _ in rounds),
            "drafted_tokens_per_second": statistics.median(d for _, d in rounds),
            "ratio": statistics.median(d / p for p, d in rounds),
            "ratio_by_servers": [statistics.median(d / p for p, d in pairs) for pairs in cell["pairs"]],
            "tokens_per_iteration": 1 + cell["accepted_tokens"] / drafts if drafts else 1.0, "rounds_with_drafts": drafts,
            "drafted_tokens": cell["draft_tokens"], "accepted_tokens": cell["accepted_tokens"],
            "acceptance_by_position": [a / drafts for a in cell["per_position"] if a] if drafts else []}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--servers", type=int, default=5, help="pairs of servers, started one after the other")
    arguments.add_argument("--rounds", type=int, default=8)
    arguments.add_argument("--control", action="store_true", help="plain against plain: what the machine's noise is")
    arguments.add_argument("--json")
    options = arguments.parse_args()
    cells = {(temperature, batch): {"pairs": [], "drafts": 0, "accepted_tokens": 0, "draft_tokens": 0, "per_position": [0] * 16}
             for temperature in (0, 0.7) for batch in BATCHES}
    for pair in range(options.servers):
        kinds = ["off", "off" if options.control else "draft"]
        started = [Server("--speculation", kind) for kind in (kinds, kinds[::-1])[pair % 2]]
        plain, drafting = started[::-1] if pair % 2 else started
        try:
            measure_pair(plain, drafting, options.rounds, cells)
        finally:
            plain.close()
            drafting.close()
    rows = [row_of(temperature, batch, cell) for (temperature, batch), cell in cells.items()]
    print("%-12s %5s %12s %12s %7s %-26s %10s  %s" % ("temperature", "batch", "plain tok/s", "drafted", "ratio", "by servers", "tok/iter",
                                                  "acceptance by position"))
    for row in rows:
        print("%-12s %5d %12.0f %12.0f %7.2f %-26s %10.2f  %s" % (
            row["temperature"], row["batch"], row["plain_tokens_per_second"], row["drafted_tokens_per_second"], row["ratio"],
            " ".join("%.2f" % r for r in row["ratio_by_servers"]), row["tokens_per_iteration"],
            " ".join("%.2f" % a for a in row["acceptance_by_position"])))
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"tokens": TOKENS, "servers": options.servers, "rounds": options.rounds, "control": options.control,
                       "processors": os.cpu_count(), "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Plain decoding against speculation on the shipped pair, through HTTP: two servers side by side, measured in turn.

usage: benchmarks/speculation.py [--rounds 5] [--json FILE]
Prints, for greedy and temperature 0.7 and for 1, 4 and 16 requests at once: tokens per second of both, their ratio (median over
rounds, each round pairs the two), tokens per iteration and acceptance by position. Standard library alone."""
import argparse, json, os, re, socket, statistics, subprocess, sys, time, urllib.request
from concurrent.futures import ThreadPoolExecutor

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKENS = 200
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


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json")
    options = arguments.parse_args()
    plain, drafting = Server("--speculation", "off"), Server("--speculation", "draft")
    rows = []
    try:
        for server in (plain, drafting):
            for seed in range(6):
                server.round(1 + 5 * (seed % 2), 0.7 * (seed % 2), seed)
        print("%-12s %5s %12s %12s %7s %10s  %s" % ("temperature", "batch", "plain tok/s", "drafted", "ratio", "tok/iter", "acceptance by position"))
        for temperature in (0, 0.7):
            for batch in (1, 4, 16):
                for server in (plain, drafting):
                    server.round(batch, temperature, 99)
                before, pairs = drafting.counters(), []
                for seed in range(options.rounds):
                    pairs.append((plain.round(batch, temperature, seed), drafting.round(batch, temperature, seed)))
                after = drafting.counters()
                drafts = difference(before, after, "vllm:spec_decode_num_drafts_total")
                accepted = difference(before, after, "vllm:spec_decode_num_accepted_tokens_total")
                drafted = difference(before, after, "vllm:spec_decode_num_draft_tokens_total")
                per_position = [difference(before, after, "vllm:spec_decode_num_accepted_tokens_per_pos_total", i) for i in range(16)]
                row = {"temperature": temperature, "batch": batch, "plain_tokens_per_second": statistics.median(p for p, _ in pairs),
                       "drafted_tokens_per_second": statistics.median(d for _, d in pairs),
                       "ratio": statistics.median(d / p for p, d in pairs),
                       "tokens_per_iteration": 1 + accepted / drafts if drafts else 1.0, "rounds_with_drafts": drafts,
                       "drafted_tokens": drafted, "accepted_tokens": accepted,
                       "acceptance_by_position": [a / drafts for a in per_position if a] if drafts else []}
                rows.append(row)
                print("%-12s %5d %12.0f %12.0f %7.2f %10.2f  %s" % (temperature, batch, row["plain_tokens_per_second"],
                      row["drafted_tokens_per_second"], row["ratio"], row["tokens_per_iteration"],
                      " ".join("%.2f" % a for a in row["acceptance_by_position"])), flush=True)
    finally:
        plain.close()
        drafting.close()
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"tokens": TOKENS, "rounds": options.rounds, "processors": os.cpu_count(), "rows": rows}, f, indent=1)


main()

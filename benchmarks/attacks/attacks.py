#!/usr/bin/env python3
"""Attacks on a server, one kind after another, each bounded in count and time: does it go on answering?

usage: benchmarks/attacks/attacks.py [--soak MINUTES] [--clients N] [--only NAME,...] [--health SECONDS] [--serve "FLAGS"]
Starts ./krait serve with 1 GiB of heap, small caches and 700 file descriptors on free ports of the
loopback interface. With --soak it first sends streams and whole answers of up to 1,900 tokens for that long, with drafts of four tokens and caches
for about two of the longest, and hangs up on one in five; it fails when nothing was drafted or preempted. A client that gives up by itself after 300 s
counts as "late" when the server produced tokens meanwhile, as "wrong" otherwise.
Meanwhile /health is asked every 0.1 s and must answer within --health seconds (default 1; a machine that does other work needs more).
After each attack an ordinary request must get the text of a quiet server; at the end places, blocks and slots must be free, heap, threads
and descriptors back, and SIGTERM must end the server with 0. Prints a line for each and exits with 1 if one failed. Standard library alone."""
import argparse, contextlib, http.client, json, os, random, re, resource, signal, socket, struct, subprocess, sys, tempfile, threading, time

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BODY = 4 << 20
QUIET = {"prompt": "Once upon a time", "max_tokens": 20, "temperature": 0}
LONG = {"prompt": "Once", "max_tokens": 400, "ignore_eos": True, "stream": True}
LONGEST = {"prompt": "Once upon a time", "max_tokens": 1500, "ignore_eos": True, "temperature": 0}
PATIENCE = 300


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, log, *flags, descriptors=700):
        self.port, self.grpc, self.log = free_port(), free_port(), log
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KRAIT_")}
        environment["KRAIT_JAVA_OPTIONS"] = "-Xmx1g"
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.process = subprocess.Popen([os.path.join(HOME, "krait"), "serve", "--port", str(self.port), "--grpc-port", str(self.grpc), *flags],
                                        stdout=log, stderr=subprocess.STDOUT, env=environment, preexec_fn=limit)
        end = time.time() + 400
        while time.time() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if self.ask("GET", "/health")[0] == 200:
                    return
            time.sleep(0.2)
        self.process.kill()
        sys.exit("the server did not become ready; its output: " + log.name)

    def ask(self, method, path, body=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def complete(self, body=QUIET, timeout=60):
        status, data = self.ask("POST", "/v1/completions", body, timeout)
        return json.loads(data)["choices"][0]["text"] if status == 200 else f"status {status}"

    def connect(self, grpc=False, receive=None):
        s = socket.socket()
        if receive:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        s.settimeout(10)
        s.connect(("127.0.0.1", self.grpc if grpc else self.port))
        return s

    def send(self, body, path="/v1/completions", receive=None):
        data = json.dumps(body).encode()
        s = self.connect(receive=receive)
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        return s

    def metric(self, name):
        text = self.ask("GET", "/metrics")[1].decode()
        return sum(float(v) for v in re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)", text, re.M))

    def busy(self):
        names = ("vllm:num_requests_running", "vllm:num_requests_waiting", "krait:kv_blocks_used", "krait:state_slots_used")
        return json.loads(self.ask("GET", "/load")[1])["server_load"] + sum(self.metric(name) for name in names)

    def idle(self, seconds=90):
        end = time.time() + seconds
        while self.busy() and time.time() < end:
            time.sleep(0.5)
        return self.busy() == 0

    def footprint(self):
        """Live heap in MiB, threads, descriptors."""
        pid = str(self.process.pid)
        tool = os.path.join(os.path.dirname(os.path.realpath(f"/proc/{pid}/exe")), "jcmd")
        subprocess.run([tool, pid, "GC.run"], capture_output=True, timeout=60)
        heap = subprocess.run([tool, pid, "GC.heap_info"], capture_output=True, text=True, timeout=60).stdout
        used = re.search(r"used (\d+)K", heap)
        with open(f"/proc/{pid}/status") as status:
            threads = int(re.search(r"Threads:\s+(\d+)", status.read()).group(1))
        return int(used.group(1)) // 1024 if used else 0, threads, len(os.listdir(f"/proc/{pid}/fd"))


class Health(threading.Thread):
    """Asks /health until it is stopped; keeps the longest answer of each attack."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.worst, self.failed, self.on = server, 0.0, 0, True

    def run(self):
        while self.on:
            start = time.time()
            try:
                self.failed += self.server.ask("GET", "/health")[0] != 200
            except OSError:
                self.failed += 1
            self.worst = max(self.worst, time.time() - start)
            time.sleep(0.1)

    def take(self):
        taken, self.worst, self.failed = (self.worst, self.failed), 0.0, 0
        return taken


def together(count, work):
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def quietly(call, *arguments, **named):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return call(*arguments, **named)


def bodies(server):
    "F1: 200 connections hold a body of 4 MiB less its last byte, for 10 s"
    head = f"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n\r\n".encode()
    held = []

    def hold(_):
        s = quietly(server.connect)
        if s:
            held.append(s)
            quietly(s.sendall, head + b" " * (BODY - 1))
    together(200, hold)
    time.sleep(10)
    for s in held:
        s.close()


def stop_strings(server):
    "F2: nine requests of 128 sequences with a stop string of 3.9 MB"
    answers = {quietly(server.ask, "POST", "/v1/completions", {"prompt": "a", "n": 128, "max_tokens": 4, "stop": "a" * 3_900_000}) for _ in range(9)}
    assert {a and a[0] for a in answers} == {400}, answers


def texts(server):
    "F3: six texts of 4 MiB at once, of one word, spaces, words, and the same to be truncated; 40 bodies of 1.39 million lists"
    for text in ("a" * (BODY - 100), " " * (BODY - 100), "once upon a time " * 246_000):
        together(6, lambda _: quietly(server.ask, "POST", "/tokenize", {"prompt": text}))
        together(6, lambda _: quietly(server.ask, "POST", "/v1/completions", {"prompt": text[:-100], "truncate_prompt_tokens": 10, "max_tokens": 1}))
    lists = b'{"prompt":"x","max_tokens":1,"metadata":[' + b",".join([b"[]"] * 1_390_000) + b"]}"
    together(40, lambda _: quietly(server.ask, "POST", "/v1/completions", lists, 60))


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(text):
    return bytes([len(text)]) + text.encode()


HEAD = b"".join(b"\0" + literal(k) + literal(v) for k, v in {
    ":method": "POST", ":scheme": "http", ":path": "/krait.inference.v1.InferenceService/Generate", ":authority": "localhost",
    "te": "trailers", "content-type": "application/grpc"}.items())


def calls(server, message, count, window):
    """A gRPC connection that makes calls of Generate and grants no more than a window for what comes back; headers as HPACK literals."""
    s = server.connect(grpc=True)
    s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, window)))
    data = b"\0" + struct.pack(">I", len(message)) + message
    for i in range(count):
        quietly(s.sendall, frame(1, 4, 2 * i + 1, HEAD) + frame(0, 1, 2 * i + 1, data))
    return s


def unfinished(server, count, length):
    """A gRPC connection whose calls each send a message but for its last byte, as fast as the server takes them; ends when nothing moves for 5 s."""
    s = calls(server, b"", 0, 65_535)
    for i in range(count):
        s.sendall(frame(1, 4, 2 * i + 1, HEAD))
    initial, windows, left, got, moved = 65_535, dict.fromkeys(range(1, 2 * count, 2), 65_535) | {0: 65_535}, dict.fromkeys(range(1, 2 * count, 2), length + 4), b"", time.time()
    s.settimeout(0.01)
    while any(left.values()) and time.time() - moved < 5:
        with contextlib.suppress(socket.timeout):
            data = s.recv(65_536)
            got += data
            if not data:
                return s
        while len(got) >= 9 and len(got) >= 9 + int.from_bytes(got[:3], "big"):
            size, kind, flags, stream = int.from_bytes(got[:3], "big"), got[3], got[4], int.from_bytes(got[5:9], "big")
            payload, got = got[9:9 + size], got[9 + size:]
            if kind == 8:
                windows[stream] = windows.get(stream, 0) + int.from_bytes(payload, "big")
            elif kind == 4 and not flags & 1:
                for at in range(0, size, 6):
                    if payload[at:at + 2] == b"\0\4":
                        value = int.from_bytes(payload[at + 2:at + 6], "big")
                        windows = {k: w + (value - initial if k else 0) for k, w in windows.items()}
                        initial = value
            elif kind == 3 or kind == 1 and flags & 1:
                left[stream] = 0
        for stream, rest in left.items():
            more = min(rest, 16_000, windows[0], windows[stream])
            if more > 0:
                start = struct.pack(">BI", 0, length) if rest == length + 4 else b""
                s.settimeout(10)
                s.sendall(frame(0, 0, stream, start + bytes(more - len(start))))
                s.settimeout(0.01)
                left[stream], windows[0], windows[stream], moved = rest - more, windows[0] - more, windows[stream] - more, time.time()
    return s


def grpc_bodies(server):
    "F1 over gRPC: three connections of 100 calls hold a message of 4 MiB less its last byte, for 10 s"
    held = []
    together(3, lambda _: held.append(quietly(unfinished, server, 100, BODY)))
    time.sleep(10)
    for s in held:
        if s:
            s.close()


def grpc_unread(server):
    "F4: eleven gRPC connections of 100 calls that never read, for 10 s; then ordinary requests meanwhile"
    message = b"\x0a\x04Once" + b"\x10\x78" + b"\x32\x02\x20\x01"
    held = [calls(server, message, 100, 0) for _ in range(11)]
    time.sleep(10)
    for s in held:
        s.close()


def patterns(server):
    "F5: a tokenizer.json whose regular expression backtracks without end does not start"
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(os.path.join(HOME, "models/krait-tiny")):
            os.symlink(os.path.join(HOME, "models/krait-tiny", name), os.path.join(folder, name))
        path = os.path.join(folder, "tokenizer.json")
        with open(path) as file:
            tokenizer = json.load(file)
        os.remove(path)
        tokenizer["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": r"(\w+\s?)+$"}, "behavior": "Isolated", "invert": False}
        with open(path, "w") as file:
            json.dump(tokenizer, file)
        ended = subprocess.run([os.path.join(HOME, "krait"), "serve", folder, "--port", "0", "--grpc-port", "0", "--cache-memory", "16MiB"],
                               env={**os.environ, "KRAIT_JAVA_OPTIONS": "-Xmx512m"}, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 1 and "repetition" in ended.stderr, (ended.returncode, ended.stderr[-300:])


def priorities(server):
    "M1: a priority of its own is refused"
    status, _ = server.ask("POST", "/v1/completions", {**QUIET, "priority": -1})
    assert status == 400, status


def unread(server):
    "M2: eight streams of 64 sequences and log-probabilities that nobody reads, for 10 s; another request meanwhile"
    held = [server.send({**LONG, "n": 64, "max_tokens": 60, "logprobs": 20}, receive=4096) for _ in range(8)]
    time.sleep(10)
    for s in held:
        s.close()


def identifiers(server):
    "M3: request_id of 3.9 MB, and one that forges a line of the log"
    for name in ("i" * 3_900_000, "x\n12:00:00 ERROR forged"):
        status, _ = server.ask("POST", "/v1/completions", {**QUIET, "request_id": name})
        assert status == 400, status


def damaged(server):
    "M4: 2,000 damaged gRPC messages leave no stack traces in the log"
    dice, before = random.Random(5), os.path.getsize(server.log.name)
    for _ in range(20):
        s = calls(server, dice.randbytes(dice.randrange(1, 60)), 100, 65535)
        time.sleep(0.1)
        s.close()
    grown = os.path.getsize(server.log.name) - before
    assert grown < 100_000, f"{grown} bytes of log"


def connections(server):
    "M10: 800 idle connections of gRPC and 800 of HTTP against 700 descriptors"
    held = []
    for i in range(1600):
        s = quietly(server.connect, i < 800)
        if s:
            held.append(s)
    time.sleep(3)
    assert server.complete({**QUIET, "max_tokens": 1}, 10) is not None
    for s in held:
        s.close()


ATTACKS = {a.__name__: a for a in (bodies, stop_strings, texts, grpc_unread, grpc_bodies, patterns, priorities, unread, identifiers, damaged, connections)}


class Progress(threading.Thread):
    """Keeps how many tokens the server has produced, every 2 s."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.on, self.seen = server, True, []

    def run(self):
        while self.on:
            tokens = quietly(self.server.metric, "vllm:generation_tokens_total")
            if tokens is not None:
                self.seen.append((time.time(), tokens))
            time.sleep(2)

    def since(self, start):
        tokens = [t for when, t in self.seen if when >= start]
        return int(tokens[-1] - tokens[0]) if tokens else 0


def soak(server, minutes, clients, expected, longest):
    """Returns counts. Greedy whole answers must have the text of the quiet server."""
    end, lock = time.time() + 60 * minutes, threading.Lock()
    counts = dict.fromkeys(("whole", "long", "streams", "hung up", "refused", "late", "wrong"), 0)
    progress = Progress(server)

    def count(name, what=""):
        with lock:
            counts[name] += 1
            if name in ("late", "wrong") and counts[name] <= 5:
                print(f"  {name}: {what}"[:400], flush=True)

    def hang_up(dice):
        s = server.send({**LONG, "n": dice.randrange(1, 4)})
        with contextlib.suppress(TimeoutError):
            s.recv(dice.choice((1, 5_000)))
        time.sleep(dice.random() / 4)
        if dice.random() < 0.5:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        count("hung up")

    def stream(dice):
        status, data = server.ask("POST", "/v1/completions", {**LONG, "max_tokens": dice.randrange(20, 1900)}, PATIENCE)
        whole = status == 200 and data.endswith(b"[DONE]\n\n") and b'"error"' not in data
        count("refused" if status in (429, 503) else "streams" if whole else "wrong", f"stream {status} ...{data[-200:]}")

    def whole(name, body, text):
        got = server.complete(body, PATIENCE)
        refused = got in ("status 429", "status 503")
        at = next((i for i, (x, y) in enumerate(zip(got, text)) if x != y), min(len(got), len(text)))
        count(name if got == text else "refused" if refused else "wrong", f"{name}: {got[at:at + 60]!r} at character {at}, expected {text[at:at + 60]!r}")

    def client(i):
        dice = random.Random(i)
        while time.time() < end and server.process.poll() is None:
            kind, start = dice.random(), time.time()
            try:
                if kind < 0.2:
                    hang_up(dice)
                elif kind < 0.45:
                    stream(dice)
                elif kind < 0.65:
                    whole("long", LONGEST, longest)
                else:
                    whole("whole", QUIET, expected)
            except TimeoutError:
                made = progress.since(start)
                count("late" if made else "wrong", f"the client gave up after {time.time() - start:.0f} s; the server produced {made} tokens meanwhile")
            except (OSError, http.client.HTTPException) as failure:
                count("wrong", f"{type(failure).__name__} {failure} after {time.time() - start:.0f} s: the server ended the connection")
    progress.start()
    together(clients, client)
    progress.on = False
    return counts


class Report:
    def __init__(self, server, health, limit, expected):
        self.server, self.health, self.limit, self.expected, self.failures = server, health, limit, expected, 0

    def line(self, name, ok, text):
        self.failures += not ok
        print(f"{'ok' if ok else 'FAILED':7s} {name}: {text}", flush=True)

    def step(self, name, work):
        """Runs one attack; what it asserts, /health meanwhile and an ordinary answer afterwards decide."""
        start = time.time()
        self.health.take()
        text = ""
        try:
            text = work() or ""
        except (AssertionError, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as failure:
            text = f"{type(failure).__name__} {str(failure)[:200]}"
        worst, failed = self.health.take()
        alive = self.server.process.poll() is None
        answer = quietly(self.server.complete) if alive else None
        ok = not text.startswith(("AssertionError", "Timeout")) and "Error" not in text and not failed and worst < self.limit and answer == self.expected
        self.line(name, ok, f"{time.time() - start:.0f} s; /health at worst {worst:.2f} s, {failed} failed; answers "
                  f"{'the same' if answer == self.expected else repr(answer)}{'; ' + str(text) if text else ''}")


def serving(given):
    """The flags given, and the script's own where they are not among them."""
    own = {"--cache-memory": "16MiB", "--draft-tokens": "4", "--drain-timeout": "20"}
    return given + [word for flag, value in own.items() if flag not in given for word in (flag, value)]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--soak", type=float, default=0, metavar="MINUTES")
    options.add_argument("--clients", type=int, default=12, metavar="N", help="of the soak")
    options.add_argument("--only", default=",".join(ATTACKS), help="of " + ", ".join(ATTACKS))
    options.add_argument("--health", type=float, default=1, metavar="SECONDS")
    options.add_argument("--serve", default="", metavar="FLAGS", help="more flags for the server, such as '--backend cuda --cache-memory 64MiB'")
    asked = options.parse_args()
    names = [name for name in asked.only.split(",") if name]
    if unknown := [name for name in names if name not in ATTACKS]:
        options.error(f"--only: {unknown[0]} (expected: one of {', '.join(ATTACKS)})")
    with open(os.path.join(tempfile.gettempdir(), f"krait-attacks-{os.getpid()}.log"), "wb") as log:
        server = Server(log, *serving(asked.serve.split()))
        try:
            sys.exit(run(server, names, asked))
        finally:
            if server.process.poll() is None:
                server.process.kill()
            print("log:", log.name)


def run(server, names, asked):
    expected = server.complete()
    longest = server.complete(LONGEST, PATIENCE) if asked.soak else ""
    for _ in range(3):
        server.complete({**LONG, "stream": False, "n": 4})
    before = server.footprint()
    health = Health(server)
    health.start()
    report = Report(server, health, asked.health, expected)
    if asked.soak:
        def load():
            counts = soak(server, asked.soak, asked.clients, expected, longest)
            drafted, preempted = (int(server.metric(m)) for m in ("vllm:spec_decode_num_draft_tokens_total", "vllm:num_preemptions_total"))
            assert counts["wrong"] == 0 and drafted and preempted, f"{counts}, drafted {drafted}, preempted {preempted}"
            return f"{counts}, {drafted} drafted, {preempted} preempted"
        report.step(f"soak of {asked.soak:g} min", load)
    for name in names:
        if server.process.poll() is None:
            report.step(name, lambda: ATTACKS[name](server))
    health.on = False
    health.join()
    if server.process.poll() is not None:
        report.line("alive", False, f"ended with {server.process.returncode}")
        return 1
    report.line("idle", server.idle(), "no request, sequence, block or slot is left")
    time.sleep(2)
    after = server.footprint()
    ok = after[0] < before[0] + 32 and after[1] < before[1] + 8 and after[2] < before[2] + 8
    report.line("footprint", ok, f"heap {before[0]} to {after[0]} MiB, threads {before[1]} to {after[1]}, descriptors {before[2]} to {after[2]}")
    start = time.time()
    server.process.send_signal(signal.SIGTERM)
    try:
        code = server.process.wait(40)
    except subprocess.TimeoutExpired:
        code = "none"
    report.line("SIGTERM", code == 0, f"exit {code} after {time.time() - start:.1f} s")
    return 1 if report.failures else 0


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes what Python's jinja2 makes of generated templates, for TemplateDialectTest.

    python3 template/src/test/python/record.py [--seed N] [--count N] > generated.json

Needs jinja2 3.1. The environment is the one in which transformers renders chat templates.
"""
import argparse
import json
import random
import sys

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "m": {"a": 1, "b": "x", "l": [1, 2, 3], "n": None, "t": True, "f": 1.5, "d": {"k": "v"}},
    "ms": [
        {"role": "system", "content": "Be kind. "},
        {"role": "user", "content": "  hi <there>\n"},
        {"role": "assistant", "content": "</think>yo", "calls": [{"name": "f", "args": {"x": 1}}]},
    ],
    "s": "Hello, wörld 🙂\n second\tline ",
    "w": "a-b_c d.e",
    "i": 7,
    "f": 2.5,
    "e": [],
    "l": [3, 1, 2, 3],
    "ls": ["b", "A", "c", "a"],
    "t": True,
    "n": None,
}


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


ATOMS = ["i", "f", "s", "w", "e", "l", "ls", "t", "n", "m", "ms", "u", "m.a", "m.l", "m['d']", "m.d.k", "m.n",
         "ms[0].role", "ms[-1]['content']", "ms[2].calls", "ms[1].nope", "0", "1", "-3", "2.5", "1e3", "10", "''",
         "'abc'", "\"it's\"", "'a,b,,c'", "'  pad '", "'é🙂x'", "'12'", "' 4.5 '", "true", "false", "none", "[1, 2]",
         "['x', 'y']", "(1, 'a')", "{'k': 1, 'z': [2]}", "{}", "()", "range(4)", "l[1:]", "s[2:9]", "ls[::-1]", "i[1:]"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "list", "first", "last", "sort", "unique|list",
           "reverse|list", "join", "join(', ')", "string", "int", "float", "abs", "round", "round(1)", "tojson",
           "tojson(indent=2)", "default('d')", "default('d', true)", "sum", "min", "max", "replace('a', 'b')",
           "indent(2)", "wordcount", "e", "safe", "items|list", "dictsort", "map('upper')|list", "select|list",
           "reject('string')|list", "selectattr('role', 'equalto', 'user')|list", "map(attribute='role')|list",
           "batch(2)|list", "slice(2)|list", "groupby('role')", "truncate(8)", "center(9)", "format(1)", "attr('x')",
           "sort(reverse=true)", "sort(attribute='role')", "int(5)", "float(1.5)", "urlencode", "striptags",
           "filesizeformat", "xmlattr", "forceescape", "trim('h')", "count", "d(1)"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence",
         "iterable", "callable", "odd", "even", "true", "false", "lower", "upper", "in l", "eq 1", "gt 2",
         "divisibleby 3", "sameas true", "not none", "not string", "escaped", "ne 'x'", "le 3"]
METHODS = [".strip()", ".upper()", ".split()", ".split(',')", ".split(' ', 1)", ".rsplit(' ', 1)", ".startswith('a')",
           ".endswith(('x', ' '))", ".replace('l', 'L', 1)", ".find('l')", ".count('l')", ".title()", ".lstrip('H ')",
           ".rstrip()", ".items()|list", ".keys()|list", ".get('a')", ".get('zz', 3)", ".splitlines()", ".isdigit()",
           ".join(['1', '2'])", ".format(1, x=2)", ".zfill(5)", ".center(11, '*')", ".ljust(4)", ".partition(',')",
           ".index('l')", ".removeprefix('a')", ".capitalize()", ".swapcase()", ".isalpha()", ".count(3)",
           ".values()|list", ".rfind('o', 2)", ".islower()", ".expandtabs(4)", ".rpartition('-')", ".append(1)"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in", "**"]


def expression(rnd, depth):
    if depth == 0 or rnd.random() < 0.1:
        return rnd.choice(ATOMS)
    inner = lambda: expression(rnd, depth - 1)
    kind = rnd.random()
    if kind < 0.28:
        return f"({inner()}) | {rnd.choice(FILTERS)}"
    if kind < 0.42:
        return f"({inner()}){rnd.choice(METHODS)}"
    if kind < 0.68:
        return f"{inner()} {rnd.choice(OPERATORS)} {inner()}"
    if kind < 0.76:
        return f"({inner()}) is {rnd.choice(TESTS)}"
    if kind < 0.82:
        return f"{inner()} if {inner()} else {inner()}"
    if kind < 0.86:
        return f"not {inner()}"
    if kind < 0.9:
        return f"[{inner()}, {inner()}]"
    if kind < 0.93:
        return f"{rnd.choice(['s', 'ls', 'l', 'm.l', 'w', 'f'])}[{rnd.choice(['0', '-1', '1:', ':2', '::-1', ':-1', '9', 'i', 's'])}]"
    if kind < 0.96:
        return f"'{rnd.choice(['%s', '%d', '%5.1f', '%r', '%x', '%-4s|', '%05d', '%e', '%g'])}' % ({inner()})"
    return f"'{rnd.choice(['{}', '{:>6}', '{:.2f}', '{:05d}', '{!r}', '{:,}', '{:x}', '{:e}', '{:%}'])}'.format({inner()})"


def sign(rnd):
    return rnd.choice(["", "", "", "-", "-", "+"])


def block(rnd, depth):
    e = lambda: expression(rnd, rnd.randint(0, 1))
    b = lambda: "".join(block(rnd, depth - 1) for _ in range(rnd.randint(0, 2))) if depth else rnd.choice(["", "x", " y\n"])
    tag = lambda text: "{%" + sign(rnd) + " " + text + " " + rnd.choice(["", "", "-", "+"]) + "%}"
    kind = rnd.randint(0, 11)
    if kind <= 2:
        return rnd.choice(["a", " ", "\n", "  \n ", "b\n", "{", "}", "\t"])
    if kind <= 4:
        return "{{" + rnd.choice(["", "-"]) + " " + e() + " " + rnd.choice(["", "-"]) + "}}"
    if kind == 5:
        return tag(f"if {e()}") + b() + rnd.choice(["", tag("else") + b(), tag(f"elif {e()}") + b()]) + tag("endif")
    if kind == 6:
        loop = rnd.choice(["loop.index", "loop.last", "loop.revindex", "loop.previtem", "loop.nextitem", "loop.cycle('x', 'y')",
                           "loop.changed(q)", "loop.length", "q"])
        jump = rnd.choice(["", "", tag(f"if {e()}") + tag(rnd.choice(["break", "continue"])) + tag("endif")])
        test = rnd.choice(["", "", f" if {e()}"])
        return tag(f"for q in {e()}{test}") + "{{ " + loop + " }}" + jump + b() + rnd.choice(["", tag("else") + b()]) + tag("endfor")
    if kind == 7:
        return tag(f"set {rnd.choice(['u', 'v'])} = {e()}")
    if kind == 8:
        return tag("set v" + rnd.choice(["", " | upper", " | trim"])) + b() + tag("endset") + "{{ v }}"
    if kind == 9:
        return tag(f"macro g(x, y={e()})") + "{{ x }}{{ y }}" + rnd.choice(["", "{{ caller() }}", "{{ varargs }}{{ kwargs }}"]) + b() + tag("endmacro") + rnd.choice([
            "{{ g(1) }}", "{{ g(y=2) }}", "{{ g(1, 2, 3) }}", "{{ g(1, z=2) }}", tag("call g(1)") + b() + tag("endcall")])
    if kind == 10:
        return rnd.choice([tag("filter upper") + b() + tag("endfilter"), tag(f"with v = {e()}") + "{{ v }}" + b() + tag("endwith"),
                           tag("generation") + b() + tag("endgeneration"), tag("raw") + "{{ x }} \n" + tag("endraw"),
                           tag("block b" + str(rnd.randint(0, 10**9))) + b() + tag("endblock")])
    return "{#" + sign(rnd) + " c " + sign(rnd) + "#}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1500)
    options = parser.parse_args()
    rnd = random.Random(options.seed)
    env = environment()
    cases, seen = [], set()
    while len(cases) < options.count:
        if rnd.random() < 0.6:
            template = "{{ " + expression(rnd, rnd.randint(1, 3)) + " }}"
        else:
            template = "".join(block(rnd, 2) for _ in range(rnd.randint(2, 5)))
        if template in seen or len(template) > 400:
            continue
        seen.add(template)
        case = {"template": template}
        try:
            case["rendered"] = env.from_string(template).render(json.loads(json.dumps(VARIABLES)))
        except Exception as e:
            if sum("error" in c for c in cases) > len(cases) / 3:
                continue
            case["error"] = f"{type(e).__name__}: {e}"[:120]
        text = case.get("rendered", "")
        # Addresses differ in each run, and what is printed with them is of no use to a model.
        if " object at 0x" in text or "<built-in" in text or "bound method" in text or len(text) > 2000:
            continue
        cases.append(case)
    json.dump({"made_with": f"jinja2 {jinja2.__version__}, record.py --seed {options.seed}", "variables": VARIABLES,
               "cases": cases}, sys.stdout, ensure_ascii=False, indent=0)
    print()


if __name__ == "__main__":
    main()

"""Recomputes the expected values of test resources that come from a library: what jinja2 prints for each snippet of
chat_templates/dialect.json, and the ids of tokenizers/cases.json.

usage: golden.py check|write     needs: pip install jinja2==3.1.6 tokenizers==0.23.3

`check` fails when a committed value differs; `write` puts the computed values in place, for new snippets and texts.
"""

import copy
import json
import sys
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

RESOURCES = Path(__file__).parent / "resources"


class Generation(Extension):
    """The tag that marks the answers of a conversation for training; it prints what is inside."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_inside"), [], [], body).set_lineno(line)

    def _inside(self, caller):
        return caller()


def env():
    """What transformers compiles chat templates in."""

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return made


def dialect(document):
    """Cases keep their template and the note of what this project refuses."""
    for case in document["cases"]:
        case.pop("rendered", None)
        case.pop("error", None)
        try:
            template = env().from_string(case["template"])
            case["rendered"] = template.render(copy.deepcopy(document["variables"]))
        except Exception as failure:
            case["error"] = f"{type(failure).__name__}: {failure}"


def token_ids(document):
    for name, cases in document.items():
        tokenizer = Tokenizer.from_file(str(RESOURCES / "tokenizers" / name / "tokenizer.json"))
        for prompt in cases["prompts"]:
            prompt["ids"] = tokenizer.encode(prompt["text"]).ids
        for sequence in cases["greedy"]:
            sequence["text"] = tokenizer.decode(sequence["ids"])


def main():
    if sys.argv[1:] not in (["check"], ["write"]):
        sys.exit(__doc__)
    differing = 0
    for name, compute in {"chat_templates/dialect.json": dialect, "tokenizers/cases.json": token_ids}.items():
        path = RESOURCES / name
        committed = json.loads(path.read_text(encoding="utf-8"))
        computed = copy.deepcopy(committed)
        compute(computed)
        if computed == committed:
            print(f"{name}: as committed")
            continue
        differing += 1
        if sys.argv[1] == "write":
            path.write_text(json.dumps(computed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            print(f"{name}: written")
            continue
        print(f"{name}: differs")
        for key in sorted(computed):
            before, after = committed[key], computed[key]
            pairs = zip(before, after) if isinstance(before, list) else [(before, after)]
            for one, other in [pair for pair in pairs if pair[0] != pair[1]][:5]:
                print(f"  {key}: {str(one)[:300]}\n    now {str(other)[:300]}")
    sys.exit(1 if differing and sys.argv[1] == "check" else 0)


main()

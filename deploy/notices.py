"""The libraries in an SBOM with their licences, one a line, for people: notices.py bom.json > THIRD-PARTY.txt"""

import json
import sys


def licence(entry):
    named = entry.get("license", {})
    return entry.get("expression") or named.get("id") or named.get("name") or named.get("url", "unknown")


with open(sys.argv[1], encoding="utf-8") as file:
    components = json.load(file)["components"]
for each in sorted(components, key=lambda one: (one.get("group", ""), one["name"])):
    licences = ", ".join(licence(entry) for entry in each.get("licenses", [])) or "none named"
    print(f"{each.get('group', '')}:{each['name']} {each['version']}: {licences}")

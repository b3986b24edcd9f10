"""The duration of the commands as whole processes on 1,000 rules, compared with a process that only starts.

Run it with `python benchmarks/bench_commands.py`.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.rule_lists import a_list

NSG = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/big"
RULES, EDITS, RUNS = 1000, 10, 5


def main() -> None:
    """Print the median seconds of each command, and their ratio to `nsgb --help`."""
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(Path(folder))
        medians = {name: _median(command) for name, command in commands.items()}
    print(f"{RULES} rules, {EDITS} of them edited, medians of {RUNS} processes")
    for name, seconds in medians.items():
        print(f"  {name:<12} {seconds:5.2f} s  {seconds / medians['nsgb --help']:5.1f} times --help")


def _commands(folder: Path) -> dict[str, list[str]]:
    rng = random.Random(1)
    rules = a_list(rng, RULES)
    edited = [dict(rule) for rule in rules]
    for rule in rng.sample(edited, EDITS):
        rule["access"] = "Deny" if rule["access"] == "Allow" else "Allow"
    old, new = _written(folder / "old.yaml", rules), _written(folder / "new.yaml", edited)
    live = folder / "live.json"
    live.write_text(json.dumps(_nsg(edited)))
    return {
        "nsgb --help": ["--help"],
        "nsgb plan": ["plan", "-f", old, "--live", str(live)],
        "nsgb lint": ["lint", old],
        "nsgb diff": ["diff", old, new],
        "nsgb probe": ["probe", old, "--source", "Internet", "--port", "22"],
    }


def _written(file: Path, rules: list[dict[str, Any]]) -> str:
    baseline = {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGBaseline",
        "metadata": {"name": "big", "namespace": "bench"},
        "spec": {"target": {"resourceId": NSG}, "rules": rules},
    }
    file.write_text(yaml.safe_dump(baseline, sort_keys=False))
    return str(file)


def _nsg(rules: list[dict[str, Any]]) -> dict[str, Any]:
    arm_rules = [{"name": rule["name"], "properties": {k: v for k, v in rule.items() if k != "name"}} for rule in rules]
    return {"id": NSG, "name": "big", "location": "westeurope", "properties": {"securityRules": arm_rules}}


def _median(arguments: list[str]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nsg_baseline.cli", *arguments], capture_output=True, check=False)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()

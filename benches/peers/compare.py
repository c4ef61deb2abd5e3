"""Runs credlens and its peers on one Kong log, interleaved, and prints the median of each with its ratio to credlens.

    compare.py KONG_JOB CREDLENS FILE [ROUNDS [PEER ...]]

KONG_JOB: the bench `kong_job`, built; CREDLENS: the command, built. PERF_DATA holds grants.csv and revocations.csv (gen.rs
writes them), PERF_THREADS says how many threads each may use. Sums of the nine-field job must be equal for all.
"""
import json, os, statistics, subprocess, sys, tempfile, time

bench, command, file = sys.argv[1:4]
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
peers = sys.argv[5:] or ["duckdb", "chdb", "polars", "datafusion"]
data, threads = os.environ["PERF_DATA"], os.environ.get("PERF_THREADS", "2")
here = os.path.dirname(os.path.abspath(__file__))
own = lambda job: [bench, job, file, f"{data}/grants.csv", f"{data}/revocations.csv", threads]


def timed(arguments, env=None):
    """Wall seconds, CPU seconds, peak MB, and the JSON line if there is one."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    out = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if status:
        raise SystemExit(f"{arguments} failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, lines[-1] if lines else {}


def run(name):
    if name == "credlens run":
        with tempfile.TemporaryDirectory() as out:
            return timed([command, "run", file, "--out", out, "--quiet", "--no-progress", "--threads", threads])
    if name.startswith("credlens"):
        return timed(own(name.split()[1]))
    mode = {"MODE": "extract"} if name == "chdb" else {}
    return timed([sys.executable, f"{here}/peer_{name}.py", file], mode)


names = ["credlens index", "credlens nine", "credlens full", "credlens run", *peers]
found = {name: [] for name in names}
for _ in range(rounds):
    for name in names:
        found[name].append(run(name))
# Start-up of an interpreter is no part of a peer's job: its own clock counts.
wall_of = lambda one: one[3].get("wall_s", one[0])
cpu_of = lambda one: one[3].get("cpu_s", one[1])
median = lambda name, value: statistics.median(value(one) for one in found[name])
nine = {json.dumps(one[3].get("sums")) for name in ["credlens nine", *peers] for one in found[name]}
size = os.path.getsize(file)
print(f"{file}: {size / 1e9:.2f} GB, {threads} threads, medians of {rounds} interleaved runs; sums of the nine-field job {'equal' if len(nine) == 1 else 'DIFFER'}")
print(f"{'':16} {'wall s':>8} {'CPU s':>8} {'MB/s':>8} {'peak MB':>8} {'of nine':>8} {'of full':>8}")
for name in names:
    wall = median(name, wall_of)
    ratios = [wall / median(of, wall_of) for of in ("credlens nine", "credlens full")]
    print(f"{name:16} {wall:8.2f} {median(name, cpu_of):8.2f} {size / 1e6 / wall:8.0f} {median(name, lambda one: one[2]):8.0f} {ratios[0]:8.2f} {ratios[1]:8.2f}")

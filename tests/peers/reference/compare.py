#!/usr/bin/env python3
"""compare.py A B [--max N] [--ignore col,col] [--only name,name]: two run outputs, row by row.

Each side is a folder of .jsonl (ref_metrics.py) or a credlens run folder (parquet/*.parquet, parquet/frames, run.json).
Prints, per file: rows only in A, only in B, and differing cells by column.  Exit 1 on any difference, 2 on bad input."""
import argparse, datetime as dt, glob, json, math, os, sys
from collections import Counter, defaultdict

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ref_metrics import read_table

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
KEYS = {
    "metrics": ["metric_id", "statistic", "grain", "period", "segment_kind", "segment"],
    "apis": ["period", "api"],
    "identities": ["identity"],
    "credentials": ["credential"],
    "grants": ["identity", "scope", "api"],
    "revocations": ["tracker", "ticket", "credential"],      # + detected_at where there is no ticket
    "exceptions": ["id"],
    "violations": ["api", "identity", "kind", "decision", "day"],
}
FRAMES = {
    "requests": ["file", "record"],
    "identity_events": ["file", "record"],
    "revocation_tickets": ["file", "record", "credential"],
}
LEDGER = ["format", "records", "rows", "duplicates", "skipped", "rejects"]


def micros(v):
    if isinstance(v, dt.datetime):
        if v.tzinfo is None:
            v = v.replace(tzinfo=dt.timezone.utc)
        d = v - EPOCH
        return (d.days * 86400 + d.seconds) * 1_000_000 + d.microseconds
    if isinstance(v, dt.date):
        return v.isoformat()
    return v


def load(side, name, is_frame=False):
    """list of dict rows, or None where the side has no such file."""
    p = os.path.join(side, name + ".jsonl")
    if os.path.exists(p):
        with open(p, encoding="utf-8") as f:
            return [json.loads(x) for x in f if x.strip()]
    if is_frame:
        for base in (os.path.join(side, "parquet", "frames", name), os.path.join(side, "frames", name), os.path.join(side, name)):
            files = sorted(glob.glob(os.path.join(base, "month=*", "*.parquet")))
            if files:
                return [r for f in files for r in read_table(f)]
        return None
    for p in (os.path.join(side, "parquet", name + ".parquet"), os.path.join(side, name + ".parquet")):
        if os.path.exists(p):
            return read_table(p)
    return None


def ledger(side):
    p = os.path.join(side, "ledger.json")
    if os.path.exists(p):
        with open(p, encoding="utf-8") as f:
            x = json.load(f)
        return x["files"] if isinstance(x, dict) else x
    p = os.path.join(side, "run.json")
    if os.path.exists(p):
        with open(p, encoding="utf-8") as f:
            return json.load(f).get("files")
    return None


def day_text(v):
    """a day as text, a day's instant or a count of days -> YYYY-MM-DD"""
    if isinstance(v, int):
        return (EPOCH + (dt.timedelta(microseconds=v) if abs(v) > 10 ** 7 else dt.timedelta(days=v))).strftime("%Y-%m-%d")
    return v[:10] if isinstance(v, str) else v


def same(a, b):
    if a is None or b is None:
        return a is None and b is None
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a == b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        if isinstance(a, int) and isinstance(b, int):
            return a == b
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        return abs(a - b) <= max(1e-9 * max(abs(a), abs(b)), 1e-12)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def columns(rows):
    out = {}
    for r in rows:
        for k in r:
            out.setdefault(k)
    return list(out)


def keyed(rows, key, name):
    out = defaultdict(list)
    for r in rows:
        k = [r.get(c) for c in key]
        if name == "revocations" and r.get("ticket") is None:
            k.append(r.get("detected_at"))
        out[tuple(k)].append(r)
    for v in out.values():
        if len(v) > 1:
            v.sort(key=lambda r: json.dumps(r, sort_keys=True, default=str))
    return out


def show(k):
    return "(" + ", ".join("∅" if x is None else str(x) for x in k) + ")"


def compare(name, a, b, key, limit, ignore, out):
    """Number of differences of one table."""
    for rows in (a, b):
        for r in rows:
            for c in list(r):
                r[c] = micros(r[c])
            if "day" in r:
                r["day"] = day_text(r["day"])
            r.pop("month", None) if name in FRAMES else None
    ca, cb = columns(a), columns(b)
    n = 0
    lines = []
    if a and b:
        for label, x, y in (("A", ca, cb), ("B", cb, ca)):
            only = [c for c in x if c not in y and c not in ignore]
            if only:
                n += len(only)
                lines.append(f"  columns only in {label}: {', '.join(only)}")
        key = [k for k in key if k in ca and k in cb]
    ka, kb = keyed(a, key, name), keyed(b, key, name)
    for label, x, y in (("A", ka, kb), ("B", kb, ka)):
        only = [(k, len(v) - len(y.get(k, ()))) for k, v in x.items() if len(v) > len(y.get(k, ()))]
        if only:
            total = sum(c for _, c in only)
            n += total
            lines.append(f"  rows only in {label}: {total}")
            if name == "metrics":             # a digest, since these come in families
                for (m, s, sk), c in sorted(Counter((k[0], k[1], k[4]) for k, c in only for _ in range(c)).items()):
                    lines.append(f"      {m} {s} by {sk}: {c}")
            for k, c in sorted(only, key=lambda z: [str(v) for v in z[0]])[:limit]:
                lines.append(f"      {show(k)}" + (f" x{c}" if c > 1 else ""))
    cells = defaultdict(list)
    shared = [c for c in ca if c in cb and c not in key and c not in ignore]
    for k, va in ka.items():
        for ra, rb in zip(va, kb.get(k, ())):
            for c in shared:
                if not same(ra.get(c), rb.get(c)):
                    cells[c].append((k, ra.get(c), rb.get(c)))
    for c, diffs in cells.items():
        n += len(diffs)
        lines.append(f"  column {c}: {len(diffs)} cells differ")
        if name == "metrics":
            fam = Counter(f"{k[0]} {k[1]}" + ("" if k[4] == "all" else f" by {k[4]}") for k, _, _ in diffs)
            lines.append("      in " + ", ".join(f"{f} ({m})" for f, m in sorted(fam.items())))
        for k, x, y in diffs[:limit]:
            lines.append(f"      {show(k)}: A={json.dumps(x, ensure_ascii=False, default=str)} B={json.dumps(y, ensure_ascii=False, default=str)}")
    print(f"{name}: A {len(a)} rows, B {len(b)} rows: " + ("equal" if not n else f"{n} differences"), file=out)
    for x in lines:
        print(x, file=out)
    return n


def main(argv=None, out=sys.stdout):
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("a")
    ap.add_argument("b")
    ap.add_argument("--max", type=int, default=5, help="examples per group")
    ap.add_argument("--ignore", default="", help="columns to leave out")
    ap.add_argument("--only", default="", help="tables to compare")
    o = ap.parse_args(argv)
    ignore, only = set(filter(None, o.ignore.split(","))), set(filter(None, o.only.split(",")))
    for s in (o.a, o.b):
        if not os.path.isdir(s):
            print(f"not a folder: {s}", file=sys.stderr)
            return 2
    total = compared = 0
    for name, key, kind in [(n, k, "file") for n, k in KEYS.items()] + [(n, k, "frame") for n, k in FRAMES.items()] \
            + [("ledger", ["file"], "ledger")]:
        if only and name not in only:
            continue
        if kind == "ledger":
            a, b = ledger(o.a), ledger(o.b)
            a, b = ([{c: r.get(c) for c in ["file"] + LEDGER} for r in x] if x is not None else None for x in (a, b))
        else:
            a, b = (load(s, name, kind == "frame") for s in (o.a, o.b))
            if kind == "frame" and (a is None) != (b is None):     # a frame without rows may have no file
                if a is None and any(load(o.a, n, True) is not None for n in FRAMES):
                    a = []
                if b is None and any(load(o.b, n, True) is not None for n in FRAMES):
                    b = []
        if a is None and b is None:
            continue
        if a is None or b is None:
            print(f"{name}: missing in {'A' if a is None else 'B'}" + (" (not compared)" if kind != "file" else ""), file=out)
            total += kind == "file" and bool(a or b)   # frames and ledger may be on one side only
            continue
        compared += 1
        total += compare(name, a, b, key, o.max, ignore, out)
    if not compared:
        print("nothing to compare", file=out)
        return 2
    print("no differences" if not total else f"{total} differences", file=out)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())

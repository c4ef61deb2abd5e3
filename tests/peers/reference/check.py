#!/usr/bin/env python3
"""check.py ESTATE RUN WORK: credlens' run over the estate against the independent reference implementation.

The reading half (ref_frames.py) reads the raw files of ESTATE; its frames and ledger must equal those of RUN. The measuring
half (ref_metrics.py) measures over RUN's frames, so that its numbers differ only where the measuring does. Every difference
that is not in ALLOWED is printed; exit status 1 if there is one, and also if an entry of ALLOWED no longer applies."""
import glob, io, os, subprocess, sys
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import compare as C

SMALL = {"frames": ["event_us", "day", "token_issued_us", "token_expires_us", "scope_set", "required_set", "issued_us", "expires_us", "states_expiry",
                    "exposed_us", "detected_us", "reported_us", "contained_us", "revoked_us", "closed_us", "revoked_from_history", "status_is_revoked"]}

# ---- what may differ, and why
def metric(d, ids="", statistics=(), segment_kind=None, columns=(), kind=None):
    """A difference of metrics.parquet in these metrics, statistics, segments and columns (nothing named: any)."""
    return (d["table"] == "metrics" and (not ids or d["key"][0] in ids.split()) and (not statistics or d["key"][1] in statistics)
            and segment_kind in (None, d["key"][4]) and (not columns or d["column"] in columns) and kind in (None, d["kind"]))

def cell(d, table, *columns):
    return d["table"] == table and d["kind"] == "cell" and d["column"] in columns

COUNTS = "EX02 RT03 RV03 SC03 SP04".split()
ALLOWED = [
    ("the ledger also lists files that no pack knows", lambda d: d["table"] == "ledger" and d["kind"] == "only_run" and d["run"]["format"] is None),
    # More rows than are due (outputs.md: more segments are welcome), or rows only for segments that occur.
    ("RV01, RV02 by severity carry every statistic", lambda d: metric(d, "RV01 RV02", segment_kind="severity", kind="only_run")),
    ("RV05 by severity also where its only case is a data error", lambda d: metric(d, "RV05", segment_kind="severity", kind="only_run")),
    ("RV02 carries n_cases and n_negative", lambda d: metric(d, "RV02", ("n_cases", "n_negative"), "all", kind="only_run")),
    ("SP01 carries share_by_calls", lambda d: metric(d, "SP01", ("share_by_calls",), kind="only_run")),
    ("TK02 by kind", lambda d: metric(d, "TK02", segment_kind="kind", kind="only_run")),
    ("a case without severity is in no severity's row", lambda d: metric(d, "RV01 RV05", segment_kind="severity", kind="only_ref") and d["key"][5] == "unknown"),
    ("SC03 by api has rows for APIs with a downgraded call", lambda d: metric(d, "SC03", segment_kind="api", kind="only_ref") and d["ref"]["value"] == 0),
    ("SC04 has no share_critical", lambda d: metric(d, "SC04", ("share_critical",), kind="only_ref")),
    # CHOICES.md 5: counts are complete, so credlens calls any change of one a change; its trend starts at the first segment row.
    ("trend of counts", lambda d: metric(d, columns=("trend",)) and d["key"][0] in COUNTS and d["key"][1] == "value"),
    ("n_insufficient_evidence beside counts and statistics (CHOICES.md 21)", lambda d: metric(d, columns=("n_insufficient_evidence",)) and (d["key"][1] != "value" or d["key"][0] in COUNTS + ["RT02"])),
    ("oldest_open is flagged small (CHOICES.md 12)", lambda d: metric(d, "RV01 RV02", ("oldest_open",), columns=("flags",))),
    ("what is not measured has that judgement, target or not (CHOICES.md 18)", lambda d: metric(d, "RV04", columns=("judgement",)) and d["run"] == "not_measured"),
    ("words of reasons (CHOICES.md 8)", lambda d: metric(d, columns=("reason",)) and d["ref"] == "no_judged" and d["run"] in ("no_revoked_cases", "no_judged_calls", "no_ended_credentials")),
    ("SP03 is `down`, not `down to 0`: no target", lambda d: metric(d, "SP03", ("value",), columns=("target", "judgement"))),
    # CHOICES.md 1: by the letter a JWT seen in calls alone is no token, since no event names it; credlens follows the letter.
    ("TK03 counts JWTs that only calls know", lambda d: metric(d, "TK03", ("value",), kind="cell")),
    ("first_seen of an identity is evidence, not the inventory's created_at", lambda d: cell(d, "identities", "first_seen") and d["run"] is not None),
    ("kind and owner_status that nobody states are null", lambda d: cell(d, "identities", "kind", "owner_status") and d["ref"] == "unknown" and d["run"] is None),
    ("scopes_used follows the definition of use, the reference lists carried scopes", lambda d: cell(d, "revocations", "scopes_used") and set(d["run"]) < set(d["ref"])),
    ("a call at the very instant of exposure is not after it", lambda d: cell(d, "revocations", "calls_after_exposure") and d["ref"] - d["run"] == 1 and d["key"][1] == "SEC-119"),
    ("a case without a ticket was not reported", lambda d: cell(d, "revocations", "reported_at") and d["key"][1] is None and d["run"] is None),
    ("an exception without expires_at shows the expiry it gets, approved_at + 90 d", lambda d: cell(d, "exceptions", "expires_at") and d["key"][0] == "EXC-004" and d["run"] == d["row"]["approved_at"] + 90 * 86_400_000_000),
]


def differences(table, a, b, key, ignore=()):
    """Every difference of two row lists as a dict: kind only_ref | only_run | cell."""
    for rows in (a, b):
        for r in rows:
            for c in list(r):
                r[c] = C.micros(r[c])
            if "day" in r:
                r["day"] = C.day_text(r["day"])
            for c in ignore:
                r.pop(c, None)
    ka, kb = C.keyed(a, key, table), C.keyed(b, key, table)
    for label, x, y in (("only_ref", ka, kb), ("only_run", kb, ka)):
        for k, v in x.items():
            for r in v[len(y.get(k, ())):]:
                yield dict(table=table, kind=label, key=k, column=None, ref=r if label == "only_ref" else None, run=r if label == "only_run" else None)
    for k, va in ka.items():
        for ra, rb in zip(va, kb.get(k, ())):
            for c in sorted(set(ra) | set(rb)):
                if c not in key and not C.same(ra.get(c), rb.get(c)):
                    yield dict(table=table, kind="cell", key=k, column=c, ref=ra.get(c), run=rb.get(c), row=rb)


def main(estate, run, work):
    frames, out = os.path.join(work, "frames"), os.path.join(work, "out")
    period = os.path.basename(os.path.normpath(run))
    folders = [os.path.join(estate, x) for x in ("gateway", "idp", "tickets", "inventory")]
    call = lambda *a: subprocess.run([sys.executable, *a], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    call(os.path.join(HERE, "ref_frames.py"), *folders, "--out", frames)
    call(os.path.join(HERE, "ref_metrics.py"), "--frames", os.path.join(run, "parquet", "frames"), "--inventory", os.path.join(estate, "inventory"), "--out", out, "--period", period)
    found = []
    times = {"first_time": "first_seen", "last_time": "last_seen"}
    for name, key in C.FRAMES.items():
        found += differences(name, C.load(frames, name, True), C.load(run, name, True), key, SMALL["frames"] + ["month"])
    ledger = lambda side: [{c: r.get(c) for c in ["file"] + C.LEDGER} for r in C.ledger(side)]
    found += differences("ledger", ledger(frames), ledger(run), ["file"])
    for name, key in C.KEYS.items():
        rows = C.load(out, name)
        if name == "violations":                       # outputs.md leaves the two names open
            rows = [{times.get(c, c): v for c, v in r.items()} for r in rows]
        found += differences(name, rows, C.load(run, name), key)
    used, left = Counter(), []
    for d in found:
        hit = next((why for why, test in ALLOWED if test(d)), None)
        used[hit] += 1
        if hit is None:
            left.append(d)
    for d in left:
        print(f"{d['table']} {d['kind']} {C.show(d['key'])} {d['column'] or ''}: reference {d['ref']!r}, credlens {d['run']!r}")
    stale = [why for why, _ in ALLOWED if not used[why]]
    for why in stale:
        print(f"no longer differs, remove it from ALLOWED: {why}")
    print(f"{len(found)} differences, {len(left)} of them not allowed")
    return 1 if left or stale else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))

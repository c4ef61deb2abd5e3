#!/usr/bin/env python3
"""Independent reference implementation of the measuring half of the contract
(frames.md, metrics.md, outputs.md): canonical frames -> metrics and entity rows.

Plain Python 3.11; pyarrow only to read Parquet.  Instants are integer microseconds UTC throughout.
Lines marked CHOICE are readings of an ambiguous text; the full list is in /work/ref/CHOICES.md."""
import argparse, bisect, csv, datetime as dt, glob, json, math, os, re, sys, tomllib
from collections import defaultdict

US = 1_000_000
HOUR, DAY = 3600 * US, 86400 * US
Z = 1.959964                                   # CHOICE: the contract's figure, for Wilson/Newcombe too
GRACE = 300 * US
WINDOW = 90 * DAY
WEEK = 7 * DAY
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)

CONSTRAINED = {"dpop_verified", "mtls_bound", "signature_verified"}
REPLAYABLE = {"none", "bound_downgraded", "mtls_transport_only"}
TOKEN_KINDS = {"access_token", "refresh_token", "session"}
SECRET_KINDS = {"client_secret", "api_key", "certificate", "service_account_key", "personal_access_token"}
LIMIT = {"access_token": HOUR, "session": 12 * HOUR, "refresh_token": 24 * HOUR,
         **{k: 90 * DAY for k in SECRET_KINDS}}
ISSUES = {"credential_issued", "token_issued", "token_refreshed"}
REVOKES = {"credential_revoked", "token_revoked"}
REASONS = ["revoked_credential", "expired_token", "scope_not_granted", "bound_downgraded",
           "proof_required", "exception_expired"]
CRITICAL = {"high", "critical"}
TARGETS = {"SC01": (">=", .75), "SC02": ("<=", .10), "SC03": ("<=", 0), "SC04": ("<=", 0), "TK01": (">=", .85),
           "TK02": (">=", .85), "TK03": (">=", .80), "SP01": (">=", .80), "SP02": (">=", .60), "SP03": ("<=", 0),
           "SP04": ("<=", 0), "RV01": ("<=", 86400.0), "RV03": ("<=", 0), "ID01": ("<=", .05), "RT02": (">=", .99),
           "RT03": ("<=", 0), "EX01": ("<=", .10), "EX02": ("<=", 0)}
GOOD_UP = {"SC01", "TK01", "TK02", "TK03", "SP01", "SP02", "RV04", "RV05", "RT02"}


# ---------------------------------------------------------------- time
def parse_instant(v):
    """ISO text, TOML date/datetime or integer microseconds -> microseconds UTC; no zone means UTC."""
    if v is None or v == "":
        return None
    if isinstance(v, bool):
        raise ValueError(v)
    if isinstance(v, int):
        return v
    if isinstance(v, dt.datetime):
        d = v
    elif isinstance(v, dt.date):
        d = dt.datetime(v.year, v.month, v.day)
    else:
        s = str(v).strip()
        if not s:
            return None
        if re.fullmatch(r"\d{15,17}", s):
            return int(s)
        try: d = dt.datetime.fromisoformat(s)
        except ValueError: return None
    if d.tzinfo is None:
        d = d.replace(tzinfo=dt.timezone.utc)
    td = d - EPOCH
    return (td.days * 86400 + td.seconds) * US + td.microseconds


def to_dt(us):
    return EPOCH + dt.timedelta(microseconds=us)


class Period:
    def __init__(self, grain, name, as_of):
        self.grain, self.name = grain, name
        y = int(name[:4])
        if grain == "quarter":
            m0, n = (int(name[6]) - 1) * 3 + 1, 3
        else:
            m0, n = int(name[5:7]), 1
        m1 = m0 + n
        self.start = parse_instant(dt.date(y, m0, 1))
        self.end = parse_instant(dt.date(y + (m1 > 12), (m1 - 1) % 12 + 1, 1))
        self.T = min(self.end, as_of)
        self.prev = period_name(grain, self.start - 1)


def period_name(grain, us):
    d = to_dt(us)
    return f"{d.year:04}-Q{(d.month - 1) // 3 + 1}" if grain == "quarter" else f"{d.year:04}-{d.month:02}"


# ---------------------------------------------------------------- statistics, by hand
def wilson_p(p, n, z=Z):
    if n <= 0:
        return None, None
    den = 1 + z * z / n
    mid = (p + z * z / (2 * n)) / den
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / den
    return max(0.0, mid - half), min(1.0, mid + half)


def wilson(x, n, z=Z):
    return wilson_p(x / n, n, z) if n else (None, None)


def newcombe(p1, n1, p2, n2):
    """Method 10 of Newcombe 1998 (score intervals): interval of p1 - p2."""
    l1, u1 = wilson_p(p1, n1)
    l2, u2 = wilson_p(p2, n2)
    d = p1 - p2
    return (d - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), d + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2))


class KaplanMeier:
    """data: list of (time, is_event).  Ties: events come before censorings."""
    def __init__(self, data):
        self.n = len(data)
        self.last = max((t for t, _ in data), default=0)
        times = sorted({t for t, _ in data})
        d, c = defaultdict(int), defaultdict(int)
        for t, ev in data:
            (d if ev else c)[t] += 1
        at_risk, s = self.n, 1.0
        self.steps = []                       # (time, n at risk, events, S after)
        for t in times:
            if d[t]:
                s = s * (at_risk - d[t]) / at_risk
            self.steps.append((t, at_risk, d[t], s))
            at_risk -= d[t] + c[t]

    def S(self, x):
        s = 1.0
        for t, _, _, st in self.steps:
            if t <= x:
                s = st
            else:
                break
        return s

    def quantile(self, q):
        for t, _, _, s in self.steps:
            if s <= 1 - q + 1e-12:
                return t
        return None

    def rmst(self, tau):
        """(restricted mean, SE, extrapolated) - survRM2's rmst1."""
        pts = [st for st in self.steps if st[0] <= tau]
        edges = [0.0] + [p[0] for p in pts] + [tau]
        surv = [1.0] + [p[3] for p in pts]
        areas = [(edges[i + 1] - edges[i]) * surv[i] for i in range(len(surv))]
        var, rest = 0.0, 0.0
        for i in range(len(pts) - 1, -1, -1):
            rest += areas[i + 1]              # area to the right of this time
            _, n, d, _ = pts[i]
            if d and n > d:
                var += rest * rest * d / (n * (n - d))
        return sum(areas), math.sqrt(var), self.last < tau and self.S(tau) > 0   # CHOICE: S=0 needs no extrapolation


# ---------------------------------------------------------------- scopes
BROAD_ENDS = (".default", ".all", ":all", "/all", "full_access", "cloud-platform")
BROAD_WORD = re.compile(r"(?:^|[.:/_\-])(?:admin|root|owner|repo)$", re.I)
_broad, _cover = {}, {}


def is_broad(s):
    r = _broad.get(s)
    if r is None:
        t = s.lower()
        r = t not in ("public_repo", "delete_repo") and ("*" in t or t.endswith(BROAD_ENDS) or bool(BROAD_WORD.search(t)))
        _broad[s] = r
    return r


def covers(g, s):
    """Granted (or carried) scope g covers scope s."""
    if g == s:
        return True
    if not is_broad(g):                       # a '*' makes a scope broad, so only broad scopes cover others
        return False
    r = _cover.get((g, s))
    if r is None:
        r = False
        if "*" in g:
            r = re.fullmatch(".*".join(re.escape(p) for p in g.split("*")), s, re.S) is not None
        if not r:
            cut = max(g.rfind("."), g.rfind(":"), g.rfind("/"))
            r = cut >= 0 and s.startswith(g[:cut + 1])
        _cover[(g, s)] = r
    return r


# ---------------------------------------------------------------- reading
class Call:
    __slots__ = ("t", "api", "identity", "credential", "scheme", "proof", "iat", "exp", "scopes", "required",
                 "decision", "violation", "gateway", "environment", "source", "file", "record",
                 "accepted", "auth", "aa", "cls", "ungranted", "missed", "active", "expired")


class Event:
    __slots__ = ("t", "provider", "action", "outcome", "identity", "identity_kind", "credential", "credential_kind",
                 "scopes", "api", "issued_at", "expires_at", "bound", "owner", "is_automatic", "source", "file",
                 "record", "ok")


REQ_COLS = ["event_time", "api", "identity", "credential", "auth_scheme", "proof", "token_issued_at",
            "token_expires_at", "scopes", "required_scopes", "decision", "violation", "gateway", "environment",
            "source", "file", "record"]
EV_COLS = ["event_time", "provider", "action", "outcome", "identity", "identity_kind", "credential",
           "credential_kind", "scopes", "api", "issued_at", "expires_at", "bound", "owner", "is_automatic",
           "source", "file", "record"]
TK_COLS = ["ticket", "tracker", "identity", "credential", "severity", "exposed_at", "detected_at", "reported_at",
           "contained_at", "revoked_at", "closed_at", "status", "resolution", "is_open", "is_false_positive",
           "source", "file", "record"]
TK_COLS += ["revoked_from_history", "status_is_revoked"]      # of credlens' frames: whether a claim is void while the ticket is open


def read_table(path, cols=None):
    """Parquet file -> list of tuples in `cols` order (all columns as dicts when cols is None)."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    t = pq.ParquetFile(path).read()
    out = {}
    for name in (cols or t.column_names):
        if name not in t.column_names:
            out[name] = None
            continue
        c = t.column(name)
        if pa.types.is_timestamp(c.type):
            c = c.cast(pa.timestamp("us", tz=c.type.tz)).cast(pa.int64())
        elif pa.types.is_date(c.type):
            c = c.cast(pa.string())
        out[name] = c.to_pylist()
    n = t.num_rows
    full = [out[k] if out[k] is not None else [None] * n for k in (cols or t.column_names)]
    if cols:
        return zip(*full)
    names = t.column_names
    return [dict(zip(names, r)) for r in zip(*full)]


def read_frame(folder, name, cols):
    if not os.path.isdir(folder):
        raise SystemExit(f"not a folder: {folder}")
    jl = os.path.join(folder, name + ".jsonl")
    if os.path.exists(jl):
        with open(jl, encoding="utf-8") as f:
            for line in f:
                if line.strip():
                    o = json.loads(line)
                    yield tuple(o.get(c) for c in cols)
        return
    base = os.path.join(folder, name)
    for p in sorted(glob.glob(os.path.join(base, "**", "*.parquet"), recursive=True)):
        yield from read_table(p, cols)


def norm_list(v, cache):
    if v is None:
        return None
    t = tuple(sorted(set(v)))
    return cache.setdefault(t, t)


def load_frames(folder, as_of):
    cache, intern = {}, sys.intern
    calls, events, tickets = [], [], []

    def s(x):
        return intern(x) if isinstance(x, str) else x
    for r in read_frame(folder, "requests", REQ_COLS):
        if r[0] is None or r[0] >= as_of:
            continue
        c = Call()
        (c.t, c.api, c.identity, c.credential, c.scheme, c.proof, c.iat, c.exp) = \
            (r[0], s(r[1]), s(r[2]), s(r[3]), s(r[4]) or "unknown", s(r[5]) or "unknown", r[6], r[7])
        c.scopes, c.required = norm_list(r[8], cache), norm_list(r[9], cache)
        c.decision, c.violation, c.gateway, c.environment = s(r[10]) or "unknown", s(r[11]), s(r[12]), s(r[13])
        c.source, c.file, c.record = s(r[14]), s(r[15]), r[16]
        c.accepted = c.decision in ("allowed", "observed")
        c.auth = c.scheme not in ("none", "unknown")
        c.aa = c.accepted and c.auth
        c.cls = "c" if c.proof in CONSTRAINED else "r" if c.proof in REPLAYABLE else "n"
        c.ungranted, c.missed, c.active, c.expired = (), (), (), ()
        calls.append(c)
    for r in read_frame(folder, "identity_events", EV_COLS):
        if r[0] is None or r[0] >= as_of:
            continue
        e = Event()
        (e.t, e.provider, e.action, e.outcome, e.identity, e.identity_kind, e.credential, e.credential_kind) = \
            (r[0], s(r[1]), s(r[2]), s(r[3]), s(r[4]), s(r[5]), s(r[6]), s(r[7]))
        e.scopes, e.api, e.issued_at, e.expires_at = norm_list(r[8], cache), s(r[9]), r[10], r[11]
        e.bound, e.owner, e.is_automatic, e.source, e.file, e.record = s(r[12]), s(r[13]), r[14], s(r[15]), s(r[16]), r[17]
        e.ok = e.outcome == "success"
        events.append(e)
    for r in read_frame(folder, "revocation_tickets", TK_COLS):
        o = dict(zip(TK_COLS, r))
        if o["reported_at"] is None or o["reported_at"] >= as_of:
            continue
        for k in ("exposed_at", "detected_at", "contained_at", "revoked_at", "closed_at"):
            if o[k] is not None and o[k] >= as_of:      # a claim at or after as_of is none
                o[k] = None
        if o["is_open"] and o["revoked_from_history"] == 1 and o["status_is_revoked"] != 1:
            o["revoked_at"] = None                      # a claim from the history is void while the ticket is open
        tickets.append(o)

    def order(x):
        return (x.t, x.file or "", x.record or 0)
    calls.sort(key=order)
    events.sort(key=order)
    return calls, events, tickets


def read_csv(path):
    if not os.path.exists(path):
        return None, []
    with open(path, encoding="utf-8-sig", newline="") as f:
        rd = csv.DictReader(f)
        rows = [{(k or "").strip(): ((v or "").strip() or None) if not isinstance(v, list) else None
                 for k, v in row.items()} for row in rd]
        return rows, [h.strip() for h in (rd.fieldnames or [])]


def split_list(v):
    return [x.strip() for x in (v or "").split("|") if x.strip()]


def parse_bool(v):
    if v is None or isinstance(v, bool):
        return v
    t = str(v).strip().lower()
    return True if t in ("true", "1", "yes", "y") else False if t in ("false", "0", "no", "n") else None


class Inventory:
    def __init__(self, folder):
        f = folder or os.devnull
        ids, id_cols = read_csv(os.path.join(f, "identities.csv"))
        apis, _ = read_csv(os.path.join(f, "apis.csv"))
        grants, _ = read_csv(os.path.join(f, "grants.csv"))
        self.has_identities, self.has_apis, self.has_grants = ids is not None, apis is not None, grants is not None
        self.has_owner = ids is not None and "owner" in id_cols
        self.alias = {}
        for r in ids or []:
            for a in split_list(r.get("aliases")):
                if r.get("identity"):
                    self.alias[a] = r["identity"]
        self.identities = {}
        for r in ids or []:
            if r.get("identity"):
                r["owner"] = self.canon(r.get("owner"))
                r["created_at"] = parse_instant(r.get("created_at"))
                for k in ("kind", "owner_status", "criticality"):
                    r[k] = r.get(k).lower() if r.get(k) else None
                self.identities.setdefault(r["identity"], r)
        self.apis = {}
        for r in apis or []:
            if r.get("api"):
                r["owner"] = self.canon(r.get("owner"))
                r["is_external"] = parse_bool(r.get("is_external"))
                for k in ("criticality", "declared_proof"):
                    r[k] = r.get(k).lower() if r.get(k) else None
                self.apis.setdefault(r["api"], r)
        self.grants = []
        for r in grants or []:
            for sc in split_list(r.get("scope")):
                if r.get("identity"):
                    self.grants.append(dict(identity=self.canon(r["identity"]), scope=sc, api=r.get("api"),
                                            granted_at=parse_instant(r.get("granted_at")),
                                            removed_at=parse_instant(r.get("removed_at"))))
        self.has_exceptions, self.exceptions = False, []
        p = os.path.join(f, "exceptions.toml")
        if os.path.exists(p):
            self.has_exceptions = True
            with open(p, "rb") as fh:
                doc = tomllib.load(fh)
            for name, v in doc.items():       # any array of tables at the top level, e.g. [[exceptions]]
                if isinstance(v, list) and all(isinstance(x, dict) for x in v):
                    self.exceptions += [self.exception(x, None) for x in v]
                elif isinstance(v, dict):     # or [exceptions.ID]
                    self.exceptions += [self.exception(x, k) for k, x in v.items() if isinstance(x, dict)]

    def canon(self, x):
        return self.alias.get(x, x)

    def exception(self, x, key):
        app, exp = parse_instant(x.get("approved_at")), parse_instant(x.get("expires_at"))
        end = exp if exp is not None else app + WINDOW if app is not None else None
        return dict(id=str(x.get("id", key)), control=x.get("control"), api=x.get("api") or None,
                    identity=self.canon(x.get("identity") or None), reason=x.get("reason"),
                    owner=self.canon(x.get("owner") or None), approved_at=app, expires_at=exp, end=end)


# ---------------------------------------------------------------- credentials
class Cred:
    __slots__ = ("ref", "events", "etimes", "acc", "blocked", "ids", "iats", "exps", "uses", "token_claims")

    def __init__(self, ref):
        self.ref, self.events, self.etimes = ref, [], []
        self.acc, self.blocked = [], []       # accepted calls, blocked calls (with a violation, not rate_limited)
        self.ids, self.iats, self.exps = [], [], []   # (time, value) of accepted calls, when it changes
        self.uses = []
        self.token_claims = None              # first accepted call that carried iat or exp


def change(lst, t, v):
    if v is not None and (not lst or lst[-1][1] != v):
        lst.append((t, v))


def last_before(lst, T):
    i = bisect.bisect_left(lst, T, key=lambda p: p[0])
    return lst[i - 1][1] if i else None


def seconds(us):
    return None if us is None else us / US


def sort_key(*xs):
    return tuple((x is not None, x if x is not None else "") for x in xs)


# ---------------------------------------------------------------- the run
class Run:
    def __init__(self, frames, inventory, period, as_of=None):
        grain = "quarter" if "Q" in period else "month"
        self.headline = Period(grain, period, 1 << 62)
        self.as_of = as_of if as_of is not None else self.headline.end
        self.headline.T = min(self.headline.end, self.as_of)
        self.inv = Inventory(inventory)
        self.calls, self.events, self.tickets = load_frames(frames, self.as_of)
        self.ctimes = [c.t for c in self.calls]
        for e in self.events:
            e.owner = self.inv.canon(e.owner)
        self.out = {}
        self.rows = []
        self.index()
        self.build_grants()
        self.build_cases()
        self.judge_calls()
        self.build_periods()
        self.measure()
        self.entities()

    # ---- indexes
    def index(self):
        self.creds, self.ev_id, self.acc_id = {}, defaultdict(list), defaultdict(list)
        self.use_id = defaultdict(list)

        def cred(ref):
            c = self.creds.get(ref)
            if c is None:
                c = self.creds[ref] = Cred(ref)
            return c
        for e in self.events:
            if e.identity:
                self.ev_id[e.identity].append(e)
                if e.ok and e.action in ("token_issued", "token_refreshed", "credential_used"):
                    self.use_id[e.identity].append(e.t)
            if e.credential:
                c = cred(e.credential)
                c.events.append(e)
                c.etimes.append(e.t)
                if e.ok and e.action == "credential_used":
                    c.uses.append(e.t)
        for c in self.calls:
            if c.accepted and c.identity:
                self.acc_id[c.identity].append(c.t)
                self.use_id[c.identity].append(c.t)
            if c.credential:
                k = cred(c.credential)
                if c.accepted:
                    k.acc.append(c)
                    k.uses.append(c.t)
                    change(k.ids, c.t, c.identity)
                    change(k.iats, c.t, c.iat)
                    change(k.exps, c.t, c.exp)
                    if k.token_claims is None and (c.iat is not None or c.exp is not None):
                        k.token_claims = c.t
                elif c.decision == "blocked" and c.violation is not None and c.violation != "rate_limited":
                    k.blocked.append(c)
        for v in self.use_id.values():
            v.sort()
        for c in self.creds.values():
            c.uses.sort()
        # lifecycle, owner and deletion histories per identity
        self.life, self.owners, self.deleted = defaultdict(list), defaultdict(list), defaultdict(list)
        for e in self.events:
            if not e.identity or not e.ok:
                continue
            if e.action in ("identity_created", "identity_enabled"):
                self.life[e.identity].append((e.t, True))
            elif e.action in ("identity_disabled", "identity_deleted"):
                self.life[e.identity].append((e.t, False))
                if e.action == "identity_deleted":
                    self.deleted[e.identity].append(e.t)
            if e.action == "owner_removed":
                self.owners[e.identity].append((e.t, None))
            elif e.owner:
                self.owners[e.identity].append((e.t, e.owner))
        self.first_owner_event = min((e.t for e in self.events if e.owner or e.action in ("owner_assigned", "owner_removed")),
                                     default=None)
        # the log's horizon, and that of all data where there is no request
        day = lambda t: t // DAY * DAY
        self.horizon = (day(self.calls[0].t), day(self.calls[-1].t) + DAY) if self.calls else None
        every = [c.t for c in (self.calls[:1] + self.calls[-1:])] + [e.t for e in (self.events[:1] + self.events[-1:])] \
            + [t["reported_at"] for t in self.tickets]
        self.any_horizon = self.horizon or ((day(min(every)), day(max(every)) + DAY) if every else None)

    def covered(self, T):
        return self.horizon is not None and self.horizon[0] <= T - WINDOW and T <= self.horizon[1]

    def in_period(self, P):
        return self.calls[bisect.bisect_left(self.ctimes, P.start):bisect.bisect_left(self.ctimes, P.T)]

    # ---- identities at T
    def is_live(self, i, T):
        state = True
        for t, alive in self.life.get(i, ()):
            if t >= T:
                break
            state = alive
        return state

    def owner_at(self, i, T):
        inv = self.inv.identities.get(i)
        if inv and inv["owner"]:              # CHOICE: the inventory holds as given
            return inv["owner"]
        o = None
        for t, v in self.owners.get(i, ()):
            if t >= T:
                break
            o = v
        return o

    def ownership_given(self, T):
        return self.inv.has_owner or (self.first_owner_event is not None and self.first_owner_event < T)

    def ownership(self, i, T):
        """(owner, unowned, orphaned)"""
        if not self.ownership_given(T):
            return None, False, False
        o = self.owner_at(i, T)
        inv = self.inv.identities.get(i)
        departed = bool(inv and inv["owner_status"] == "departed")
        return o, o is None, departed or (o is not None and not self.is_live(o, T))

    def first_known(self, i, T):
        xs = []
        inv = self.inv.identities.get(i)
        if inv and inv["created_at"] is not None and inv["created_at"] < T:
            xs.append(inv["created_at"])
        if self.ev_id.get(i) and self.ev_id[i][0].t < T:
            xs.append(self.ev_id[i][0].t)
        if self.acc_id.get(i) and self.acc_id[i][0] < T:
            xs.append(self.acc_id[i][0])
        return min(xs, default=None)

    def known_identities(self, T):
        ids = {i for i, r in self.inv.identities.items() if r["created_at"] is None or r["created_at"] < T}
        ids |= {i for i, ev in self.ev_id.items() if ev[0].t < T}
        ids |= {i for i, a in self.acc_id.items() if a[0] < T}
        return ids

    def identity_states(self, T, creds):
        live_creds = defaultdict(int)
        for s in creds.values():
            if s["live"] and s["identity"]:
                live_creds[s["identity"]] += 1
        given, cov = self.ownership_given(T), self.covered(T)
        out = {}
        for i in self.known_identities(T):
            live = self.is_live(i, T)
            owner, unowned, orphaned = self.ownership(i, T)
            first = self.first_known(i, T)
            uses = self.use_id.get(i, [])
            n = bisect.bisect_left(uses, T)
            last = uses[n - 1] if n else None
            dormant = None
            if cov:
                dormant = ((live_creds[i] > 0 or i in self.inv.identities) and (last is None or last < T - WINDOW)
                           and first is not None and first <= T - WINDOW)
            judged = live and (given or cov)
            out[i] = dict(live=live, owner=owner, judged=judged, unowned=unowned if given else None,
                          orphaned=orphaned if given else None, dormant=dormant, first=first, last=last,
                          live_creds=live_creds[i],
                          reason=None if judged else "not_live" if not live else "no_ownership;window_not_covered")
        return out

    # ---- credentials at T
    def cred_state(self, c, T):
        n = bisect.bisect_left(c.etimes, T)
        evs = c.events[:n]
        if not evs and not (c.acc and c.acc[0].t < T):
            return None                       # known from events or accepted calls
        kind = identity = issued = expires = iss = None
        is_token = False
        ends = []
        for e in evs:
            if e.credential_kind is not None:
                kind = e.credential_kind
            if e.identity is not None:
                identity = e.identity
            if e.outcome != "failure":
                if e.issued_at is not None:
                    issued = e.issued_at
                if e.expires_at is not None:
                    expires = e.expires_at
                if e.action == "credential_expired":
                    ends.append((e.t, 0, "expiry"))
            if e.ok:
                if e.action in ISSUES:
                    iss = e
                    is_token |= e.action == "token_issued"
                elif e.action in REVOKES:
                    ends.append((e.t, 1, "revocation_auto" if e.is_automatic else "revocation_manual"))
                elif e.action == "credential_rotated":
                    ends.append((e.t, 2, "rotation_auto" if e.is_automatic else "rotation_manual"))
        if iss is not None:
            issued = iss.issued_at if iss.issued_at is not None else iss.t      # CHOICE: issuance time as issued_at
            expires = iss.expires_at if iss.expires_at is not None else expires
        if issued is None:
            issued = last_before(c.iats, T)
        if expires is None:
            expires = last_before(c.exps, T)
        if identity is None:
            identity = last_before(c.ids, T)
        if expires is not None and expires < T:
            ends.append((expires, 0, "expiry"))
        if identity is not None and self.deleted.get(identity) and self.deleted[identity][0] < T:
            ends.append((self.deleted[identity][0], 3, "deletion"))
        end = min(ends, default=None)         # first; ties in the order of the text
        if kind in TOKEN_KINDS or (kind is None and c.token_claims is not None and c.token_claims < T):
            is_token = True                   # CHOICE: iat/exp seen on calls and no kind known: a token
        ttl = expires - issued if issued is not None and expires is not None else None
        no_expiry = (kind in SECRET_KINDS and iss is not None and expires is None and "okta" in (iss.source or ""))
        limit = LIMIT.get(kind) or (LIMIT["access_token"] if is_token else None)
        short = (False if no_expiry else None if ttl is None or limit is None else ttl <= limit)
        return dict(kind=kind, identity=identity, issued_at=issued, expires_at=expires, ttl=ttl, short=short,
                    no_expiry=no_expiry, is_token=is_token, ended_at=end[0] if end else None,
                    ended_by=end[2] if end else None, live=end is None)

    def cred_states(self, T):
        out = {}
        for ref, c in self.creds.items():
            s = self.cred_state(c, T)
            if s is not None:
                out[ref] = s
        return out

    # ---- grants
    def build_grants(self):
        by_key = defaultdict(list)            # (identity, scope, api) -> [[start or None, end or None]]
        for g in self.inv.grants:
            by_key[(g["identity"], g["scope"], g["api"])].append([g["granted_at"], g["removed_at"]])
        for e in self.events:
            if e.ok and e.action == "scope_granted" and e.identity:
                for s in e.scopes or ():
                    by_key[(e.identity, s, e.api)].append([e.t, None])
        pairs = defaultdict(list)
        for k in by_key:
            pairs[k[:2]].append(k)
        for e in self.events:                 # CHOICE: a revocation event also closes an inventory grant
            if e.ok and e.action == "scope_revoked" and e.identity:
                for s in e.scopes or ():
                    keys = pairs.get((e.identity, s), []) if e.api is None else [(e.identity, s, e.api)]
                    for k in keys:
                        for iv in by_key.get(k, ()):
                            if (iv[0] is None or iv[0] <= e.t) and (iv[1] is None or iv[1] > e.t):
                                iv[1] = e.t
        self.grants = by_key
        self.granted_identities = {k[0] for k, ivs in by_key.items() if any(a is None or a < self.as_of for a, _ in ivs)}
        self.grants_of = defaultdict(list)
        for (i, s, a), ivs in by_key.items():
            for iv in ivs:
                self.grants_of[i].append((s, a, iv[0], iv[1]))
        # accepted calls by identity and by what they show of scopes
        self.sigs = defaultdict(lambda: defaultdict(list))
        for c in self.calls:
            if c.accepted and c.identity:
                self.sigs[c.identity][(c.api, c.scopes, c.required)].append(c.t)
        self._used = {}

    def used_by(self, scopes, required):
        """Scopes a call used: required and carried (or covered by a carried one), else carried."""
        k = (scopes, required)
        u = self._used.get(k)
        if u is None:
            if scopes is None:
                u = ()
            elif required is not None:
                u = tuple(r for r in required if any(covers(s, r) for s in scopes))
            else:
                u = scopes
            self._used[k] = u
        return u

    def grant_states(self, T):
        lo, cov = T - WINDOW, self.covered(T)
        known = {}
        out = []
        for (i, s, a), ivs in self.grants.items():
            live = [iv for iv in ivs if (iv[0] is None or iv[0] < T) and (iv[1] is None or iv[1] >= T)]
            if not live:
                continue
            granted = min((iv[0] for iv in live if iv[0] is not None), default=None)
            removed = None if any(iv[1] is None for iv in live) else max(iv[1] for iv in live)
            n, last, basis = 0, None, "required"
            for (api, scopes, required), times in self.sigs.get(i, {}).items():
                if (a is not None and api != a) or not any(covers(s, u) for u in self.used_by(scopes, required)):
                    continue
                x, y = bisect.bisect_left(times, lo), bisect.bisect_left(times, T)
                if y > x:
                    n += y - x
                    last = max(last or 0, times[y - 1])
                    if required is None:
                        basis = "carried"
            if i not in known:
                known[i] = any(sc is not None and bisect.bisect_left(ts, T) > bisect.bisect_left(ts, lo)
                               for (_, sc, _), ts in self.sigs.get(i, {}).items())
            if n:
                state = "used"
            elif granted is not None and granted > lo:
                state = "too_young"
            elif not known[i] or not cov:
                state = "unobservable"
            else:
                state = "unused"
            out.append(dict(identity=i, scope=s, api=a, granted_at=granted, removed_at=removed, state=state,
                            basis=basis if n else None, last_used=last, calls=n, is_broad=is_broad(s)))
        return out

    # ---- revocation cases
    def case_identity(self, ref):
        c = self.creds.get(ref)
        if c is None:
            return None
        ids = [e.identity for e in c.events if e.identity is not None]
        return ids[-1] if ids else (c.ids[-1][1] if c.ids else None)

    def build_cases(self):
        exposures = defaultdict(list)
        for e in self.events:
            if e.action == "credential_exposed" and e.credential:
                exposures[e.credential].append(e)
        reports = defaultdict(list)
        for t in self.tickets:
            if t["credential"]:
                reports[t["credential"]].append(t["reported_at"])
        self.revs = []
        for t in self.tickets:
            linked = [e.t for e in exposures.get(t["credential"], ()) if abs(e.t - t["reported_at"]) <= WEEK] \
                if t["credential"] else []
            det = t["detected_at"] if t["detected_at"] is not None else min([t["reported_at"]] + linked)
            self.revs.append(self.case(t["ticket"], t["tracker"], t["identity"], t["credential"], t["severity"],
                                       bool(t["is_false_positive"]), t["exposed_at"], det, t["reported_at"],
                                       t["contained_at"], t["revoked_at"]))
        for ref, evs in exposures.items():
            start = None
            for e in evs:                     # in time order
                if any(abs(e.t - r) <= WEEK for r in reports.get(ref, ())):
                    continue
                if start is not None and e.t - start <= WEEK:   # CHOICE: 7 days from the case's first event
                    continue
                start = e.t
                self.revs.append(self.case(None, e.provider, e.identity, ref, None, False, None, e.t, e.t, None, None))
        self.cases = [r for r in self.revs if not r["is_false_positive"]]
        # RV03 / reason (a): from when on an accepted call is one too many
        self.cut, self.open_spans = {}, defaultdict(list)
        judged = defaultdict(list)
        for r in self.cases:
            if r["credential"]:
                if not r["_negative"]:
                    judged[r["credential"]].append(r["revoked_at"])
                self.open_spans[r["credential"]].append((r["detected_at"], r["revoked_at"]))
        for ref, c in self.creds.items():
            if ref in judged:
                xs = [x for x in judged[ref] if x is not None]
            else:
                xs = [e.t for e in c.events if e.ok and e.action in REVOKES][:1]
            if xs:
                self.cut[ref] = min(xs) + GRACE

    def case(self, ticket, tracker, identity, ref, severity, fp, exposed, detected, reported, contained_claim, revoked_claim):
        cred = self.creds.get(ref) if ref else None
        identity = identity if identity is not None else self.case_identity(ref) if ref else None
        id_events = self.ev_id.get(identity, ()) if identity else ()
        cr_events = cred.events if cred else ()
        cont = [e.t for e in cr_events if e.ok and e.action == "credential_contained" and e.t >= detected] \
            + [e.t for e in id_events if e.ok and e.action == "identity_disabled" and e.t >= detected]
        contained = min(cont) if cont else contained_claim
        low = min(exposed, detected) if exposed is not None else detected
        idp = [e.t for e in cr_events if e.ok and e.action in REVOKES and e.t >= low] \
            + [e.t for e in id_events if e.ok and e.action == "identity_deleted" and e.t >= low]
        revoked, by = (min(idp), "idp") if idp else (revoked_claim, "ticket" if revoked_claim is not None else None)
        acc = [c.t for c in cred.acc] if cred else []
        last_acc = acc[-1] if acc else None
        enforced = None if revoked is None else max(revoked, last_acc) if last_acc is not None else revoked
        ttr = ettr = None
        if revoked is not None:
            ttr, ettr = revoked - detected, enforced - detected
            if by == "idp":                   # the one case: revoked between exposure and detection
                ttr, ettr = max(0, ttr), max(0, ettr)
        after = [t for t in acc if t > revoked + GRACE] if revoked is not None else []
        rej = [c.t for c in cred.blocked if c.t > revoked] if cred and revoked is not None else []
        if not ref:
            grade = "not_observable"
        elif revoked is None:
            grade = "open" if contained is None else "contained_only"
        elif after:
            hi = detected + WEEK
            own = any(e.ok and e.action in REVOKES and detected <= e.t <= hi for e in cr_events)
            other = identity is not None and any(
                e.ok and e.action in REVOKES and e.credential and e.credential != ref and detected <= e.t <= hi
                and (e.identity if e.identity is not None else self.case_identity(e.credential)) == identity
                for e in self.revocations())
            grade = "wrong_credential" if other and not own else "still_accepted"
        else:
            grade = "rejected" if rej else "silent"
        since = exposed if exposed is not None else detected
        reach = [c for c in cred.acc if c.t >= since] if cred else []
        return dict(ticket=ticket, tracker=tracker, identity=identity, credential=ref, severity=severity,
                    is_open=revoked is None, is_false_positive=fp, exposed_at=exposed, detected_at=detected,
                    reported_at=reported, contained_at=contained, revoked_at=revoked, enforced_at=enforced,
                    revoked_by=by, last_accepted_at=last_acc, first_rejected_at=rej[0] if rej else None,
                    accepted_after=len(after), rejected_after=len(rej), proof_grade=grade,
                    time_to_revoke_s=seconds(ttr), effective_time_to_revoke_s=seconds(ettr),
                    apis_reached=sorted({c.api for c in reach if c.api}),
                    scopes_used=sorted({s for c in reach for s in c.scopes or ()}), calls_after_exposure=len(reach),
                    _ttr=ttr, _ettr=ettr, _negative=ttr is not None and ttr < 0)

    def revocations(self):
        if not hasattr(self, "_revocations"):
            self._revocations = [e for e in self.events if e.action in REVOKES]
        return self._revocations

    # ---- per call: scopes without grant, exceptions, missed violations
    def judge_calls(self):
        cover_cache, entry_cache, kinds = {}, {}, {}
        ent = self.inv.exceptions

        def ungranted(c):
            if not c.scopes or c.identity not in self.granted_identities:
                return ()
            out = []
            for s in c.scopes:
                k = (c.identity, s, c.api)
                ivs = cover_cache.get(k)
                if ivs is None:
                    ivs = cover_cache[k] = [(lo, hi) for g, a, lo, hi in self.grants_of.get(c.identity, ())
                                            if (a is None or a == c.api) and covers(g, s)]
                if not any((lo is None or lo <= c.t) and (hi is None or c.t < hi) for lo, hi in ivs):
                    out.append(s)
            return tuple(out)

        def ttl_limit(ref):
            if ref not in kinds:
                cr = self.creds.get(ref)
                ks = [e.credential_kind for e in cr.events if e.credential_kind] if cr else []
                kinds[ref] = LIMIT.get(ks[-1] if ks else None, LIMIT["access_token"])
            return kinds[ref]

        def fails(c, control):
            if control == "sender_constraint":
                return c.cls == "r"
            if control == "ttl":
                return c.iat is not None and c.exp is not None and c.exp - c.iat > ttl_limit(c.credential)
            if control == "scope":
                return any(is_broad(s) for s in c.scopes or ())
            if control == "revocation":
                return any(d <= c.t and (r is None or c.t < r) for d, r in self.open_spans.get(c.credential, ()))
            if control == "ownership" and c.identity is not None:
                _, unowned, orphaned = self.ownership(c.identity, c.t)
                return unowned or orphaned
            return False

        for c in self.calls:
            if not c.accepted:
                continue
            c.ungranted = ungranted(c)
            if c.auth and ent:
                k = (c.api, c.identity)
                mine = entry_cache.get(k)
                if mine is None:
                    mine = entry_cache[k] = [n for n, x in enumerate(ent) if (x["api"] or x["identity"])
                                             and x["api"] in (None, c.api) and x["identity"] in (None, c.identity)]
                if mine:
                    act, exp = [], []
                    for n in mine:
                        x = ent[n]
                        if (x["approved_at"] is None or x["approved_at"] <= c.t) and fails(c, x["control"]):
                            (act if x["end"] is None or c.t < x["end"] else exp).append(n)
                    c.active, c.expired = tuple(act), tuple(exp) if not act else ()
            m = []
            if c.credential in self.cut and c.t > self.cut[c.credential]:
                m.append("revoked_credential")
            if c.exp is not None and c.t > c.exp + GRACE:
                m.append("expired_token")
            if c.ungranted:
                m.append("scope_not_granted")
            if c.proof == "bound_downgraded":
                m.append("bound_downgraded")
            if c.auth and c.cls == "r" and self.inv.apis.get(c.api, {}).get("declared_proof") == "required":
                m.append("proof_required")
            if c.expired:
                m.append("exception_expired")
            c.missed = tuple(m)

    # ---- periods: those with at least one call, event or case, and the headline
    def build_periods(self):
        months = {period_name("month", t) for t in {t // DAY * DAY for t in self.ctimes}}
        months |= {period_name("month", e.t) for e in self.events}
        months |= {period_name("month", r["detected_at"]) for r in self.revs}
        months |= {period_name("month", r["reported_at"]) for r in self.revs}
        quarters = {period_name("quarter", parse_instant(m + "-01")) for m in months}
        (quarters if self.headline.grain == "quarter" else months).add(self.headline.name)
        self.periods = [Period(g, n, self.as_of) for g, ns in (("quarter", quarters), ("month", months)) for n in sorted(ns)]
        self.periods = [p for p in self.periods if p.start < self.as_of]
        for p in self.periods:
            h = self.any_horizon
            p.partial = p.end > self.as_of or h is None or not (h[0] <= p.start and p.end <= h[1])

    # ---- rows
    def add(self, P, metric, stat, unit, value=None, num=None, den=None, ci=(None, None), reason=None, flags=(),
            n_ie=0, seg=("all", "all"), se=None, measured=None):
        if measured is None:
            measured = reason is None
        fl = [f for f in ("small", "extrapolated", "not_reached", "partial") if f in flags or (f == "partial" and P.partial)]
        self.rows.append(dict(metric_id=metric, statistic=stat, grain=P.grain, period=P.name, period_start=P.start,
                              period_end=P.end, segment_kind=seg[0], segment=seg[1], value=value, numerator=num,
                              denominator=den, ci_low=ci[0], ci_high=ci[1], unit=unit,
                              status="measured" if measured else "not_measured", reason=reason,
                              flags=";".join(fl) or None, n_insufficient_evidence=n_ie, target=None,
                              judgement="no_target", trend=None, as_of=self.as_of, _se=se, _prev=P.prev))

    def share(self, P, metric, stat, num, den, reason, n_ie=0, seg=("all", "all"), force=None):
        """force: a reason why it is not measured whatever the numbers; reason: for a denominator of 0."""
        if force or not den:
            self.add(P, metric, stat, "share", None, None if force else num, None if force else den,
                     reason=force or reason, n_ie=n_ie, seg=seg)
        else:
            self.add(P, metric, stat, "share", num / den, num, den, wilson(num, den),
                     flags=("small",) if den < 30 else (), n_ie=n_ie, seg=seg)

    def count(self, P, metric, stat, n, force=None, n_ie=0, seg=("all", "all")):
        self.add(P, metric, stat, "count", None if force else float(n), reason=force, n_ie=n_ie, seg=seg)

    def measure(self):
        self.api_rows = []
        for P in self.periods:
            calls = self.in_period(P)
            none = None if calls else "no_requests"
            empty = "no_requests" if not calls else "no_judged"
            self.m_sender(P, calls, none, empty)
            self.m_scopes(P, calls, none, empty)
            creds = self.cred_states(P.T)
            self.m_tokens(P, creds)
            self.m_identities(P, creds)
            self.m_revocation(P, calls, none)
            self.m_runtime(P, calls, none, empty)
            self.m_exceptions(P, calls, none, empty)
        self.judge_rows()

    def m_sender(self, P, calls, none, empty):
        apis = {}
        tot = dict(c=0, r=0, n=0)
        net_c = net_r = net_n = downgraded = 0
        for c in calls:
            a = None
            if c.api is not None:
                a = apis.get(c.api)
                if a is None:
                    a = apis[c.api] = dict(c=0, r=0, n=0, acc=0, aa=0, downgraded=0, blocked_proof=False, exc=False,
                                           exc_calls=0, known=0, broad=set(), first=c.t, last=c.t)
                a["last"] = c.t
            if c.accepted:
                if a:
                    a["acc"] += 1
                if c.proof == "bound_downgraded":
                    downgraded += 1
                    if a:
                        a["downgraded"] += 1
                if c.auth:
                    tot[c.cls] += 1
                    if not c.active:
                        net_c += c.cls == "c"
                        net_r += c.cls == "r"
                        net_n += c.cls == "n"
                    if a:
                        a[c.cls] += 1
                        a["aa"] += 1
                        if c.active:
                            a["exc"] = True
                            a["exc_calls"] += 1
                        if c.scopes is not None:
                            a["known"] += 1
                            for s in c.scopes:
                                if is_broad(s):
                                    a["broad"].add(s)
            elif c.decision == "blocked" and a:
                if c.violation == "proof_failed" or (c.violation != "rate_limited" and c.proof == "none"
                                                     and c.scheme in ("bearer", "api_key", "basic")):
                    a["blocked_proof"] = True
        for a in apis.values():
            if a["c"] + a["r"] == 0 or 20 * a["n"] > a["c"] + a["r"] + a["n"]:
                a["verdict"] = "insufficient_evidence"
            else:
                a["verdict"] = "constrained" if not a["r"] else "bearer_only" if not a["c"] else "dual_accept"
            a["enforcement"] = None
            if a["verdict"] == "constrained":
                a["enforcement"] = "proven" if a["blocked_proof"] else "unchallenged"
            if a["aa"] == 0 or 20 * a["known"] < 19 * a["aa"]:
                a["scope_verdict"] = "insufficient_evidence"
            else:
                a["scope_verdict"] = "broad" if a["broad"] else "least_privilege"
        self.apis = apis

        def tally(sel):
            v = [a["verdict"] for n, a in apis.items() if sel(n, a)]
            ie = v.count("insufficient_evidence")
            return v.count("constrained"), len(v) - ie, ie
        no_crit = None if any(r["criticality"] for r in self.inv.apis.values()) else "no_inventory"
        no_exc = None if self.inv.has_exceptions else "no_exceptions"
        critical = lambda n, a=None: self.inv.apis.get(n, {}).get("criticality") in CRITICAL
        k, n, ie = tally(lambda *_: True)
        self.share(P, "SC01", "value", k, n, empty, ie)
        judged = [a for a in apis.values() if a["verdict"] != "insufficient_evidence"]
        self.share(P, "SC01", "share_by_calls", sum(a["aa"] for a in judged if a["verdict"] == "constrained"),
                   sum(a["aa"] for a in judged), empty,
                   sum(a["aa"] for a in apis.values() if a["verdict"] == "insufficient_evidence"))
        k, n, ie = tally(critical)
        self.share(P, "SC01", "share_critical", k, n, empty, ie, force=no_crit)
        k, n, ie = tally(lambda _, a: not a["exc"])
        self.share(P, "SC01", "net_of_exceptions", k, n, empty, ie, force=no_exc)
        for v in ("constrained", "dual_accept", "bearer_only", "insufficient_evidence"):
            self.count(P, "SC01", "n_" + v, sum(a["verdict"] == v for a in apis.values()), none)
        for v in ("proven", "unchallenged"):
            self.count(P, "SC01", "n_" + v, sum(a["enforcement"] == v for a in apis.values()), none)
        self.share(P, "SC02", "value", tot["r"], tot["c"] + tot["r"], empty, tot["n"])
        self.share(P, "SC02", "net_of_exceptions", net_r, net_c + net_r, empty, net_n, force=no_exc)
        self.count(P, "SC03", "value", downgraded, none, tot["n"])
        self.count(P, "SC03", "n_apis", sum(a["downgraded"] > 0 for a in apis.values()), none)
        for name in sorted(apis):
            a = apis[name]
            self.share(P, "SC02", "value", a["r"], a["c"] + a["r"], "no_judged", a["n"], ("api", name))
            self.count(P, "SC03", "value", a["downgraded"], None, a["n"], ("api", name))
        decl = {n: a for n, a in apis.items() if self.inv.apis.get(n, {}).get("declared_proof") == "required" and a["acc"]}
        no_decl = None if self.inv.has_apis else "no_inventory"
        self.share(P, "SC04", "value", sum(a["r"] > 0 for a in decl.values()), len(decl), empty, force=no_decl)
        crit = [a for n, a in decl.items() if critical(n)]
        self.share(P, "SC04", "share_critical", sum(a["r"] > 0 for a in crit), len(crit), empty, force=no_decl or no_crit)
        if P.grain == "quarter":
            for name, a in apis.items():
                inv = self.inv.apis.get(name, {})
                self.api_rows.append(dict(
                    period=P.name, api=name, owner=inv.get("owner"), environment=inv.get("environment"),
                    criticality=inv.get("criticality"), is_external=inv.get("is_external"),
                    declared_proof=inv.get("declared_proof"), accepted_calls=a["acc"], authenticated_calls=a["aa"],
                    n_constrained=a["c"], n_replayable=a["r"], n_no_evidence=a["n"], verdict=a["verdict"],
                    enforcement=a["enforcement"], has_exception=a["exc"], scope_verdict=a["scope_verdict"],
                    broad_scopes=sorted(a["broad"]), first_seen=a["first"], last_seen=a["last"]))

    def m_scopes(self, P, calls, none, empty):
        apis = self.apis
        no_crit = None if any(r["criticality"] for r in self.inv.apis.values()) else "no_inventory"

        def tally(sel):
            v = [a["scope_verdict"] for n, a in apis.items() if sel(n)]
            ie = v.count("insufficient_evidence")
            return v.count("least_privilege"), len(v) - ie, ie
        k, n, ie = tally(lambda _: True)
        self.share(P, "SP01", "value", k, n, empty, ie)
        self.count(P, "SP01", "n_broad", n - k, none)
        k, n, ie = tally(lambda a: self.inv.apis.get(a, {}).get("criticality") in CRITICAL)
        self.share(P, "SP01", "share_critical", k, n, empty, ie, force=no_crit)
        gs = self.grant_states(P.T)
        force = "no_grants" if not self.granted_identities else None if self.covered(P.T) else "window_not_covered"
        used, unused = sum(g["state"] == "used" for g in gs), sum(g["state"] == "unused" for g in gs)
        self.share(P, "SP02", "value", used, used + unused, "no_judged", len(gs) - used - unused, force=force)
        per = defaultdict(lambda: [0, 0])
        for g in gs:
            p = per[g["identity"]]
            p[0] += g["state"] == "used"
            p[1] += g["state"] == "unused"
        judged = {i: p for i, p in per.items() if p[0] + p[1]}
        over = {i for i, (u, n) in judged.items() if 5 * n > 2 * (u + n)}
        self.share(P, "SP03", "value", len(over), len(judged), "no_judged", len(per) - len(judged), force=force)
        crit = {i for i in per if self.inv.identities.get(i, {}).get("criticality") in CRITICAL}
        no_crit = None if any(r["criticality"] for r in self.inv.identities.values()) else "no_inventory"
        self.share(P, "SP03", "share_critical", len(over & crit), len(crit & judged.keys()), "no_judged",
                   len(crit - judged.keys()), force=force or no_crit)
        pairs, n_calls, unjudged = set(), 0, set()
        for c in calls:
            if c.ungranted:
                n_calls += 1
                pairs.update((c.identity, s) for s in c.ungranted)
            elif c.accepted and c.scopes and c.identity is not None and c.identity not in self.granted_identities:
                unjudged.update((c.identity, s) for s in c.scopes)
        force = none or (None if self.granted_identities else "no_grants")
        self.count(P, "SP04", "value", len(pairs), force, len(unjudged))
        self.count(P, "SP04", "n_calls", n_calls, force)

    def m_tokens(self, P, creds):
        by_kind = defaultdict(lambda: [0, 0, 0])      # short, known, unknown
        has_ev = any(e.t < P.T for e in self.events[:1])
        for e in self.events:
            if not (e.ok and e.action in ("token_issued", "token_refreshed") and P.start <= e.t < P.T):
                continue
            kind = e.credential_kind
            b = by_kind[kind or "unknown"]
            if e.expires_at is not None:
                ttl = e.expires_at - (e.issued_at if e.issued_at is not None else e.t)
                b[0] += ttl <= LIMIT.get(kind, LIMIT["access_token"])
                b[1] += 1
            elif kind in SECRET_KINDS and "okta" in (e.source or ""):
                b[1] += 1                     # no_expiry
            else:
                b[2] += 1
        reason = "no_judged" if has_ev else "no_events"
        tot = [sum(b[i] for b in by_kind.values()) for i in range(3)]
        self.share(P, "TK01", "value", tot[0], tot[1], reason, tot[2])
        for k in sorted(by_kind):
            self.share(P, "TK01", "value", by_kind[k][0], by_kind[k][1], reason, by_kind[k][2], ("kind", k))
        sec = [s for s in creds.values() if s["kind"] in SECRET_KINDS and s["live"]]
        judged = [s for s in sec if s["short"] is not None]
        self.share(P, "TK02", "value", sum(s["short"] for s in judged), len(judged), reason, len(sec) - len(judged))
        self.count(P, "TK02", "n_no_expiry", sum(s["no_expiry"] for s in sec), None if has_ev else "no_events")
        ended = [s for s in creds.values() if not s["is_token"] and s["ended_at"] is not None
                 and P.start <= s["ended_at"] < P.T]
        auto = sum(s["ended_by"] in ("expiry", "rotation_auto", "revocation_auto") for s in ended)
        self.share(P, "TK03", "value", auto, len(ended), reason)

    def m_identities(self, P, creds):
        st = self.identity_states(P.T, creds)
        live = {i: s for i, s in st.items() if s["live"]}
        judged = {i: s for i, s in live.items() if s["judged"]}
        bad = lambda s: bool(s["unowned"] or s["orphaned"] or s["dormant"])
        given, cov = self.ownership_given(P.T), self.covered(P.T)
        reason = "no_identities" if not live else "no_ownership;window_not_covered"
        self.share(P, "ID01", "value", sum(map(bad, judged.values())), len(judged), reason, len(live) - len(judged))
        crit = {i: s for i, s in live.items() if self.inv.identities.get(i, {}).get("criticality") in CRITICAL}
        no_crit = None if any(r["criticality"] for r in self.inv.identities.values()) else "no_inventory"
        cj = [s for s in crit.values() if s["judged"]]
        self.share(P, "ID01", "share_critical", sum(map(bad, cj)), len(cj), reason, len(crit) - len(cj), force=no_crit)
        own = None if given else "no_ownership"
        self.count(P, "ID01", "n_orphaned", sum(bool(s["orphaned"]) for s in judged.values()), own)
        self.count(P, "ID01", "n_unowned", sum(bool(s["unowned"]) for s in judged.values()), own)
        self.count(P, "ID01", "n_dormant", sum(bool(s["dormant"]) for s in judged.values()),
                   None if cov else "window_not_covered")

    def duration_stats(self, P, metric, cases, key, n_neg, have):
        """All the statistics of RV01 / RV02 on r[key] (microseconds; None = open, censored at as_of)."""
        data = [(seconds(r[key]) if r[key] is not None else seconds(self.as_of - r["detected_at"]), r[key] is not None)
                for r in cases]
        n = len(data)
        small = ("small",) if 0 < n < 30 else ()
        reason = "no_cases" if have else "no_tickets"
        self.rmst_row(P, metric, "value", data, 30 * 86400.0, reason)
        self.rmst_row(P, metric, "rmst_30d", data, 30 * 86400.0, reason)
        self.rmst_row(P, metric, "rmst_7d", data, 7 * 86400.0, reason)
        km = KaplanMeier(data)
        for stat, q in (("median_km", .5), ("p75_km", .75), ("p90_km", .9)):
            if not n:
                self.add(P, metric, stat, "seconds", num=0, reason=reason)
            else:
                t = km.quantile(q)
                self.add(P, metric, stat, "seconds", t, n, reason=None if t is not None else "not_reached", measured=True,
                         flags=small + (() if t is not None else ("not_reached",)))
        closed = [t for t, ev in data if ev]
        if closed:
            self.add(P, metric, "mean_closed", "seconds", sum(closed) / len(closed), len(closed),
                     flags=("small",) if len(closed) < 30 else ())
        else:
            self.add(P, metric, "mean_closed", "seconds", num=0, reason=reason if not n else "no_closed_cases")
        opened = [r for r in cases if r[key] is None]
        self.count(P, metric, "n_open", len(opened), None if have else "no_tickets")
        if opened:
            self.add(P, metric, "oldest_open", "seconds", seconds(self.as_of - min(r["detected_at"] for r in opened)),
                     len(opened))
        else:
            self.add(P, metric, "oldest_open", "seconds", num=0, reason=reason if not n else "no_open_cases")
        self.within_row(P, metric, "share_within_target", cases, reason, key=key)
        if metric == "RV01":
            self.count(P, metric, "n_cases", n, None if have else "no_tickets")
            self.count(P, metric, "n_negative", n_neg, None if have else "no_tickets")

    def rmst_row(self, P, metric, stat, data, tau, reason, seg=("all", "all")):
        n = len(data)
        if not n:
            return self.add(P, metric, stat, "seconds", num=0, reason=reason, seg=seg)
        m, se, ext = KaplanMeier(data).rmst(tau)
        self.add(P, metric, stat, "seconds", m, n, None, (m - Z * se, m + Z * se), se=se, seg=seg,
                 flags=(("small",) if n < 30 else ()) + (("extrapolated",) if ext else ()))

    def within_row(self, P, metric, stat, cases, reason, seg=("all", "all"), key="_ttr"):
        n = len(cases)
        if not n:
            return self.add(P, metric, stat, "share", num=0, den=0, reason=reason, seg=seg)
        data = []
        for r in cases:
            target = (4 if r["severity"] == "critical" else 24) * HOUR
            data.append(((r[key] if r[key] is not None else self.as_of - r["detected_at"]) / target, r[key] is not None))
        v = 1 - KaplanMeier(data).S(1.0)
        num = sum(ev and x <= 1 for x, ev in data)
        self.add(P, metric, stat, "share", v, num, n, wilson_p(v, n), flags=("small",) if n < 30 else (), seg=seg)

    def m_revocation(self, P, calls, none):
        mine = [r for r in self.cases if P.start <= r["detected_at"] < P.T]
        good = [r for r in mine if not r["_negative"]]
        have = bool(self.tickets) or bool(self.events)
        reason = "no_cases" if have else "no_tickets"
        self.duration_stats(P, "RV01", good, "_ttr", len(mine) - len(good), have)
        self.duration_stats(P, "RV02", good, "_ettr", 0, have)
        self.within_row(P, "RV05", "value", good, reason)
        by = defaultdict(list)
        for r in good:
            by[r["severity"] or "unknown"].append(r)
        for s in sorted(by):
            data = [(seconds(r["_ttr"]) if r["_ttr"] is not None else seconds(self.as_of - r["detected_at"]),
                     r["_ttr"] is not None) for r in by[s]]
            self.rmst_row(P, "RV01", "value", data, 30 * 86400.0, reason, ("severity", s))
            self.within_row(P, "RV05", "value", by[s], reason, ("severity", s))
        after = [c for c in calls if "revoked_credential" in c.missed]
        force = none or (None if have else "no_tickets")
        self.count(P, "RV03", "value", len(after), force, sum(c.aa and c.credential is None for c in calls))
        self.count(P, "RV03", "n_credentials", len({c.credential for c in after}), force)
        ended = [r for r in self.cases if not r["_negative"] and r["revoked_at"] is not None
                 and P.start <= r["revoked_at"] < P.T]
        grades = [r["proof_grade"] for r in ended]
        den = sum(g in ("rejected", "silent", "still_accepted", "wrong_credential") for g in grades)
        self.share(P, "RV04", "value", grades.count("rejected"), den, reason if not ended else "no_judged", len(grades) - den)

    def m_runtime(self, P, calls, none, empty):
        known = limited = blocked = observed = missed = all_missed = unknown = 0
        by = dict.fromkeys(REASONS, 0)
        for c in calls:
            if c.decision in ("allowed", "blocked", "observed"):
                known += 1
            else:
                unknown += 1
            limited += c.violation == "rate_limited" and c.decision in ("blocked", "observed")
            v = c.violation is not None and c.violation != "rate_limited"
            if c.decision == "blocked" and v:
                blocked += 1
            elif c.decision == "observed" and v:
                observed += 1
            elif c.missed:
                missed += 1
            if c.missed:
                all_missed += 1
                for r in c.missed:
                    by[r] += 1
        bad = blocked + observed + missed
        self.share(P, "RT01", "value", bad, known, empty, unknown)
        self.count(P, "RT01", "n_rate_limited", limited, none)
        self.share(P, "RT02", "value", blocked, bad, empty if not calls else "no_violations", unknown)
        self.count(P, "RT03", "value", all_missed, none)
        lacks = dict(revoked_credential=None if self.events or self.tickets else "no_tickets",
                     scope_not_granted=None if self.granted_identities else "no_grants",
                     proof_required=None if self.inv.has_apis else "no_inventory",
                     exception_expired=None if self.inv.has_exceptions else "no_exceptions")
        for r in REASONS:
            self.count(P, "RT03", "value", by[r], none or lacks.get(r), seg=("reason", r))

    def m_exceptions(self, P, calls, none, empty):
        force = None if self.inv.has_exceptions else "no_exceptions"
        aa = sum(c.aa for c in calls)
        self.share(P, "EX01", "value", sum(bool(c.active) for c in calls), aa, empty, force=force)
        self.count(P, "EX01", "n_dominant", sum(2 * a["exc_calls"] > a["aa"] for a in self.apis.values()), force or none)
        for name in sorted(self.apis):
            a = self.apis[name]
            self.share(P, "EX01", "value", a["exc_calls"], a["aa"], "no_judged", 0, ("api", name), force=force)
        self.count(P, "EX02", "value", len({n for c in calls for n in c.expired}), force or none)

    # ---- target, judgement, trend
    def judge_rows(self):
        key = lambda r, p: (r["metric_id"], r["statistic"], r["grain"], p, r["segment_kind"], r["segment"])
        index = {key(r, r["period"]): r for r in self.rows}
        assert len(index) == len(self.rows)
        for r in self.rows:
            m = r["metric_id"]
            if r["statistic"] == "value" and m in TARGETS and (
                    r["segment_kind"] == "all" or (m == "RV01" and r["segment_kind"] == "severity")):
                op, goal = TARGETS[m]
                if m == "RV01" and r["segment"] == "critical" and r["segment_kind"] == "severity":
                    goal = 4 * 3600.0
                r["target"] = float(goal)
                if r["status"] != "measured" or r["value"] is None:
                    r["judgement"] = "not_measured"
                else:
                    r["judgement"] = "met" if (r["value"] >= goal if op == ">=" else r["value"] <= goal) else "missed"
            r["trend"] = self.trend(r, index.get(key(r, r["_prev"])))

    @staticmethod
    def trend(r, p):
        if r["status"] != "measured" or r["value"] is None:
            return "not_measured"
        if p is None or p["status"] != "measured" or p["value"] is None:
            return "new"

        def gap(x):
            d = (x["denominator"] or 0) + x["n_insufficient_evidence"]
            return x["n_insufficient_evidence"] / d if d else 0.0
        if r["unit"] == "share" and abs(gap(r) - gap(p)) > 0.05:
            return "broken"
        if r["unit"] == "share":
            lo, hi = newcombe(r["value"], r["denominator"], p["value"], p["denominator"])
        elif r["_se"] is not None and p["_se"] is not None:
            d, se = r["value"] - p["value"], math.sqrt(r["_se"] ** 2 + p["_se"] ** 2)
            lo, hi = d - Z * se, d + Z * se
        else:
            return "flat"                     # counts and other durations: no interval is defined
        up = r["metric_id"] in GOOD_UP
        if lo > 0:
            return "improving" if up else "regressing"
        if hi < 0:
            return "regressing" if up else "improving"
        return "flat"

    # ---- entity files, at as_of
    def entities(self):
        T, H = self.as_of, self.headline
        creds = self.cred_states(T)
        self.out["metrics"] = sorted(self.rows, key=lambda r: (r["metric_id"], r["statistic"], r["grain"], r["period"],
                                                               r["segment_kind"], r["segment"]))
        self.out["apis"] = sorted(self.api_rows, key=lambda r: (r["period"], r["api"]))
        gs = self.grant_states(T)
        extra = {}
        for c in self.calls:
            if c.ungranted and T - WINDOW <= c.t < T:
                for s in c.ungranted:
                    g = extra.setdefault((c.identity, s), dict(
                        identity=c.identity, scope=s, api=None, granted_at=None, removed_at=None,
                        state="used_not_granted", basis="carried", last_used=None, calls=0, is_broad=is_broad(s)))
                    g["calls"] += 1
                    g["last_used"] = c.t
        self.out["grants"] = sorted(gs + list(extra.values()),
                                    key=lambda g: sort_key(g["identity"], g["scope"], g["api"], g["state"]))
        per = defaultdict(lambda: dict(granted=0, used=0, unused=0))
        for g in gs:
            p = per[g["identity"]]
            p["granted"] += 1
            if g["state"] in ("used", "unused"):
                p[g["state"]] += 1
        ids, cov = [], self.covered(T)
        for i, s in sorted(self.identity_states(T, creds).items()):
            inv = self.inv.identities.get(i, {})
            kinds = [e.identity_kind for e in self.ev_id.get(i, ()) if e.identity_kind]
            p = per[i] if i in per else dict(granted=0, used=0, unused=0)
            n = p["used"] + p["unused"]
            ok = cov and n > 0
            ids.append(dict(identity=i, kind=inv.get("kind") or (kinds[-1] if kinds else "unknown"), owner=s["owner"],
                            owner_status=inv.get("owner_status") or "unknown", environment=inv.get("environment"),
                            is_live=s["live"], is_unowned=s["unowned"] if s["live"] else None,
                            is_orphaned=s["orphaned"] if s["live"] else None,
                            is_dormant=s["dormant"] if s["live"] else None, judged=s["judged"], reason=s["reason"],
                            first_seen=s["first"], last_used=s["last"], live_credentials=s["live_creds"], **p,
                            unused_share=p["unused"] / n if ok else None,
                            is_over_privileged=5 * p["unused"] > 2 * n if ok else None))
        self.out["identities"] = ids
        self.out["credentials"] = [dict(
            credential=ref, kind=s["kind"], identity=s["identity"], issued_at=s["issued_at"], expires_at=s["expires_at"],
            ttl_s=seconds(s["ttl"]), is_short_lived=s["short"], ended_at=s["ended_at"], ended_by=s["ended_by"],
            first_used=self.creds[ref].uses[0] if self.creds[ref].uses else None,
            last_used=self.creds[ref].uses[-1] if self.creds[ref].uses else None) for ref, s in sorted(creds.items())]
        self.out["revocations"] = sorted(self.revs, key=lambda r: sort_key(r["tracker"], r["ticket"], r["credential"],
                                                                           r["detected_at"]))
        head = self.in_period(H)
        on, late = defaultdict(int), defaultdict(int)
        by_api, by_id = defaultdict(int), defaultdict(int)
        for c in head:
            if c.aa:
                by_api[c.api] += 1
                by_id[c.identity] += 1
                for n in c.active:
                    on[n] += 1
                for n in c.expired:
                    late[n] += 1
        rows = []
        for n, x in enumerate(self.inv.exceptions):
            calls = on[n] + late[n]
            base = by_api[x["api"]] if x["api"] else by_id[x["identity"]]
            past = x["end"] is not None and x["end"] <= T
            state = ("expired_in_use" if late[n] else "expired") if past else ("active" if calls else "unused")
            sh = calls / base if base else None
            rows.append(dict(id=x["id"], control=x["control"], api=x["api"], identity=x["identity"], reason=x["reason"],
                             owner=x["owner"], approved_at=x["approved_at"], expires_at=x["expires_at"], state=state,
                             calls=calls, share_of_calls=sh, is_dominant=sh is not None and sh > 0.5))
        self.out["exceptions"] = sorted(rows, key=lambda r: sort_key(r["id"]))
        vio = {}
        for c in self.calls:
            kinds = []
            if c.decision in ("blocked", "observed") and c.violation is not None:
                kinds.append((c.violation, c.decision))
            kinds += [(r, "missed") for r in c.missed]
            for kind, decision in kinds:
                day = to_dt(c.t).strftime("%Y-%m-%d")
                v = vio.setdefault((c.api, c.identity, kind, decision, day),
                                   dict(api=c.api, identity=c.identity, kind=kind, decision=decision, day=day, calls=0,
                                        first_time=c.t, last_time=c.t))
                v["calls"] += 1
                v["last_time"] = c.t
        self.out["violations"] = [vio[k] for k in sorted(vio, key=lambda k: sort_key(*k))]


def write(run, folder):
    os.makedirs(folder, exist_ok=True)
    for name, rows in run.out.items():
        with open(os.path.join(folder, name + ".jsonl"), "w", encoding="utf-8") as f:
            for r in rows:
                f.write(json.dumps({k: v for k, v in r.items() if not k.startswith("_")}, ensure_ascii=False) + "\n")


def main(argv=None):
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--frames", required=True)
    ap.add_argument("--inventory", default=None)
    ap.add_argument("--out", required=True)
    ap.add_argument("--period", required=True)
    ap.add_argument("--as-of", default=None)
    a = ap.parse_args(argv)
    if a.inventory is not None and not os.path.isdir(a.inventory):
        ap.error(f"--inventory: not a folder: {a.inventory}")
    run = Run(a.frames, a.inventory, a.period, parse_instant(a.as_of))
    write(run, a.out)
    print(f"{len(run.calls)} calls, {len(run.events)} events, {len(run.tickets)} tickets; "
          f"{len(run.rows)} metric rows in {len(run.periods)} periods", file=sys.stderr)


if __name__ == "__main__":
    main()

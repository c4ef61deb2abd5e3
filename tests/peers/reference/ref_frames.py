#!/usr/bin/env python3
"""Independent reference implementation of the reading half of the contract (frames.md, mappings.md):
raw log files -> canonical frames (jsonl), rejects and a ledger.  Plain Python 3.11, standard library only.

    ref_frames.py PATH... --out DIR [--config credlens.toml]

Clarity over speed; whole files are held in memory.  Lines marked CHOICE are readings of an ambiguous text.
Parts: 1 values and times  2 credentials and secrets  3 framing and detection  4 auth_scheme, proof, decision
       5 gateways  6 identity events  7 tickets  8 inventories and config  9 the run."""
import argparse, base64, binascii, csv, datetime as dt, hashlib, hmac, io, ipaddress, json, os, re, sys, tomllib, zlib
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote

US = 1_000_000
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
MAX_US = 253_402_300_800 * US                      # first instant of the year 10000

REQUEST_COLUMNS = """event_time gateway request_id api method route identity identity_seen credential auth_scheme proof
 token_type token_issued_at token_expires_at scopes required_scopes status decision violation policy client_address
 environment""".split()
EVENT_COLUMNS = """event_time provider event_id event_type action outcome identity identity_seen identity_kind credential
 credential_kind scopes api issued_at expires_at bound owner actor is_automatic""".split()
TICKET_COLUMNS = """ticket tracker identity credential severity exposed_at detected_at reported_at contained_at revoked_at
 closed_at status resolution is_open is_false_positive assignee""".split()
PROVENANCE = ["source", "file", "record"]


class Reject(Exception):
    """A record that gives no row; str() is the reason, never any of the record's text."""


# ================================================================ 1 values and times
ABSENT = {"", "-", "null", "unknown", "UNKNOWN", "None", "N/A"}      # the spellings of the two pages, exactly


def text(v):
    """A scalar as text in the source's spelling, or None where the source says nothing."""
    if v is None or isinstance(v, (bool, dict, list)):
        return None
    s = v if isinstance(v, str) else json.dumps(v)
    return None if s.strip() in ABSENT else s


def as_dict(v):
    return v if isinstance(v, dict) else {}


def as_list(v):
    return v if isinstance(v, list) else []


def first(*values):
    return next((v for v in values if v is not None), None)


def number(v):
    """int, float or numeric text -> Decimal, else None."""
    if isinstance(v, bool) or not isinstance(v, (int, float, str)):
        return None
    if isinstance(v, str) and not re.fullmatch(r"\s*[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\s*", v):
        return None
    try:
        d = Decimal(str(v).strip())
        return d if d.is_finite() else None
    except InvalidOperation:
        return None


def http_status(v):
    d = number(v)
    if d is None or d != d.to_integral_value() or not -32768 <= d <= 32767:
        return None
    return int(d)


def in_range(us):
    return us if us is not None and 0 <= us < MAX_US else None


def epoch(v, unit_us):
    """epoch number (or numeric text) in units of unit_us microseconds -> microseconds; digits beyond are cut."""
    d = number(v)
    if d is None or abs(d) > Decimal(10) ** 17:
        return None
    return in_range(int((d * unit_us) // 1))


ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?")
ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
CLF = re.compile(r"\[?(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?\]?")
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def build(y, mo, d, h, mi, s, fraction, zone):
    try:
        t = dt.datetime(int(y), int(mo), int(d), int(h), int(mi), int(s or 0), tzinfo=dt.timezone.utc)
    except ValueError:
        return None
    delta = t - EPOCH
    us = (delta.days * 86400 + delta.seconds) * US + int(((fraction or "") + "000000")[:6])
    if zone and zone[0] in "+-":                   # no zone: UTC
        hh, mm = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
        if hh > 23 or mm > 59:
            return None
        us -= (1 if zone[0] == "+" else -1) * (hh * 60 + mm) * 60 * US
    return in_range(us)


def iso(v):
    """RFC 3339 and its usual spellings (offset without colon, blank for T, no zone = UTC) -> microseconds."""
    if not isinstance(v, str):
        return None
    m = ISO.fullmatch(v.strip())
    if m:
        return build(*m.groups())
    m = ISO_DATE.fullmatch(v.strip())              # CHOICE: a bare date is its first instant
    return build(*m.groups(), 0, 0, 0, None, None) if m else None


def clf(v):
    m = CLF.fullmatch(v.strip()) if isinstance(v, str) else None
    if not m or m[2].lower() not in MONTHS:
        return None
    return build(m[3], MONTHS.index(m[2].lower()) + 1, m[1], m[4], m[5], m[6], m[7], m[8])


def required_time(v, *readers):
    """The required instant of a record: absent and unreadable are different rejects."""
    if v is None or (isinstance(v, str) and v.strip() in ABSENT):
        raise Reject("missing_event_time")
    for read in readers:
        us = read(v)
        if us is not None:
            return us
    raise Reject("bad_timestamp")


def seconds(v):
    return epoch(v, US)


def millis(v):
    return epoch(v, 1000)


def words(v, pattern=r"[\s,]+"):
    """A list, or text split by pattern -> sorted distinct list; nothing -> None."""
    if isinstance(v, list):
        items = [x for x in map(text, v) if x]
    else:
        v = text(v)
        items = [x for x in re.split(pattern, v.strip()) if x] if v else []
    return sorted(set(items)) or None


def get(obj, path):
    """Value of a dotted path where any of its dots may be nesting or part of a flat key; None if absent."""
    if not isinstance(obj, dict):
        return None
    if path in obj:
        return obj[path]
    for i, c in enumerate(path):
        if c == "." and isinstance(obj.get(path[:i]), dict):
            v = get(obj[path[:i]], path[i + 1:])
            if v is not None:
                return v
    return None


def has(obj, prefix):
    """Does the record hold a key at or below this dotted path, whatever its value?"""
    if not isinstance(obj, dict):
        return False
    for k, v in obj.items():
        if k == prefix or k.startswith(prefix + "."):
            return True
        if prefix.startswith(k + ".") and has(v, prefix[len(k) + 1:]):
            return True
    return False


# ---------------------------------------------------------------- route templates
UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
ID_SHAPES = [re.compile(p) for p in (
    r"\d+",                                                         # integers
    UUID.pattern,
    r"[0-9a-fA-F]{16,}",                                            # hex of 16 and more
    r"\d{4}-\d\d-\d\d",                                             # dates
    r"[^@\s/]+@[^@\s/]+\.[^@\s/]+",                                 # e-mail addresses
    r"(?=.*[A-Za-z])(?=.*\d)[A-Za-z0-9]{16,}",                      # CHOICE: "long mixed token" = 16+ letters and digits
)]


def template(uri):
    """Path of a URI without query and fragment, ids replaced by {id}."""
    uri = text(uri)
    if uri is None:
        return None
    path = re.split(r"[?#]", uri, maxsplit=1)[0]
    path = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*", "", path) or "/"
    return "/".join("{id}" if any(p.fullmatch(unquote(s)) for p in ID_SHAPES) else s for s in path.split("/"))


# ================================================================ 2 credentials and secrets
CONFIG = {}                                        # the parsed credlens.toml, set by main
KNOWN_KINDS = {"key", "kid", "jti", "token", "cert", "app", "session", "okta", "kong", "oauth"}


def sha256_hex(v):
    """Any spelling of a SHA-256 (hex, with colons, base64, base64url) -> lower-case hex, else None."""
    v = text(v)
    if v is None:
        return None
    v = v.strip()
    h = v.replace(":", "")
    if re.fullmatch(r"[0-9A-Fa-f]{64}", h):
        return h.lower()
    b = v.rstrip("=").replace("-", "+").replace("_", "/")
    if not re.fullmatch(r"[A-Za-z0-9+/]{43}", b):
        return None
    return base64.b64decode(b + "=").hex()


def digest(secret):
    return "token:sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def masked(token):
    return len(set(token)) < 16


def keyed(ref):
    """With a hash key, a secret's digest is replaced by HMAC-SHA256(key, digest bytes)."""
    key = as_dict(CONFIG.get("privacy")).get("hash_key")
    m = re.fullmatch(r"token:sha256:([0-9a-f]{64})", ref)
    if not key or not m:
        return ref
    return "token:sha256:" + hmac.new(key.encode(), bytes.fromhex(m[1]), hashlib.sha256).hexdigest()


def final_credential(ref):
    """The reference as it stands in the frames: hash key applied, then [credential_aliases] (one step)."""
    if ref is None:
        return None
    ref = keyed(ref)
    for left, right in as_dict(CONFIG.get("credential_aliases")).items():
        if keyed(left) == ref:
            return keyed(right)
    return ref


def written_credential(v):
    """A credential as a person wrote it (ticket text): kind:value of a known kind, else a raw secret."""
    v = v.strip()
    kind, colon, value = v.partition(":")
    if not colon or kind not in KNOWN_KINDS or not value:
        return digest(v)
    if kind in ("token", "cert") and value.startswith("sha256:"):
        h = sha256_hex(value[7:])
        if h:
            return f"{kind}:sha256:{h}"
    if kind == "token" and not re.fullmatch(r"id:.+", value):
        return digest(value)                       # CHOICE: `token:<secret>` is the secret after the colon
    return v


def part(b64):
    if not re.fullmatch(r"[A-Za-z0-9_-]*", b64):
        raise ValueError
    return base64.urlsafe_b64decode(b64 + "=" * (-len(b64) % 4))


def jwt_claims(token):
    """Claims of a whole JWT (three base64url parts, the last may be empty), else None."""
    parts = token.split(".")
    if len(parts) != 3 or not parts[0] or not parts[1]:
        return None
    try:
        head, body = load_json(part(parts[0]).decode()), load_json(part(parts[1]).decode())
        part(parts[2])
    except (ValueError, binascii.Error):
        return None
    return body if isinstance(head, dict) and isinstance(body, dict) else None


def load_json(s):
    """Strict JSON: no NaN, no lone surrogates; any fault is a ValueError."""
    def no(_):
        raise ValueError("constant")
    try:
        v = json.loads(s, parse_constant=no)
    except RecursionError:
        raise ValueError("too deep") from None
    if "\\u" in s:
        json.dumps(v, ensure_ascii=False).encode()             # UnicodeEncodeError is a ValueError
    return v


# ================================================================ 3 framing and detection
class Record:
    """One record of a file: its number, its byte offset in the decompressed file, and its value or reject reason."""
    def __init__(self, number, offset, value=None, reason=None):
        self.number, self.offset, self.value, self.reason = number, offset, value, reason


def read_file(path):
    """(bytes, damaged): gzip is recognised by content; of a damaged stream, what could be read."""
    with open(path, "rb") as f:
        data = f.read()
    out, damaged = [], False
    if data[:2] != b"\x1f\x8b":
        return data, False
    while data[:2] == b"\x1f\x8b":                 # members may follow one another
        z = zlib.decompressobj(31)
        try:
            for i in range(0, len(data), 65536):
                out.append(z.decompress(data[i:i + 65536]))
                if z.eof:
                    data = z.unused_data + data[i + 65536:]
                    break
            else:
                damaged = True
                break
        except zlib.error:
            damaged = True
            break
    return b"".join(out), damaged


TOKEN = re.compile(rb'"(?:[^"\\\n]|\\[^\n])*"|["{}\[\]]')
SPACE = re.compile(rb"[ \t\r\n]*")
SEPARATOR = re.compile(rb"[ \t\r\n,]*")
SCALAR = re.compile(rb'"(?:[^"\\\n]|\\[^\n])*"|[^,\]}\r\n]*')


def value_end(data, pos):
    """(end, state) of the JSON value at pos by its brackets alone; state `ok`, `truncated` (end of file) or `invalid`."""
    if data[pos:pos + 1] not in (b"{", b"["):
        m = SCALAR.match(data, pos)
        return m.end(), "ok" if m.end() > pos else "invalid"
    stack = []
    for m in TOKEN.finditer(data, pos):
        t = m.group()
        if t == b'"':                              # a string that its line does not end
            return m.start(), "invalid" if b"\n" in data[m.start():] else "truncated"
        if t in b"{[":
            stack.append(t)
        elif t in b"}]":
            if stack.pop() + t not in (b"{}", b"[]"):
                return m.start(), "invalid"
            if not stack:
                return m.end(), "ok"
    return len(data), "truncated"


def resync(data, start, bad):
    """After a broken value that began a line: the next line that begins a value in the same column, else None."""
    line = data.rfind(b"\n", 0, start) + 1
    indent = data[line:start]
    if indent.strip():
        return None
    m = re.compile(rb"\n" + re.escape(indent) + rb"(?=[{\[])").search(data, bad)
    return m.end() if m else None


class Document:
    """JSON values one after another, arrays and Jira search results opened; records carry a running element number."""
    def __init__(self, data, pos):
        self.data, self.records = data, []
        while True:
            pos = SEPARATOR.match(data, pos).end()
            if pos >= len(data):
                break
            pos = self.top(pos)

    def add(self, start, end, state="ok"):
        rec = Record(len(self.records) + 1, start)
        self.records.append(rec)
        if state == "truncated":
            rec.reason = "truncated_json"
        elif state == "invalid":
            rec.reason = "invalid_json"
        else:
            parse_into(rec, self.data[start:end])

    def top(self, pos):
        data = self.data
        if data[pos:pos + 1] == b"[":
            return self.elements(pos)
        if data[pos:pos + 1] == b"{":
            inner = self.issues(pos)
            end, state = value_end(data, pos)
            if inner is not None:
                self.elements(inner)
                return end if state == "ok" else len(data)
            self.add(pos, end, state)
            if state == "ok":
                return end
            return resync(data, pos, end) or len(data)
        self.add(pos, pos, "invalid")              # text between values, up to the next line that begins one
        m = re.compile(rb"\n(?=[{\[])").search(data, pos)
        return m.end() if m else len(data)

    def issues(self, pos):
        """Position of the array of a top-level member `issues`, else None."""
        data, found = self.data, None
        pos += 1
        while True:
            pos = SEPARATOR.match(data, pos).end()
            m = re.compile(rb'"((?:[^"\\\n]|\\.)*)"\s*:\s*').match(data, pos)
            if not m or m[1] == b"fields":
                return found
            if m[1] == b"issues" and data[m.end():m.end() + 1] == b"[":
                found = m.end()
            pos, state = value_end(data, m.end())
            if state != "ok":
                return found

    def elements(self, pos):
        """The elements of the array that opens at pos; returns where it ended."""
        data = self.data
        pos += 1
        while True:
            pos = SEPARATOR.match(data, pos).end()
            if pos >= len(data):                   # CHOICE: an array cut between elements lost no visible record
                return pos
            if data[pos:pos + 1] == b"]":
                return pos + 1
            end, state = value_end(data, pos)
            self.add(pos, end, state)
            if state == "ok":
                pos = end
                continue
            nxt = resync(data, pos, end) if state == "invalid" else None
            if nxt is None:
                return len(data)
            pos = nxt


def parse_into(rec, raw):
    try:
        s = raw.decode()
    except UnicodeDecodeError:
        rec.reason = "invalid_utf8"
        return
    try:
        rec.value = load_json(s)
    except ValueError:
        rec.reason = "invalid_json"
        return
    if not isinstance(rec.value, dict):
        rec.value, rec.reason = None, "not_an_object"


PREFIX = re.compile(rb"""(?: \S+[ ](?:stdout|stderr)[ ][FP][ ]                     # CRI
                           | \S+[ \t]+\|[ ]?                                       # docker-compose
                           | (?:<\d+>\d?[ ]?)?\d{4}-\d\d-\d\dT\S+[ ]\S+[ ](?:[^\s{]+:[ ])?  # syslog with an ISO time
                         )(?=[{\[])""", re.X)


def lines(data, pos=0):
    """(number, offset, text without line end, has its line end); a BOM stays outside the first line."""
    n = 1 + data.count(b"\n", 0, pos)
    while pos < len(data):
        end = data.find(b"\n", pos)
        whole = end >= 0
        end = end if whole else len(data)
        yield n, pos, data[pos:end].rstrip(b"\r"), whole
        n, pos = n + 1, end + 1


def line_records(data, start):
    """One JSON value per line; a line that holds an array gives one record per element, all with the line's number."""
    out = []
    for n, offset, line, whole in lines(data, start):
        if not line.strip():
            continue
        m = PREFIX.match(line)
        body = line[m.end():] if m else line
        rec = Record(n, offset)
        parse_into(rec, body)
        if rec.reason == "invalid_json" and not whole:
            rec.reason = "truncated_json"
        if rec.reason == "invalid_utf8" and not whole:
            rec.reason = "truncated_json"
        inner = None
        if rec.reason == "not_an_object":
            inner = load_json(body.decode())
        elif is_jira_search(rec.value):
            inner = rec.value["issues"]
        if isinstance(inner, list):
            for v in inner:
                ok = isinstance(v, dict)
                out.append(Record(n, offset, v if ok else None, None if ok else "not_an_object"))
        else:
            out.append(rec)
    return out


def is_jira_search(v):
    return isinstance(v, dict) and isinstance(v.get("issues"), list) and "fields" not in v


def detect(v):
    """Format id of one JSON object by its content, else None."""
    if not isinstance(v, dict):
        return None
    if ("latencies" in v and "request" in v and "response" in v and ("route" in v or "service" in v or "tries" in v)
            and number(v.get("started_at")) is not None):
        return "kong"
    if all(k in v for k in ("eventType", "published", "actor", "outcome")):
        return "okta"
    if okta_wrapped(v):
        return "okta"
    if ((text(get(v, "requestId")) or text(get(v, "extendedRequestId")))
            and (has(v, "resourcePath") or has(v, "routeKey"))
            and (has(v, "httpMethod") or has(v, "routeKey"))
            and (has(v, "requestTime") or has(v, "requestTimeEpoch"))):
        return "aws_apigateway"
    if isinstance(v.get("key"), str) and isinstance(v.get("fields"), dict):
        return "jira"
    if "number" in v and "created_at" in v and "secret_type" in v and "state" in v:
        return "github_secret_scanning"
    d = as_dict(v.get("data"))
    action, actor = first(v.get("action"), d.get("action")), first(v.get("actor"), d.get("actor"))
    if (isinstance(action, str) and "." in action and isinstance(actor, str)
            and any(k in x for x in (v, d) for k in ("@timestamp", "created_at"))):
        return "github_audit"
    return None


def okta_wrapped(v):
    """Okta events inside an EventBridge (`detail`) or Event Hook (`data.events`) envelope, else None."""
    detail = v.get("detail")
    if isinstance(detail, dict) and detect(detail) == "okta":
        return [detail]
    events = as_dict(v.get("data")).get("events")
    if isinstance(events, list) and events and all(isinstance(e, dict) and detect(e) == "okta" for e in events):
        return events
    return None


def format_of(records):
    return next((f for f in (detect(r.value) for r in records) if f), None)


def json_file(data, start):
    """(format, records) of a file whose first byte opens a JSON value."""
    first_line = data.find(b"\n", start)
    first_line = first_line if first_line >= 0 else len(data)
    whole = Record(1, start)
    end, state = value_end(data, start)
    if state == "ok":
        parse_into(whole, data[start:end])
    if data[start:start + 1] == b"{":
        one_line = state == "ok" and end <= first_line and not data[end:first_line].strip()
        if one_line and whole.value is not None and not is_jira_search(whole.value):
            records = line_records(data, start)
            return format_of(records), records
        if whole.value is None or (end <= first_line and not one_line):
            # a broken first value: lines, if a later line is a whole record, else a document
            records = line_records(data, start)
            if format_of(records):
                return format_of(records), records
    doc = Document(data, start).records
    fmt = format_of(doc)
    if fmt is None and is_jira_search(whole.value) and any(k in whole.value for k in ("startAt", "total", "maxResults", "isLast")):
        fmt = "jira"                               # a search without hits
    return fmt, doc


def csv_format(header):
    h = set(header)
    if {"identity", "scope"} <= h:
        return "inventory_grants"
    if "identity" in h and h & {"aliases", "kind", "owner", "owner_status"}:
        return "inventory_identities"
    if "api" in h and "scope" not in h and "identity" not in h:
        return "inventory_apis"
    return None


def cells(raw):
    rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))
    return [c.strip() for c in rows[0]] if rows else []


def csv_file(data, start):
    """(format, records): CSV with a known header; a record carries the number of its first physical line."""
    header, fmt, out, pending = None, None, [], None
    for n, offset, line, _ in lines(data, start):
        if pending is None:
            if not line.strip():
                continue
            pending = [n, offset, line]
        else:
            pending[2] += b"\n" + line
        if pending[2].count(b'"') % 2:             # inside a quoted cell that spans lines
            if header is None:
                return None, []
            continue
        n, offset, raw = pending
        pending = None
        if header is None:
            try:
                header = [c.lower() for c in cells(raw)]
            except (csv.Error, UnicodeDecodeError):
                return None, []
            fmt = csv_format(header)
            if fmt is None:
                return None, []
            continue
        rec = Record(n, offset)
        out.append(rec)
        try:
            row = cells(raw)
            rec.value = {k: text(v) for k, v in zip(header, row)}   # CHOICE: missing cells null, surplus cells ignored
        except UnicodeDecodeError:
            rec.reason = "invalid_utf8"
        except csv.Error:
            rec.reason = "invalid_csv"
    if pending is not None:
        out.append(Record(pending[0], pending[1], reason="truncated_csv"))
    return fmt, out


def toml_file(data, start):
    if not re.search(rb"(?m)^[ \t]*\[\[[ \t]*exception[ \t]*\]\]", data):
        return None, []
    try:
        tables = as_list(tomllib.loads(data[start:].decode()).get("exception"))
    except UnicodeDecodeError:
        return "exceptions", [Record(1, start, reason="invalid_utf8")]
    except tomllib.TOMLDecodeError:
        return "exceptions", [Record(1, start, reason="invalid_toml")]
    offsets = [m.start() for m in re.finditer(rb"(?m)^[ \t]*\[\[[ \t]*exception[ \t]*\]\]", data)] + [start] * len(tables)
    return "exceptions", [Record(i + 1, offsets[i], t) for i, t in enumerate(tables)]


def open_file(path):
    """(format, records) of one file; (None, []) where its content is not known."""
    data, damaged = read_file(path)
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    lead = SPACE.match(data, start).end()
    fmt, records = None, []
    if lead < len(data) and data[lead:lead + 1] in b"{[":
        fmt, records = json_file(data, lead)
    if fmt is None and lead < len(data):
        fmt, records = csv_file(data, start)
    if fmt is None and lead < len(data):
        fmt, records = toml_file(data, start)
    if fmt is None and lead < len(data) and data[lead:lead + 1] not in b"{[":
        records = line_records(data, start)        # text with JSON lines: prefixes, or chatter before the log
        fmt = format_of(records)
    if fmt is None:
        return None, []
    if damaged and not (records and (records[-1].reason or "").startswith("truncated")):
        n = max((r.number for r in records), default=0) + 1
        records.append(Record(n, len(data), reason="truncated_gzip"))
    return fmt, records


# ================================================================ 4 auth_scheme, proof, decision
SCHEMES = {"dpop": "dpop", "bearer": "bearer", "basic": "basic", "aws4-hmac-sha256": "signature", "signature": "signature"}


class Evidence:
    """What one call's log shows about the caller; everything `auth_scheme` and `proof` are decided from."""
    scheme = "unknown"
    proof_header = False          # a DPoP proof header came
    certificate = "unseen"        # `verified`, `none` (the log shows there was none) or `unseen` (the log cannot show it)
    certificate_sha256 = None     # of the peer certificate, hex
    claims = None                 # of a readable token, else None
    headers_shown = False         # the log shows request headers
    verifies = ()                 # the source's setting

    def cnf(self, name):
        c = as_dict((self.claims or {}).get("cnf")).get(name)
        return text(c)


def authorization(value):
    """(scheme, token) of an Authorization value; a scheme of no known name, or none, is `unknown`."""
    word, _, rest = value.strip().partition(" ")
    scheme = SCHEMES.get(word.lower())
    if scheme is None:
        return "unknown", value.strip()
    return scheme, rest.strip()


def base_proof(e, accepted, bound):
    """The table of frames.md for a call taken as accepted or not."""
    verified = e.certificate == "verified"
    if e.scheme in ("none", "unknown"):
        return e.scheme
    if e.scheme in ("basic", "api_key", "session"):
        return "mtls_transport_only" if verified else "none"
    if e.scheme == "mtls":
        return "mtls_bound"
    if e.scheme == "signature":
        return "signature_verified" if accepted else "presented_unverified"
    if e.scheme == "dpop":
        return "dpop_verified" if e.proof_header and accepted else "presented_unverified"
    # bearer
    if e.claims is not None:
        jkt, x5t = e.cnf("jkt"), e.cnf("x5t#S256")
        token_hash = sha256_hex(x5t)
    elif bound == "dpop":
        jkt, x5t, token_hash = "?", None, None
    elif bound == "mtls":
        jkt, x5t, token_hash = None, "?", None
    elif bound == "none":
        jkt = x5t = token_hash = None
    else:                                          # opaque or masked, and nobody says how it is bound
        if e.proof_header or verified:
            return "presented_unverified"
        return "none" if e.headers_shown and e.certificate == "none" else "unknown"
    if jkt:
        return "bound_downgraded"
    if x5t:
        if e.certificate_sha256 and e.claims is not None:
            return "mtls_bound" if e.certificate_sha256 == token_hash else "bound_downgraded"
        return {"none": "bound_downgraded", "verified": "presented_unverified", "unseen": "unknown"}[e.certificate]
    return "mtls_transport_only" if verified else "none"


def proof(e, decision, bound=None):
    verified = e.certificate == "verified"
    if decision in ("allowed", "observed"):
        p = base_proof(e, True, bound)
        if p == "presented_unverified":
            if "dpop" in e.verifies and (e.proof_header or e.scheme == "dpop"):
                return "dpop_verified"
            if "mtls" in e.verifies and verified:
                return "mtls_bound"
        return p
    p = base_proof(e, True, bound)                 # not accepted: the table as if it had been
    if p in ("dpop_verified", "mtls_bound", "signature_verified", "bound_downgraded"):
        # CHOICE: a signature is itself the proof header, which also is what its own line of the table says
        return "presented_unverified" if e.proof_header or verified or e.scheme == "signature" else "none"
    return p


def decision_of(status):
    if status in (401, 403, 407, 429, 495, 496):
        return "blocked"
    if not status or status == 499 or 500 <= status <= 599:
        return "failed"
    return "allowed"


def challenges(values):
    """WWW-Authenticate values -> list of (scheme in lower case, its parameters)."""
    out = []
    for v in values:
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: '"' + "_" * (len(m[0]) - 2) + '"', v)     # nothing inside quotes counts
        starts = list(re.finditer(r'(?:^|,)\s*([A-Za-z][A-Za-z0-9_-]*)(?=\s+[A-Za-z_][\w-]*\s*=|\s*(?:,|$))', bare))
        for i, m in enumerate(starts):
            body = v[m.end():starts[i + 1].start() if i + 1 < len(starts) else len(v)]
            params = {k.lower(): (q if q is not None else b) for k, q, b in
                      ((x[1], x[2], x[3]) for x in re.finditer(r'([A-Za-z_][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', body))}
            out.append((m[1].lower(), params))
    return out


def violation_of(status, scheme, credential_came, www_authenticate=(), own_reason=None):
    """Of a blocked call, the first that applies."""
    found = challenges(www_authenticate)
    errors = {p.get("error") for _, p in found}
    if "use_dpop_nonce" in errors:
        return None
    if "invalid_dpop_proof" in errors:
        return "proof_failed"
    if "insufficient_scope" in errors:
        return "insufficient_scope"
    invalid = [(s, (p.get("error_description") or "").lower()) for s, p in found if p.get("error") == "invalid_token"]
    if any(s == "dpop" for s, _ in invalid):
        return "proof_failed"
    if any("expired" in d for _, d in invalid):
        return "expired_credential"
    if any("revoked" in d for _, d in invalid):
        return "revoked_credential"
    if own_reason:
        return own_reason
    if status in (495, 496):
        return "proof_failed"
    if status == 429:
        return "rate_limited"
    if status == 401:
        return "invalid_credential" if credential_came else "unauthenticated"
    if status == 403:
        return "insufficient_scope" if scheme not in ("none", "unknown") else "request_blocked"
    if status == 407:
        return "unauthenticated"
    return "other"


def client_address(v):
    v, rule = text(v), as_dict(CONFIG.get("privacy")).get("client_address", "keep")
    if v is None or rule == "drop":
        return None
    if rule == "truncate":
        try:
            ip = ipaddress.ip_address(v)
        except ValueError:
            return None
        return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False).network_address)
    return v


def source_setting(source, name, default=None):
    return as_dict(as_dict(CONFIG.get("sources")).get(source)).get(name, default)


def request_row(**cells_):
    row = dict.fromkeys(REQUEST_COLUMNS)
    row.update(cells_)
    return row


# ================================================================ 5 gateways
class Rows:
    """What one record gives: frame rows, the key by which copies of the record are found, or `skip`."""
    def __init__(self):
        self.requests, self.events, self.tickets = [], [], []
        self.key, self.updated, self.skip = None, None, False


API_KEY_NAMES = ("apikey", "x-api-key", "api-key", "x-apikey", "api_key", "x_api_key")    # CHOICE
JWT_CLIENT = ("client_id", "cid", "azp", "appid", "sub")


def header_map(v):
    out = {}
    for k, x in as_dict(v).items():
        x = next(iter(x), None) if isinstance(x, list) else x
        out.setdefault(k.lower(), x)
    return out


def header_values(v, name):
    for k, x in as_dict(v).items():
        if k.lower() == name:
            return [s for s in map(text, x if isinstance(x, list) else [x]) if s]
    return []


def query_value(request, names):
    """First value of a query parameter: Kong's own `querystring` object, else the query part of the URI."""
    for k, v in as_dict(request.get("querystring")).items():
        v = next(iter(v), None) if isinstance(v, list) else v
        if k.lower() in names and text(v):
            return text(v)
    for pair in (text(request.get("uri")) or "").partition("?")[2].split("&"):
        k, _, v = pair.partition("=")
        if k.lower() in names and text(unquote(v)):
            return text(unquote(v))
    return None


def kong(v, inventory):
    out, e = Rows(), Evidence()
    when = required_time(v.get("started_at"), millis)
    request, response = as_dict(v.get("request")), as_dict(v.get("response"))
    service, route, consumer = as_dict(v.get("service")), as_dict(v.get("route")), as_dict(v.get("consumer"))
    headers = {k: text(x) for k, x in header_map(request.get("headers")).items()}
    status = http_status(response.get("status"))
    decision = decision_of(status)
    e.headers_shown = isinstance(request.get("headers"), dict)
    e.verifies = source_setting("kong", "verifies", ())
    e.proof_header = headers.get("dpop") is not None

    # certificate
    verify = request.get("tls", {}).get("client_verify") if isinstance(request.get("tls"), dict) else None
    verify = verify.strip() if isinstance(verify, str) else ""
    plain_http = not isinstance(request.get("tls"), dict) and (text(request.get("url")) or "").lower().startswith("http://")
    if verify == "SUCCESS":
        e.certificate = "verified"
    elif verify.startswith(("FAILED", "NONE")) or plain_http:
        e.certificate = "none"
    if not verify.startswith(("FAILED", "NONE")):  # CHOICE: then a fingerprint header is the client's own claim
        e.certificate_sha256 = sha256_hex(headers.get("x-client-cert-sha256"))
        m = re.search(r'(?:^|[;,])\s*Hash="?([^;,"]+)', headers.get("x-forwarded-client-cert") or "", re.I)
        if e.certificate_sha256 is None and m:
            e.certificate_sha256 = sha256_hex(m[1])

    # scheme and token
    token = None
    api_key = first(*(headers.get(n) for n in API_KEY_NAMES), query_value(request, API_KEY_NAMES))
    entity = text(as_dict(v.get("authenticated_entity")).get("id"))
    if headers.get("authorization"):
        e.scheme, token = authorization(headers["authorization"])
    elif api_key:
        e.scheme = "api_key"
    elif e.certificate == "verified":
        e.scheme = "mtls"
    elif e.headers_shown and entity is None:
        e.scheme = "none"
    # CHOICE: an authenticated_entity alone does not name its kind: the scheme stays `unknown`
    readable = token if token and e.scheme in ("bearer", "dpop", "unknown") and not masked(token) else None
    e.claims = jwt_claims(readable) if readable else None
    if e.scheme == "unknown" and e.claims is None:
        readable = None                            # an unknown scheme's value is not known to be a token
    claims = e.claims or {}

    credential = None
    if text(claims.get("jti")):
        credential = "jti:" + text(claims["jti"])
    elif readable:
        credential = digest(readable)
    elif api_key and not masked(api_key):
        credential = digest(api_key)
    elif entity:
        credential = "kong:" + entity
    elif headers.get("x-credential-identifier"):
        credential = "kid:" + headers["x-credential-identifier"]

    seen = first(text(consumer.get("username")), text(consumer.get("custom_id")), text(consumer.get("id")),
                 headers.get("x-consumer-username"), *(text(claims.get(c)) for c in JWT_CLIENT))
    scopes = None
    if e.claims is not None:
        scopes = words(claims["scope"] if "scope" in claims else claims.get("scp"))
    if scopes is None:
        scopes = words(headers.get("x-authenticated-scope"))

    tries = v.get("tries")
    policy = "kong" if status in (401, 403, 429) and not tries else "upstream"
    violation = None
    if decision == "blocked":
        came = e.scheme not in ("none", "unknown") or credential is not None or headers.get("authorization") is not None
        violation = violation_of(status, e.scheme, came, header_values(response.get("headers"), "www-authenticate"))
    paths = as_list(route.get("paths"))
    row = request_row(
        event_time=when,
        request_id=first(text(request.get("id")), headers.get("x-request-id"), headers.get("kong-request-id")),
        api=first(text(service.get("name")), text(service.get("host")), text(route.get("name"))),
        method=upper(request.get("method")),
        route=first(text(paths[0]) if paths else None, template(request.get("uri"))),
        identity=inventory.identity(seen), identity_seen=seen, credential=final_credential(credential),
        auth_scheme=e.scheme, token_issued_at=seconds(claims.get("iat")), token_expires_at=seconds(claims.get("exp")),
        scopes=scopes, status=status, decision=decision, violation=violation, policy=policy,
        client_address=client_address(v.get("client_ip")))
    row["_evidence"] = e
    out.requests.append(row)
    out.key = (row["request_id"], when) if row["request_id"] is not None else None
    return out


def upper(v):
    v = text(v)
    return v.upper() if v else None


AWS_REASONS = {"UNAUTHORIZED": "unauthenticated", "MISSING_AUTHENTICATION_TOKEN": "unauthenticated",
               "INVALID_API_KEY": "invalid_credential", "EXPIRED_TOKEN": "expired_credential",
               "ACCESS_DENIED": "insufficient_scope", "THROTTLED": "rate_limited", "QUOTA_EXCEEDED": "rate_limited",
               "WAF_FILTERED": "request_blocked"}


def pem_sha256(v):
    """SHA-256 of the DER of the first certificate in a PEM (line ends may be written `\\n` or as blanks)."""
    m = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text(v) or "", re.S)
    if not m:
        return None
    body = re.sub(r"\\[nr]|\s", "", m[1])
    try:
        return hashlib.sha256(base64.b64decode(body, validate=True)).hexdigest()
    except (ValueError, binascii.Error):
        return None


def aws_apigateway(v, inventory):
    out, e = Rows(), Evidence()

    def val(path):
        return text(get(v, path))

    if val("requestTimeEpoch") is not None:
        when = required_time(get(v, "requestTimeEpoch"), millis)
    else:
        when = required_time(get(v, "requestTime"), clf)
    status = http_status(get(v, "status"))
    e.verifies = source_setting("aws_apigateway", "verifies", ())

    names = ("client_id", "cid", "azp", "appid", "sub", "jti", "scope", "scp", "exp", "iat", "cnf")
    claims = {n: get(v, "authorizer.claims." + n) for n in names}
    claims = {n: x for n, x in claims.items() if text(x) is not None or isinstance(x, (dict, list)) and x}
    others = get(v, "authorizer.claims")           # any other claim shows a token as well
    any_claim = bool(claims) or any(text(x) for x in as_dict(others).values()) \
        or any(k.startswith("authorizer.claims.") and text(x) for k, x in v.items())
    cnf = claims.get("cnf")
    if isinstance(cnf, str):
        try:
            cnf = load_json(cnf)
        except ValueError:
            cnf = None
    if not isinstance(cnf, dict):
        cnf = {n: get(v, "authorizer.claims.cnf." + n) for n in ("jkt", "x5t#S256")}
    claims["cnf"] = cnf
    if any_claim:
        e.claims = claims

    api_key = first(val("identity.apiKeyId"), val("apiKeyId"))
    subject, serial = val("identity.clientCert.subjectDN"), val("identity.clientCert.serialNumber")
    pem = val("identity.clientCert.clientCertPem")
    e.certificate_sha256 = pem_sha256(pem)
    if subject or serial or pem:
        e.certificate = "verified"                 # the gateway passes no call with another certificate
    elif has(v, "identity.clientCert"):
        e.certificate = "none"

    auth_scheme = (val("authScheme") or "").split(" ")[0].lower()
    client = first(*(text(claims.get(c)) for c in ("client_id", "cid", "azp", "appid")))
    seen = first(client, val("authorizer.principalId"), val("caller"), val("user"), subject)
    identity = inventory.identity(seen)
    if seen is None and api_key and inventory.alias("key:" + api_key):
        seen, identity = "key:" + api_key, inventory.alias("key:" + api_key)
    if any_claim:
        e.scheme = "dpop" if auth_scheme == "dpop" else "bearer"
    elif auth_scheme in SCHEMES:
        e.scheme = SCHEMES[auth_scheme]
    elif api_key:
        e.scheme = "api_key"
    elif e.certificate == "verified":
        e.scheme = "mtls"
    elif seen is None and (has(v, "authorizer.claims") or has(v, "identity.apiKeyId") or has(v, "apiKeyId")
                           or has(v, "identity.clientCert")):
        e.scheme = "none"                          # CHOICE: the template logs such fields, and nobody was named

    credential = None
    if text(claims.get("jti")):
        credential = "jti:" + text(claims["jti"])
    elif api_key:
        credential = "key:" + api_key
    elif e.certificate_sha256:
        credential = "cert:sha256:" + e.certificate_sha256
    elif serial:
        credential = "cert:serial:" + serial

    # decision
    decision = decision_of(status)
    reason = AWS_REASONS.get(val("error.responseType"))
    waf = [x.upper() for x in (val("waf.status"), val("wafResponseCode")) if x]
    if reason is None and val("wafResponseCode") == "WAF_BLOCK":
        reason = "request_blocked"
    violation = None
    if reason:
        decision, violation = "blocked", reason
    elif decision == "blocked":
        violation = violation_of(status, e.scheme, e.scheme not in ("none", "unknown") or credential is not None)
    elif decision == "allowed" and any("COUNT" in x for x in waf):
        decision, violation = "observed", "request_blocked"

    api, stage = val("apiId"), val("stage")
    route_key = (val("routeKey") or "").split(" ")
    row = request_row(
        event_time=when, request_id=first(val("requestId"), val("extendedRequestId")),
        api=first(val("apiName"), f"{api}/{stage}" if api and stage else api),
        method=upper(get(v, "httpMethod")),
        route=first(val("resourcePath"), route_key[1] if len(route_key) == 2 else None),
        identity=identity, identity_seen=seen, credential=final_credential(credential), auth_scheme=e.scheme,
        token_issued_at=seconds(claims.get("iat")), token_expires_at=seconds(claims.get("exp")),
        scopes=words(claims.get("scope")), status=status, decision=decision, violation=violation,
        client_address=client_address(first(val("identity.sourceIp"), val("ip"))))
    row["_evidence"] = e
    out.requests.append(row)
    out.key = (row["request_id"], when) if row["request_id"] is not None else None
    return out


# ================================================================ 6 identity events
def event_row(**cells_):
    row = dict.fromkeys(EVENT_COLUMNS)
    row.update(cells_)
    return row


def required_text(v, reason):
    v = text(v)
    if v is None:
        raise Reject(reason)
    return v


OKTA_EXACT = {
    "system.api_token.create": ("credential_issued", "api_key"),
    "system.api_token.revoke": ("credential_revoked", "api_key"),
    "app.oauth2.credentials.lifecycle.create": ("credential_issued", "client_secret"),
    "app.oauth2.credentials.lifecycle.activate": ("other", "client_secret"),
    "app.oauth2.credentials.lifecycle.deactivate": ("credential_contained", "client_secret"),
    "app.oauth2.credentials.lifecycle.delete": ("credential_revoked", "client_secret"),
    "app.oauth2.client.lifecycle.create": ("identity_created", None),
    "app.oauth2.client.lifecycle.deactivate": ("identity_disabled", None),
    "app.oauth2.client.lifecycle.activate": ("identity_enabled", None),
    "app.oauth2.client.lifecycle.delete": ("identity_deleted", None),
    "user.lifecycle.deactivate": ("identity_disabled", None),
    "user.lifecycle.suspend": ("identity_disabled", None),
    "user.lifecycle.delete.initiated": ("identity_deleted", None),
    "user.lifecycle.delete.completed": ("identity_deleted", None),
    "security.threat.detected": ("credential_exposed", None),
    "app.oauth2.invalid_client_credentials": ("access_denied", None),
}
OKTA_PATTERNS = [
    (r".*\.token\.grant\.access_token", "token_issued", "access_token"),
    (r".*\.token\.grant\.refresh_token", "token_issued", "refresh_token"),
    (r".*\.token\.revoke.*", "token_revoked", None),
    (r".*\.consent\.grant", "scope_granted", None),
    (r".*\.consent\.revoke.*", "scope_revoked", None),
    (r".*\.key\.rollover", "credential_rotated", None),
    (r".*\.token\.detect_reuse", "credential_exposed", None),
    (r".*report_suspicious_activity.*", "credential_exposed", None),
]
OKTA_TOKEN_EVENT = re.compile(r".*\.token\..*")
OKTA_CREDENTIAL_TYPES = {"access_token", "id_token", "refresh_token", "token", "client_secret"}
OKTA_APP_TYPES = {"appinstance", "publicclientapp", "app", "application", "oauth2client", "oauthclient", "client"}
OKTA_USER_TYPES = {"user", "appuser"}
OKTA_KINDS = {"access_token": "access_token", "refresh_token": "refresh_token", "client_secret": "client_secret",
              "id_token": "other"}


def okta_action(t):
    if t in OKTA_EXACT:
        return OKTA_EXACT[t]
    for pattern, action, kind in OKTA_PATTERNS:
        if re.fullmatch(pattern, t):
            return action, kind
    return "other", None


def okta_type(target):
    return (text(target.get("type")) or "").lower()


def okta_credential(target):
    ident, kind = text(target.get("id")), okta_type(target)
    if ident is None:
        return None
    if kind in ("access_token", "id_token") and ident.startswith(("AT.", "ID.")):
        return "jti:" + ident
    return "okta:" + ident


def okta(v, inventory):
    """CHOICE: an envelope (`detail`, `data.events`) is one record; its rows share the key of its first event."""
    wrapped = None if "eventType" in v else okta_wrapped(v)
    out = Rows()
    for event in wrapped or [v]:
        rows, key = okta_event(event, inventory)
        out.events += rows
        out.key = out.key or key
    return out


def okta_event(v, inventory):
    when = required_time(v.get("published"), iso)
    uuid = required_text(v.get("uuid"), "missing_event_id")
    native = required_text(v.get("eventType"), "missing_event_type")
    action, kind = okta_action(native)
    actor, client = as_dict(v.get("actor")), as_dict(v.get("client"))
    targets = [t for t in as_list(v.get("target")) if isinstance(t, dict)]
    debug = as_dict(as_dict(v.get("debugContext")).get("debugData"))
    actor_type = text(actor.get("type"))
    actor_name = first(text(actor.get("alternateId")), text(actor.get("id")))

    def target_name(types):
        return next((n for t in targets if okta_type(t) in types
                     for n in [first(text(t.get("alternateId")), text(t.get("id")))] if n), None)

    # identity
    client_name = actor_name if actor_type == "PublicClientApp" else text(client.get("id"))
    if native.startswith("system.api_token."):
        seen = actor_name if actor_type == "User" else None
    elif ".consent." in native:
        by_target = [text(x) for t in targets for k, x in as_dict(t.get("detailEntry")).items() if k.lower() == "publicclientapp"]
        seen = first(*by_target, text(client.get("id")))
    elif native.startswith("user.lifecycle."):
        seen = target_name(OKTA_USER_TYPES)
    elif ".lifecycle." in native or native.endswith(".key.rollover"):
        seen = first(target_name(OKTA_APP_TYPES), target_name(OKTA_USER_TYPES))
    elif OKTA_TOKEN_EVENT.fullmatch(native):
        seen = client_name
    else:                                          # CHOICE: the page is silent: the client, else the user who acted
        seen = first(client_name, actor_name if actor_type == "User" else None)

    # credentials: one row each
    chosen = [t for t in targets if okta_type(t) in OKTA_CREDENTIAL_TYPES]
    if action == "token_issued":                   # the event names which of the pair it is about
        chosen = [t for t in chosen if okta_type(t) == kind] or chosen[:1]
    elif kind == "client_secret" and not chosen:
        chosen = [t for t in targets if okta_type(t) not in OKTA_APP_TYPES | OKTA_USER_TYPES]
    elif native.endswith(".key.rollover") and not chosen:
        chosen = [t for t in targets if okta_type(t) not in OKTA_APP_TYPES | OKTA_USER_TYPES and "authorizationserver" not in okta_type(t)]

    scopes = words(first(text(debug.get("grantedScopes")), text(debug.get("requestedScopes"))))
    if ".consent." in native:
        scopes = words([t.get("displayName") for t in targets if okta_type(t) in ("scope", "consentgrant")])
    bound = None
    if action == "token_issued" and (debug.get("dpopBound") is True or (text(debug.get("dpopBound")) or "").lower() == "true"):
        bound = "dpop"
    result = text(as_dict(v.get("outcome")).get("result"))
    rows = []
    for t in chosen or [None]:
        row = event_row(
            event_time=when, provider="okta", event_id=uuid, event_type=native, action=action,
            outcome={"SUCCESS": "success", "ALLOW": "success", "FAILURE": "failure", "DENY": "failure"}.get(result, "unknown"),
            identity=inventory.identity(seen), identity_seen=seen,
            identity_kind="human" if native.startswith("user.lifecycle.") else None,
            credential=final_credential(okta_credential(t)) if t else None,
            credential_kind=kind or (OKTA_KINDS.get(okta_type(t), "other") if t else None), scopes=scopes,
            issued_at=when if action in ("credential_issued", "token_issued") else None,
            expires_at=iso(as_dict(t.get("detailEntry")).get("expires")) if t else None,
            bound=bound, actor=actor_name, is_automatic=actor_type == "SystemPrincipal" if actor_type else None)
        rows.append(row)
    return rows, (uuid, when)


def okta_token_owners(events, inventory):
    """system.api_token.*: the user of the token's creation stands on every event of that token."""
    owner = {}
    for r in sorted((r for r in events if r["event_type"] == "system.api_token.create"), key=lambda r: r["event_time"]):
        if r["credential"] and r["identity_seen"] and r["outcome"] != "failure":
            owner.setdefault(r["credential"], r["identity_seen"])
    for r in events:
        if r["event_type"].startswith("system.api_token.") and r["credential"] in owner and r["source"] == "okta":
            r["identity_seen"] = owner[r["credential"]]
            r["identity"] = inventory.identity(r["identity_seen"])


GITHUB_ACTIONS = {}
for _action, _names in {
    "credential_issued": "personal_access_token.create personal_access_token.access_granted"
                         " oauth_application.generate_client_secret public_key.create integration_installation.create",
    "token_issued": "oauth_access.create oauth_authorization.create",
    "credential_rotated": "personal_access_token.credential_regenerated oauth_access.regenerate oauth_application.reset_secret",
    "credential_revoked": "personal_access_token.access_revoked personal_access_token.destroy"
                          " personal_access_token.credential_revoked oauth_access.destroy oauth_application.revoke_tokens"
                          " oauth_application.revoke_all_tokens oauth_application.remove_client_secret"
                          " integration.revoke_tokens integration.revoke_all_tokens integration.remove_client_secret"
                          " public_key.delete org_credential_authorization.revoke",
    "identity_deleted": "oauth_application.destroy integration_installation.destroy",
    "identity_disabled": "integration.suspend integration_installation.suspend",
    "credential_exposed": "secret_scanning_alert.create",
    "access_denied": "personal_access_token.request_denied",
}.items():
    for _n in _names.split():
        GITHUB_ACTIONS[_n] = _action


def github_audit(v, inventory):
    out, data = Rows(), as_dict(v.get("data"))

    def raw(name):
        """Field at the top, else under data{}."""
        x = v.get(name)
        return data.get(name) if x is None or (isinstance(x, str) and text(x) is None) else x

    def val(name):
        return text(raw(name))

    stamp = raw("@timestamp") if val("@timestamp") is not None else raw("created_at")
    when = required_time(stamp, millis, iso)       # CHOICE: text times (exports) are read as well
    native = required_text(raw("action"), "missing_event_type")
    if "." not in native:
        raise Reject("missing_event_type")         # a webhook payload, not an audit event
    event_id = required_text(raw("_document_id"), "missing_event_id")
    status = http_status(raw("status_code"))

    # credential
    hashed, credential = sha256_hex(raw("hashed_token")), None
    if hashed:
        credential = "token:sha256:" + hashed
    elif val("oauth_access_id"):
        credential = "oauth:" + val("oauth_access_id")
    elif val("token_id"):
        credential = "token:id:" + val("token_id")
    elif first(val("fingerprint"), val("public_key_fingerprint")):
        credential = "key:" + first(val("fingerprint"), val("public_key_fingerprint"))
    credential = final_credential(credential)

    action = GITHUB_ACTIONS.get(native, "other")
    if (native == "api.request" or native.startswith("git.")) and hashed:
        action = "credential_used"

    # identity
    if native.startswith("integration") or native.startswith("oauth_application."):
        seen = first(val("integration"), val("name"))
    elif raw("actor_is_bot") is True and val("user") and action.startswith(("credential_", "token_")):
        seen = val("user")
    else:
        seen = val("actor")
    identity = inventory.identity(seen)
    scopes = words(first(raw("token_scopes") if words(raw("token_scopes")) else None, raw("scopes")))

    out.events.append(event_row(
        event_time=when, provider="github", event_id=event_id, event_type=native, action=action,
        outcome="failure" if native == "api.request" and status is not None and status >= 400 else "success",
        identity=identity, identity_seen=seen, credential=credential,
        credential_kind="personal_access_token" if native.startswith("personal_access_token.") else None, scopes=scopes,
        issued_at=when if action in ("credential_issued", "token_issued") else None, actor=val("actor"),
        is_automatic=True if native == "personal_access_token.credential_revoked" else None))
    if native == "api.request":
        decision = decision_of(status)
        out.requests.append(request_row(
            event_time=when, request_id=event_id, api="api.github.com", method=upper(raw("request_method")), route=val("route"),
            identity=identity, identity_seen=seen, credential=credential, auth_scheme="bearer", proof="none", scopes=scopes,
            status=status, decision=decision,
            violation=violation_of(status, "bearer", True) if decision == "blocked" else None,
            client_address=client_address(val("actor_ip"))))
    out.key = (event_id, when)
    return out


# ================================================================ 7 tickets
FALSE_POSITIVE = ["False Positive", "Not an issue", "Duplicate", "Won't Do", "Invalid"]
REVOKED_STATUSES = ["Revoked", "Credential revoked"]
TICKET_LABELS = ["credential-revocation", "compromised-credential"]
TICKET_SUMMARY = re.compile(r"(?i)\b(revoke|rotat|compromis|leak)\w*")
TIME_FIELDS = ("exposed_at", "detected_at", "contained_at", "revoked_at")
LINE = re.compile(r"(?i)\s*(exposed at|detected at|contained at|revoked at|identity|credential)\s*:\s*(.*?)\s*")


def jira_setting(name, default=None):
    """CHOICE: [jira] fields = {exposed_at = "customfield_1", ...}, labels, issue_types, projects, revoked_statuses,
    false_positive_resolutions."""
    return as_dict(CONFIG.get("jira")).get(name, default)


def document_text(v):
    """Plain text of a description: as it is, or from an Atlassian document (every block on its own line)."""
    if isinstance(v, str):
        return v
    if isinstance(v, list):
        return "".join(map(document_text, v))
    if not isinstance(v, dict):
        return ""
    kind = v.get("type")
    if kind == "text":
        return v["text"] if isinstance(v.get("text"), str) else ""
    if kind == "hardBreak":
        return "\n"
    inner = document_text(v.get("content"))
    attrs = as_dict(v.get("attrs"))
    if kind in ("mention", "emoji", "status", "inlineCard", "date"):
        return inner or next((x for x in (text(attrs.get("text")), text(attrs.get("url"))) if x), "")
    return inner + "\n"                            # doc, paragraph, heading, listItem, codeBlock, tableCell ...


def is_ticket(fields):
    labels = [x for x in as_list(fields.get("labels")) if isinstance(x, str)]
    rules = [(jira_setting("labels"), labels),
             (jira_setting("issue_types"), [as_dict(fields.get("issuetype")).get("name")]),
             (jira_setting("projects"), [as_dict(fields.get("project")).get("key")])]
    if any(rule for rule, _ in rules):             # configured: the defaults do not stand beside it
        return any(x in rule for rule, values in rules if rule for x in values)
    return bool(set(labels) & set(TICKET_LABELS)) or bool(TICKET_SUMMARY.search(text(fields.get("summary")) or ""))


def jira(v, inventory):
    out = Rows()
    fields = v.get("fields")
    if not isinstance(fields, dict):
        raise Reject("missing_fields")
    if not is_ticket(fields):
        out.skip = True
        return out
    ticket = required_text(v.get("key"), "missing_ticket")
    reported = required_time(fields.get("created"), iso)

    # configured fields, then description lines, then the history
    written = {}
    for line in re.split(r"\r\n|\r|\n", document_text(fields.get("description"))):
        m = LINE.fullmatch(line)
        if m and text(m[2]):
            written.setdefault(m[1].lower().replace(" ", "_"), []).append(m[2])
    custom = as_dict(jira_setting("fields"))

    def configured(name):
        x = fields.get(custom[name]) if name in custom else None
        x = x if isinstance(x, list) else [x]
        return [s for s in (text(y.get("value")) if isinstance(y, dict) else text(y) for y in x) if s]

    times = {}
    for name in TIME_FIELDS:
        by_field = [t for t in map(iso, configured(name)) if t is not None]
        by_line = [t for t in map(iso, written.get(name, [])) if t is not None]
        found = by_field or by_line
        times[name] = (found[-1] if name == "revoked_at" else found[0]) if found else None
    if times["revoked_at"] is None:
        statuses = jira_setting("revoked_statuses", REVOKED_STATUSES)
        moved = [iso(h.get("created")) for h in as_list(as_dict(v.get("changelog")).get("histories")) if isinstance(h, dict)
                 for item in as_list(h.get("items")) if isinstance(item, dict)
                 and item.get("field") == "status" and item.get("toString") in statuses]
        times["revoked_at"] = max((t for t in moved if t is not None), default=None)

    seen = first(*configured("identity"), *written.get("identity", []))
    credentials = []
    for c in configured("credential") or written.get("credential", []):
        c = final_credential(written_credential(c))
        if c not in credentials:
            credentials.append(c)
    status, resolution = as_dict(fields.get("status")), text(as_dict(fields.get("resolution")).get("name"))
    assignee = as_dict(fields.get("assignee"))
    priority = text(as_dict(fields.get("priority")).get("name"))
    for c in credentials or [None]:
        row = dict.fromkeys(TICKET_COLUMNS)
        row.update(ticket=ticket, tracker="jira", identity=inventory.identity(seen), credential=c,
                   severity=priority.lower() if priority else None, reported_at=reported, closed_at=iso(fields.get("resolutiondate")),
                   status=text(status.get("name")), resolution=resolution,
                   is_open=as_dict(status.get("statusCategory")).get("key") != "done" and resolution is None,
                   is_false_positive=resolution in jira_setting("false_positive_resolutions", FALSE_POSITIVE),
                   assignee=first(*(text(assignee.get(k)) for k in ("displayName", "name", "emailAddress", "accountId"))), **times)
        out.tickets.append(row)
    out.key, out.updated = ("jira", ticket), iso(fields.get("updated"))
    return out


def github_secret_scanning(v, inventory):
    out = Rows()
    repo = text(as_dict(v.get("repository")).get("full_name"))
    if repo is None:
        urls = " ".join(x for x in (text(v.get(k)) for k in ("html_url", "url", "locations_url")) if x)
        m = re.search(r"/repos/([^/\s]+/[^/\s]+)/secret-scanning/", urls) or \
            re.search(r"://[^/\s]+/([^/\s]+/[^/\s]+)/security/secret-scanning", urls)
        repo = m[1] if m else None
    n = text(v.get("number"))
    if repo is None or n is None:
        raise Reject("missing_ticket")
    created = required_time(v.get("created_at"), iso)
    resolved, resolution, state = iso(v.get("resolved_at")), text(v.get("resolution")), text(v.get("state"))
    secret = text(v.get("secret"))
    row = dict.fromkeys(TICKET_COLUMNS)
    row.update(ticket=f"{repo}#{n}", tracker="github_secret_scanning",
               credential=final_credential(digest(secret)) if secret and not masked(secret) else None,
               detected_at=created, reported_at=created, revoked_at=resolved if resolution == "revoked" else None,
               closed_at=resolved, status=state, resolution=resolution,
               is_open=state != "resolved",
               is_false_positive=resolution in ("false_positive", "used_in_tests"),
               assignee=text(as_dict(v.get("assigned_to")).get("login")))
    out.tickets.append(row)
    out.key, out.updated = ("github_secret_scanning", row["ticket"]), iso(v.get("updated_at"))
    return out


# ================================================================ 8 inventories
class Inventory:
    """Aliases of identities and the scopes operations demand, from all inventory files in path order."""
    def __init__(self):
        self.names, self.aliases, self.required = set(), {}, {}

    def alias(self, seen):
        """The canonical identity of an identity's own name or of one of its aliases, else None."""
        return seen if seen in self.names else self.aliases.get(seen)

    def identity(self, seen):
        return None if seen is None else first(self.alias(seen), seen)

    def add(self, fmt, v):
        """One record; raises Reject."""
        if fmt == "inventory_identities":
            name = required_text(v.get("identity"), "missing_identity")
            self.names.add(name)
            for a in (v.get("aliases") or "").split("|"):
                if text(a.strip()):
                    self.aliases.setdefault(a.strip(), name)           # CHOICE: the first claim of an alias holds
        elif fmt == "inventory_apis":
            api = required_text(v.get("api"), "missing_api")
            for entry in (v.get("required_scopes") or "").split("|"):
                operation, eq, scopes = entry.strip().partition("=")
                op = operation.split()
                if eq and len(op) == 2:
                    self.required.setdefault((api, op[0].upper(), op[1]), sorted(set(scopes.split())))
        elif fmt == "inventory_grants":
            required_text(v.get("identity"), "missing_identity")
            required_text(v.get("scope"), "missing_scope")
        else:
            if not isinstance(v, dict):
                raise Reject("not_an_object")
            required_text(v.get("id"), "missing_id")
            required_text(v.get("control"), "missing_control")


# ================================================================ 9 the run
MAPPERS = {"kong": kong, "aws_apigateway": aws_apigateway, "okta": okta, "github_audit": github_audit, "jira": jira,
           "github_secret_scanning": github_secret_scanning}


def input_files(paths):
    """[(name for `file`, path)] in path order: by the bytes of the name, over all PATHs together; each name once."""
    found = {}
    for p in paths:
        if os.path.isdir(p):
            for folder, _, names in os.walk(p):
                for n in names:
                    full = os.path.join(folder, n)
                    if os.path.isfile(full):
                        name = os.path.join(p, os.path.relpath(full, p))
                        found[name.replace(os.sep, "/")] = full
        elif os.path.isfile(p):
            found[p] = p
        else:
            raise FileNotFoundError(p)
    return sorted(found.items(), key=lambda x: os.fsencode(x[0]))


def token_bounds(events):
    """credential -> how it is bound: the latest successful token_issued event that says so."""
    best = {}
    for r in events:
        if r["action"] == "token_issued" and r["outcome"] != "failure" and r["credential"] and r["bound"] in ("dpop", "mtls", "none"):
            if r["credential"] not in best or r["event_time"] >= best[r["credential"]][0]:
                best[r["credential"]] = (r["event_time"], r["bound"])
    return {c: b for c, (_, b) in best.items()}


def run(paths, config=None):
    """All frames of the inputs: dict with requests, identity_events, revocation_tickets, rejects, ledger."""
    CONFIG.clear()
    CONFIG.update(config or {})
    opened = [(name, *open_file(path)) for name, path in input_files(paths)]
    inventory, ledger, rejects, read = Inventory(), [], [], []

    for name, fmt, records in opened:              # inventories first: names are joined when frames are built
        if fmt in MAPPERS or fmt is None:
            continue
        for r in records:
            try:
                if r.reason is None:
                    inventory.add(fmt, r.value)
            except Reject as e:
                r.reason = str(e)

    entries = []                                   # (ledger entry, record, Rows) of every accepted log record, in order
    for name, fmt, records in opened:
        entry = {"file": name, "format": fmt, "records": len(records), "rows": 0, "duplicates": 0, "skipped": 0, "rejects": 0}
        ledger.append(entry)
        for r in records:
            rows = None
            if r.reason is None and fmt in MAPPERS:
                try:
                    rows = MAPPERS[fmt](r.value, inventory)
                except Reject as e:
                    r.reason = str(e)
            if r.reason is not None:
                entry["rejects"] += 1
                rejects.append({"file": name, "record": r.number, "byte_offset": r.offset, "reason": r.reason})
            elif rows is None:
                entry["rows"] += 1                 # an inventory record
            elif rows.skip:
                entry["skipped"] += 1
            else:
                for row in rows.requests + rows.events + rows.tickets:
                    row.update(source=fmt, file=name, record=r.number)
                entries.append((entry, fmt, rows))

    # duplicates
    newest = {}
    for i, (_, fmt, rows) in enumerate(entries):
        if rows.tickets:                           # the latest `updated` wins, of equals the later
            k = (-1 if rows.updated is None else rows.updated, i)
            newest[rows.key] = max(newest.get(rows.key, k), k)
    kept, copies = [], set()
    for i, (entry, fmt, rows) in enumerate(entries):
        if rows.tickets:
            duplicate = newest[rows.key][1] != i
        else:
            duplicate = rows.key is not None and (fmt, rows.key) in copies
            copies.add((fmt, rows.key))
        entry["duplicates" if duplicate else "rows"] += 1
        if not duplicate:
            kept.append(rows)

    # facts that need everything read
    requests = [r for rows in kept for r in rows.requests]
    events = [r for rows in kept for r in rows.events]
    tickets = [r for rows in kept for r in rows.tickets]
    okta_token_owners(events, inventory)
    bounds = token_bounds(events)
    for r in requests:
        r["required_scopes"] = inventory.required.get((r["api"], r["method"], r["route"]))
        e = r.pop("_evidence", None)
        if e is not None:
            r["proof"] = proof(e, r["decision"], bounds.get(r["credential"]))
    for e in ledger:
        assert e["records"] == e["rows"] + e["duplicates"] + e["skipped"] + e["rejects"], e
    return {"requests": requests, "identity_events": events, "revocation_tickets": tickets, "rejects": rejects, "ledger": ledger}


def write(out, result):
    os.makedirs(out, exist_ok=True)
    columns = {"requests": REQUEST_COLUMNS + PROVENANCE, "identity_events": EVENT_COLUMNS + PROVENANCE,
               "revocation_tickets": TICKET_COLUMNS + PROVENANCE, "rejects": ["file", "record", "byte_offset", "reason"]}
    for name, cols in columns.items():
        with open(os.path.join(out, name + ".jsonl"), "w", encoding="utf-8") as f:
            for row in result[name]:
                f.write(json.dumps({c: row[c] for c in cols}) + "\n")
    with open(os.path.join(out, "ledger.json"), "w", encoding="utf-8") as f:
        json.dump(result["ledger"], f, indent=1)
        f.write("\n")


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("paths", nargs="+", metavar="PATH")
    p.add_argument("--out", required=True)
    p.add_argument("--config")
    a = p.parse_args(argv)
    try:
        config = {}
        if a.config:
            with open(a.config, "rb") as f:
                config = tomllib.load(f)
        result = run(a.paths, config)
    except (OSError, tomllib.TOMLDecodeError) as e:
        print(f"ref_frames: {e}", file=sys.stderr)
        return 2
    write(a.out, result)
    print("  ".join(f"{k} {len(v)}" for k, v in result.items()), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

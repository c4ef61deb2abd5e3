#!/usr/bin/env python3
"""duckdb_peer.py FOLDER QUERIES: runs every query of QUERIES on DuckDB over FOLDER/frames and compares all rows with
FOLDER/results/<query>.parquet, which Polars made from the same frames. Floats agree to 1e-9. Exit status 1 on a difference.

The SQL is taken as it is: nothing is translated. A query's inputs are DuckDB's own results, so that errors add up."""
import glob, os, re, sys, tomllib
import duckdb

TYPES = {"string": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN", "smallint": "SMALLINT", "timestamp": "TIMESTAMPTZ",
         "date": "DATE", "list": "VARCHAR[]"}
SHOWN = 5


def read_queries(root):
    """name -> SQL; a metric's name is the id before the first underscore."""
    queries = {}
    for path in glob.glob(f"{root}/facts/*.sql") + glob.glob(f"{root}/entities/*.sql"):
        queries[os.path.basename(path)[:-4]] = open(path, encoding="utf-8").read().strip().rstrip(";")
    for path in glob.glob(f"{root}/metrics/*/query.sql"):
        queries[os.path.basename(os.path.dirname(path)).split("_")[0]] = open(path, encoding="utf-8").read().strip().rstrip(";")
    return queries


def reads(sql):
    code = "\n".join(line.split("--")[0] for line in sql.splitlines())
    ctes = set(re.findall(r"\b([a-z_][a-z0-9_]*)\s+as\s*\(\s*(?:select|with)\b", code, re.I))
    return set(x.lower() for x in re.findall(r"\b(?:from|join)\s+([a-z_][a-z0-9_]*)", code, re.I)) - ctes


def in_order(queries, frames):
    done, order = set(frames), []
    while len(order) < len(queries):
        ready = sorted(k for k, sql in queries.items() if k not in done and reads(sql) <= done)
        if not ready:
            sys.exit("no query is ready: " + ", ".join(sorted(set(queries) - done)))
        order += ready
        done |= set(ready)
    return order


def load_frames(db, folder, schema):
    for name, columns in schema.items():
        typed = ", ".join(f'"{c["name"]}" {TYPES[c["type"]]}' for c in columns)
        db.execute(f"create table {name} ({typed})")
        parts = glob.glob(f"{folder}/frames/{name}/*/*.parquet")
        source = f"read_parquet({parts!r}, hive_partitioning = true, hive_types = {{'month': VARCHAR}})" if parts else f"read_parquet('{folder}/frames/{name}.parquet')"
        have = {r[0] for r in db.execute(f"describe select * from {source}").fetchall()}
        cells = ", ".join(f'"{c["name"]}"' if c["name"] in have else f'null as "{c["name"]}"' for c in columns)
        db.execute(f"insert into {name} select {cells} from {source}")


def key(row):
    """Sorts rows alike on both sides: floats last and rounded, because they may differ in the last bits."""
    return ([(v is None, str(v)) for v in row if not isinstance(v, float)], [f"{v:.6e}" for v in row if isinstance(v, float)])


def same(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool) and not isinstance(b, bool):
        return abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))
    return a == b


def compare(name, columns, ours, columns_theirs, theirs):
    if columns != columns_theirs:
        return [f"{name}: columns {columns} on DuckDB, {columns_theirs} on Polars"]
    if len(ours) != len(theirs):
        only = [r for r in ours if r not in theirs][:SHOWN], [r for r in theirs if r not in ours][:SHOWN]
        return [f"{name}: {len(ours)} rows on DuckDB, {len(theirs)} on Polars; for example {only[0]} and {only[1]}"]
    told = []
    for a, b in zip(sorted(ours, key=key), sorted(theirs, key=key)):
        if not all(map(same, a, b)):
            told.append(f"{name}: DuckDB {dict(zip(columns, a))}\n    Polars {dict(zip(columns, b))}")
    return told[:SHOWN] + ([f"{name}: {len(told) - SHOWN} more rows"] if len(told) > SHOWN else [])


def main(folder, root):
    schema = tomllib.load(open(f"{root}/frames.toml", "rb"))
    queries = read_queries(root)
    db = duckdb.connect()
    db.execute("set TimeZone = 'UTC'; set threads = 2")
    load_frames(db, folder, schema)
    told, n_rows = [], 0
    for name in in_order(queries, schema):
        db.execute(f"create table {name} as {queries[name]}")
        ours = db.execute(f"select * from {name}")
        columns, ours = [c[0] for c in ours.description], ours.fetchall()
        theirs = db.execute(f"select * from read_parquet('{folder}/results/{name}.parquet')")
        told += compare(name, columns, ours, [c[0] for c in theirs.description], theirs.fetchall())
        n_rows += len(ours)
    print("\n".join(told))
    print(f"{len(queries)} queries, {n_rows} rows, {len(told)} differences")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))

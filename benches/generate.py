#!/usr/bin/env python3
"""Writes logs of a day of Odoo 17 behind nginx and PostgreSQL, as large as wanted, the same for the same seed.

usage: generate.py FOLDER MIB [SEED]

Writes FOLDER/access.log (nginx, timed), FOLDER/odoo.log and FOLDER/postgresql.log of about MIB mebibytes each. The mix is
that of the captures in ../shared/bundles: long user agents, tracebacks, IN-lists of hundreds of ids, one request in twenty
failed, kills in volleys, static files, long-polling. All lines of one log span one day, so that a larger file is a busier
day.
"""
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

DAY_S = 86_400
START = datetime(2026, 11, 23, tzinfo=timezone.utc)
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "python-requests/2.32.3",
]
MODELS = "sale.order res.partner account.move product.product stock.picking mail.message crm.lead hr.employee".split()
METHODS = "search_read web_search_read read write create name_search web_read onchange".split()


def path(dice):
    roll = dice.random()
    if roll < 0.6:
        return "POST", f"/web/dataset/call_kw/{dice.choice(MODELS)}/{dice.choice(METHODS)}"
    if roll < 0.7:
        return "GET", f"/web/image/res.partner/{dice.randrange(9000)}/avatar_128?unique={dice.randrange(1 << 30)}"
    if roll < 0.8:
        return "GET", f"/web/assets/{dice.randrange(1 << 28):x}/web.assets_web.min.js"
    if roll < 0.9:
        return "GET", f"/websocket?version=17.0-{dice.randrange(9)}"
    return "GET", "/web/login"


def access(dice, when):
    method, target = path(dice)
    status = dice.choices([200, 304, 303, 404, 502, 504, 500], [80, 8, 5, 2, 1, 3, 1])[0]
    took = 60.0 if status == 504 else dice.lognormvariate(-3, 1.4)
    stamp = when.strftime("%d/%b/%Y:%H:%M:%S +0000")
    up = f"{took:.3f}"
    return (
        f'10.0.{dice.randrange(256)}.{dice.randrange(256)} - - [{stamp}] "{method} {target} HTTP/1.1" {status} '
        f'{dice.randrange(60_000)} "https://erp.example.com/web" "{dice.choice(AGENTS)}" '
        f'rt={took:.3f} uct="0.000" uht="{up}" urt="{up}" ups="{status}" ua="127.0.0.1:8069"\n'
    )


TRACEBACK = """Traceback (most recent call last):
  File "/opt/odoo/odoo/http.py", line 1788, in _serve_db
    return service_model.retrying(self._serve_ir_http, self.env)
  File "/opt/odoo/odoo/service/model.py", line 133, in retrying
    result = func()
  File "/opt/odoo/odoo/models.py", line 4421, in _write
    self.env.cr.execute(query, params + [sub_ids])
psycopg2.errors.SerializationFailure: could not serialize access due to concurrent update
"""


def odoo(dice, when):
    stamp = when.strftime("%Y-%m-%d %H:%M:%S,") + f"{when.microsecond // 1000:03d}"
    pid = 12_000 + dice.randrange(40)
    roll = dice.random()
    if roll < 0.9:
        method, target = path(dice)
        status = dice.choices([200, 303, 404, 500], [92, 4, 2, 2])[0]
        return (
            f"{stamp} {pid} INFO prod werkzeug: 10.0.{dice.randrange(256)}.{dice.randrange(256)} - - "
            f'[{when.strftime("%d/%b/%Y %H:%M:%S")}] "{method} {target} HTTP/1.0" {status} - {dice.randrange(90)} '
            f"{dice.lognormvariate(-4, 1):.3f} {dice.lognormvariate(-4, 1):.3f}\n"
        )
    if roll < 0.96:
        return f"{stamp} {pid} INFO prod odoo.addons.base.models.ir_cron: Job 'Mail: Email Queue Manager' (3) done in {dice.random():.3f}s\n"
    if roll < 0.98:
        ids = ", ".join(str(dice.randrange(100_000)) for _ in range(dice.randrange(20, 400)))
        return (
            f"{stamp} {pid} ERROR prod odoo.sql_db: bad query: b'UPDATE \"sale_order\" SET \"write_uid\" = 2 WHERE id IN ({ids})'\n"
            "ERROR: could not serialize access due to concurrent update\n"
        )
    if roll < 0.999:
        return f"{stamp} {pid} ERROR prod odoo.http: Exception during request handling.\n{TRACEBACK}"
    return f"{stamp} 11990 ERROR prod odoo.service.server: WorkerHTTP ({pid}) timeout after 120s\n"


def postgres(dice, when):
    stamp = when.strftime("%Y-%m-%d %H:%M:%S.") + f"{when.microsecond // 1000:03d} UTC"
    head = f"{stamp} [{13_000 + dice.randrange(60)}] odoo@prod "
    roll = dice.random()
    if roll < 0.9:
        ids = ", ".join(str(dice.randrange(100_000)) for _ in range(dice.choice([1, 3, 20, 200])))
        return (
            f"{head}LOG:  duration: {dice.lognormvariate(5, 1.5):.3f} ms  statement: SELECT \"id\", \"name\", \"state\" "
            f"FROM \"{dice.choice(MODELS).replace('.', '_')}\" WHERE \"company_id\" = 1 AND id IN ({ids})\n"
        )
    if roll < 0.95:
        return (
            f"{head}ERROR:  could not serialize access due to concurrent update\n"
            f"{head}STATEMENT:  UPDATE \"res_partner\" SET \"write_uid\" = 2 WHERE id IN ({dice.randrange(9000)})\n"
        )
    holder = 13_000 + dice.randrange(60)
    return (
        f"{head}LOG:  process {13_000 + dice.randrange(60)} still waiting for ShareLock on transaction {dice.randrange(1 << 24)} after 1000.123 ms\n"
        f"{head}DETAIL:  Process holding the lock: {holder}. Wait queue: {13_000 + dice.randrange(60)}.\n"
        f"{head}STATEMENT:  UPDATE \"res_partner\" SET \"write_uid\" = 2 WHERE id IN ({dice.randrange(9000)})\n"
    )


def write(path, make, size, dice):
    sample = sum(len(make(dice, START)) for _ in range(2000)) / 2000
    step = timedelta(seconds=DAY_S / max(1, size / sample))
    written, when, pieces = 0, START, []
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        while written < size:
            text = make(dice, when)
            written += len(text)
            pieces.append(text)
            when += step
            if len(pieces) >= 10_000:
                out.write("".join(pieces))
                pieces.clear()
        out.write("".join(pieces))


def main():
    folder, mib = Path(sys.argv[1]), float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("access.log", access), ("odoo.log", odoo), ("postgresql.log", postgres)):
        write(folder / name, make, int(mib * (1 << 20)), random.Random(f"{seed} {name}"))


main()

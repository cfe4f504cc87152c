#!/usr/bin/env python3
"""Writes logs of a day of Odoo 17 behind nginx and PostgreSQL, as large as wanted, the same for the same seed.

usage: generate.py FOLDER MIB [SEED]

Writes FOLDER/access.log (nginx, timed), FOLDER/odoo.log and FOLDER/postgresql.log of about MIB mebibytes each. The mix is
that of the captures in ../shared/bundles: long user agents, tracebacks, IN-lists of one to four hundred ids, one request in
twenty failed, kills in volleys, static files, long-polling. All lines of one log span one day, so that a larger file is a
busier day.

What is expensive to draw (durations, lists of ids, ends of lines) is drawn once into pools; each line joins a few of them and
fresh random numbers. A log is made in chunks of some thousand records, each from its own seed, so that the number of
processes does not show in the result.
"""
import os
import random
import sys
from datetime import datetime, timedelta, timezone
from multiprocessing import Pool
from pathlib import Path

DAY_US = 86_400_000_000
START = datetime(2026, 11, 23, tzinfo=timezone.utc)
CHUNK_RECORDS = 20_000
POOL = 1 << 16
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "python-requests/2.32.3",
]
MODELS = "sale.order res.partner account.move product.product stock.picking mail.message crm.lead hr.employee".split()
METHODS = "search_read web_search_read read write create name_search web_read onchange".split()
TRACEBACK = """Traceback (most recent call last):
  File "/opt/odoo/odoo/http.py", line 1788, in _serve_db
    return service_model.retrying(self._serve_ir_http, self.env)
  File "/opt/odoo/odoo/service/model.py", line 133, in retrying
    result = func()
  File "/opt/odoo/odoo/models.py", line 4421, in _write
    self.env.cr.execute(query, params + [sub_ids])
psycopg2.errors.SerializationFailure: could not serialize access due to concurrent update
"""


def target(dice):
    """Method and path; what stands behind a `%` in it is drawn anew for each line."""
    roll = dice.random()
    if roll < 0.6:
        return f"POST /web/dataset/call_kw/{dice.choice(MODELS)}/{dice.choice(METHODS)}"
    if roll < 0.7:
        return "GET /web/image/res.partner/%(partner)d/avatar_128?unique=%(unique)d"
    if roll < 0.8:
        return "GET /web/assets/%(unique)x/web.assets_web.min.js"
    if roll < 0.9:
        return f"GET /websocket?version=17.0-{dice.randrange(9)}"
    return "GET /web/login"


def address(dice):
    return f"10.0.{dice.randrange(256)}.{dice.randrange(256)}"


def times(first, count, records):
    """Second of the day and millisecond of some of so many records of one day."""
    for record in range(first, first + count):
        yield divmod(record * DAY_US // records // 1000, 1000)


class Access:
    """nginx's access log with times."""

    def __init__(self, dice):
        self.targets = [target(dice) for _ in range(POOL)]
        self.addresses = [address(dice) for _ in range(POOL)]
        self.answers = [self.answer(dice) for _ in range(POOL)]

    @staticmethod
    def answer(dice):
        """What stands before and behind the number of bytes."""
        status = dice.choices([200, 304, 303, 404, 502, 504, 500], [80, 8, 5, 2, 1, 3, 1])[0]
        took = f"{60.0 if status == 504 else dice.lognormvariate(-3, 1.4):.3f}"
        return f'HTTP/1.1" {status}', (
            f'"https://erp.example.com/web" "{dice.choice(AGENTS)}" '
            f'rt={took} uct="0.000" uht="{took}" urt="{took}" ua="127.0.0.1:8069" us="{status}" rid='
        )

    def lines(self, dice, moments):
        bits, last = dice.getrandbits, None
        targets, addresses, answers = self.targets, self.addresses, self.answers
        for second, _ in moments:
            if second != last:
                last, stamp = second, (START + timedelta(seconds=second)).strftime("%d/%b/%Y:%H:%M:%S +0000")
            request = targets[bits(16)]
            if "%" in request:
                request %= {"partner": bits(16) % 9000, "unique": bits(28)}
            status, rest = answers[bits(16)]
            yield f'{addresses[bits(16)]} - - [{stamp}] "{request} {status} {bits(16)} {rest}{bits(128):032x}\n'


class Odoo:
    """Odoo's log."""

    def __init__(self, dice):
        self.targets = [target(dice) for _ in range(POOL)]
        self.addresses = [address(dice) for _ in range(POOL)]
        self.answers = [self.answer(dice) for _ in range(POOL)]
        self.ids = Ids(dice)

    @staticmethod
    def answer(dice):
        status = dice.choices([200, 303, 404, 500], [92, 4, 2, 2])[0]
        return f'HTTP/1.0" {status} - {dice.randrange(90)} {dice.lognormvariate(-4, 1):.3f} {dice.lognormvariate(-4, 1):.3f}\n'

    def lines(self, dice, moments):
        bits, roll, last = dice.getrandbits, dice.random, None
        targets, addresses, answers, ids = self.targets, self.addresses, self.answers, self.ids
        for second, millisecond in moments:
            if second != last:
                when = START + timedelta(seconds=second)
                last, stamp, inner = second, when.strftime("%Y-%m-%d %H:%M:%S"), when.strftime("%d/%b/%Y %H:%M:%S")
            head = f"{stamp},{millisecond:03d} {12_000 + bits(16) % 40}"
            kind = roll()
            if kind < 0.9:
                request = targets[bits(16)]
                if "%" in request:
                    request %= {"partner": bits(16) % 9000, "unique": bits(28)}
                yield f'{head} INFO prod werkzeug: {addresses[bits(16)]} - - [{inner}] "{request} {answers[bits(16)]}'
            elif kind < 0.96:
                yield f"{head} INFO prod odoo.addons.base.models.ir_cron: Job 'Mail: Email Queue Manager' (3) done in {roll():.3f}s\n"
            elif kind < 0.98:
                listed = ids.some(dice, 20 + int(roll() * 380))
                yield (
                    f"{head} ERROR prod odoo.sql_db: bad query: b'UPDATE \"sale_order\" SET \"write_uid\" = 2 WHERE id IN ({listed})'\n"
                    "ERROR: could not serialize access due to concurrent update\n"
                )
            elif kind < 0.999:
                yield f"{head} ERROR prod odoo.http: Exception during request handling.\n{TRACEBACK}"
            else:
                yield (
                    f"{stamp},{millisecond:03d} 11990 ERROR prod odoo.service.server: "
                    f"WorkerHTTP ({12_000 + bits(16) % 40}) timeout after 120s\n"
                )


class Postgres:
    """PostgreSQL's log on standard error."""

    def __init__(self, dice):
        self.durations = [f"{dice.lognormvariate(5, 1.5):.3f}" for _ in range(POOL)]
        self.tables = [model.replace(".", "_") for model in MODELS]
        self.ids = Ids(dice)

    def lines(self, dice, moments):
        bits, roll, last = dice.getrandbits, dice.random, None
        durations, tables, ids, lengths = self.durations, self.tables, self.ids, (1, 3, 20, 200)
        for second, millisecond in moments:
            if second != last:
                last, stamp = second, (START + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
            head = f"{stamp}.{millisecond:03d} UTC [{13_000 + bits(16) % 60}] odoo@prod "
            kind = roll()
            if kind < 0.9:
                yield (
                    f'{head}LOG:  duration: {durations[bits(16)]} ms  statement: SELECT "id", "name", "state" '
                    f'FROM "{tables[bits(3)]}" WHERE "company_id" = 1 AND id IN ({ids.some(dice, lengths[bits(2)])})\n'
                )
                continue
            statement = f'{head}STATEMENT:  UPDATE "res_partner" SET "write_uid" = 2 WHERE id IN ({bits(16) % 9000})\n'
            if kind < 0.95:
                yield f"{head}ERROR:  could not serialize access due to concurrent update\n{statement}"
                continue
            yield (
                f"{head}LOG:  process {13_000 + bits(16) % 60} still waiting for ShareLock on transaction {bits(24)} after 1000.123 ms\n"
                f"{head}DETAIL:  Process holding the lock: {13_000 + bits(16) % 60}. Wait queue: {13_000 + bits(16) % 60}.\n"
                f"{statement}"
            )


class Ids:
    """Lists of random ids: any stretch of one long list."""

    def __init__(self, dice):
        ids = [str(dice.randrange(100_000)) for _ in range(POOL + 400)]
        self.text, self.starts, at = ", ".join(ids), [], 0
        for one in ids:
            self.starts.append(at)
            at += len(one) + len(", ")

    def some(self, dice, count):
        first = dice.getrandbits(16)
        return self.text[self.starts[first] : self.starts[first + count] - len(", ")]


LOGS = {"access.log": Access, "odoo.log": Odoo, "postgresql.log": Postgres}
# What each process makes chunks with.
pools = {}


def fill_pools(seed):
    for name, log in LOGS.items():
        pools[name] = log(random.Random(f"{seed} {name}"))


def chunk(task):
    seed, name, number, records = task
    first = number * CHUNK_RECORDS
    moments = times(first, min(CHUNK_RECORDS, records - first), records)
    lines = pools[name].lines(random.Random(f"{seed} {name} {number}"), moments)
    return "".join(lines).encode()


def main():
    folder, size = Path(sys.argv[1]), int(float(sys.argv[2]) * (1 << 20))
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    folder.mkdir(parents=True, exist_ok=True)
    with Pool(os.cpu_count(), fill_pools, [seed]) as processes:
        for name in LOGS:
            sample = processes.apply(chunk, [(seed, name, 0, CHUNK_RECORDS)])
            records = max(1, size * CHUNK_RECORDS // len(sample))
            tasks = ((seed, name, number, records) for number in range(-(-records // CHUNK_RECORDS)))
            with open(folder / name, "wb") as out:
                for text in processes.imap(chunk, tasks):
                    out.write(text)


if __name__ == "__main__":
    main()

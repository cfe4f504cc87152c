//! What Odoo's log looks like.

use super::detect;
use crate::format::{Broken, Definition, Example, Foreign, Source};

/// Odoo's log in its three forms.
pub const FORMAT: Definition = Definition {
    name: "odoo",
    source: Source::Odoo,
    summary: "Odoo's own log",
    origin: "Odoo 8 to 20, `odoo/netsvc.py`",
    detect,
    examples: &[
        Example {
            name: "odoo",
            file: "odoo.log",
            text: r#"2026-11-23 18:32:20,041 17092 INFO prod17 werkzeug: 203.0.113.14 - - [23/Nov/2026 18:32:20] "GET /web/image/res.partner/167/avatar_128?unique=498738 HTTP/1.0" 200 - 6 0.006 0.024
2026-11-23 18:32:56,204 22130 ERROR o15 odoo.service.server: WorkerHTTP (22412) timeout after 18s 
2026-11-23 18:32:57,010 17092 ERROR prod17 odoo.http: Exception during request handling.
Traceback (most recent call last):
  File "/opt/o15/src/odoo/addons/base/models/ir_http.py", line 242, in _dispatch
    result = request.dispatch()
psycopg2.pool.PoolError: The Connection Pool Is Full
"#,
        },
        Example {
            name: "odoo",
            file: "syslog",
            text: r#"Jun 20 03:29:16 erp Odoo Server 10.0:db1:INFO:werkzeug:172.22.230.214 - - [20/Jun/2017 03:29:16] "GET /web HTTP/1.1" 200 -
"#,
        },
        Example {
            name: "odoo",
            file: "longpolling.log",
            text: r#"127.0.0.1 - - [2016-04-13 07:28:47] "POST /longpolling/poll HTTP/1.0" 200 330 50.016353
"#,
        },
    ],
    foreign: &[
        Foreign { whose: "another Python program", text: "2026-11-23 18:22:10,286 - INFO - something" },
        Foreign {
            whose: "PostgreSQL",
            text: "2026-11-23 18:22:10.286 UTC [7] LOG:  checkpoint starting: time",
        },
    ],
    broken: &[
        Broken {
            reason: "truncated_request",
            text: r#"2026-11-23 18:32:20,041 17092 INFO prod17 werkzeug: 203.0.113.14 - - [23/Nov/2026 18:32:20] "GET /web/image/res.part"#,
        },
        Broken { reason: "no_header", text: "Forced shutdown." },
    ],
};

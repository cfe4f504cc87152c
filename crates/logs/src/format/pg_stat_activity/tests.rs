use super::*;
use crate::timestamp::date_time_us;

fn claim(text: &str, name: &'static str) -> Option<Claim> {
    let lines = text.lines().map(|line| line.as_bytes().to_vec().into()).collect();
    detect(&Sample { lines, name }, &Context::default())
}

fn raw(text: &[u8]) -> Raw<'_> {
    Raw::of(text)
}

fn check<R>(format: &dyn Format, text: &str, with: impl FnOnce(ActivitySnapshot<'_>) -> R) -> R {
    let raw = raw(text.as_bytes());
    match format.parse(&raw, &mut Memory::default()).unwrap() {
        Record::Activity(snapshot) => with(snapshot),
        other => panic!("{other:?}"),
    }
}

fn every_prefix(format: &dyn Format, text: &str) {
    for end in 0..=text.len() {
        let _ = format.parse(&raw(&text.as_bytes()[..end]), &mut Memory::default());
    }
    let _ = format.parse(&raw(b"\xff\xfe\n\x00+-|\n----+---"), &mut Memory::default());
}

const ALIGNED: &str = "\
=== 2026-11-23 18:31:15 UTC ===
 pid   | usename  | application_name | query_age       | wait_event_type | wait_event | query
-------+----------+------------------+-----------------+-----------------+------------+----------------------------------
 12678 | odoo     | odoo-12317       | 00:00:00.001265 | Lock            | tuple      |                                 +
       |          |                  |                 |                 |            |       SELECT a || 'é'           +
       |          |                  |                 |                 |            |       FROM b +
 22629 | postgres | psql             | 00:00:00        |                 |            | select pid from pg_stat_activity
(2 rows)
";

#[test]
fn aligned_rows() {
    let claim = claim(ALIGNED, "x").unwrap();
    assert_eq!(claim.format.name(), "pg-stat-activity:aligned");
    check(claim.format.as_ref(), ALIGNED, |snapshot| {
        assert_eq!(snapshot.stamp.unwrap().us, date_time_us(b"2026-11-23 18:31:15").unwrap());
        let [first, second] = snapshot.rows.as_slice() else { panic!("{:?}", snapshot.rows) };
        assert_eq!((first.pid, first.line_in_record), (12678, 3));
        assert_eq!(first.query_age_us, Some(1265));
        assert_eq!(
            (first.application_name.as_ref(), first.wait_event_type.as_ref()),
            (b"odoo-12317".as_slice(), b"Lock".as_slice())
        );
        assert_eq!(first.query.trim_ascii(), "SELECT a || 'é'\n      FROM b +".as_bytes());
        assert_eq!((second.pid, second.sampler, second.line_in_record), (22629, true, 6));
        assert!(!first.sampler && !snapshot.complete);
    });
    every_prefix(claim.format.as_ref(), ALIGNED);
}

#[test]
fn counts_in_all_shapes() {
    let table = "2026-11-23T18:31:13+02:00\n active | idle_in_txn | active_over_5s | active_over_30s \n\
        --------+-------------+----------------+-----------------\n      7 |           3 |              2 |               1\n(1 row)\n";
    let expected = ActivityCounts {
        active: Some(7),
        idle_in_transaction: Some(3),
        active_over_5s: Some(2),
        active_over_30s: Some(1),
        ..ActivityCounts::default()
    };
    let bare = "2026-11-23T18:27:55+00:00\n7|3|2|1";
    let unaligned =
        "2026-11-23T18:27:55+00:00\nactive|idle_in_txn|active_over_5s|active_over_30s\n7|3|2|1\n(1 row)";
    for (text, name) in [(table, "counts"), (bare, "bare"), (unaligned, "counts")] {
        let claim = claim(text, "x").unwrap();
        assert_eq!(claim.format.name(), format!("pg-stat-activity:{name}"));
        assert_eq!(check(claim.format.as_ref(), text, |snapshot| snapshot.counts), Some(expected));
        every_prefix(claim.format.as_ref(), text);
    }
    let states = "Mon Nov 23 18:22:44 2026 (every 1s)\n\n        state        | count \n---------------------+-------\n active              |     2\n idle                |     9\n idle in transaction |     1\n(3 rows)\n";
    let counts =
        check(claim(states, "x").unwrap().format.as_ref(), states, |snapshot| snapshot.counts.unwrap());
    assert_eq!((counts.active, counts.idle_in_transaction, counts.total), (Some(2), Some(1), Some(12)));
    let single = "Mon Nov 23 18:31:17 UTC 2026\n14";
    assert!(claim(single, "x").is_none());
    let counts =
        check(claim(single, "watch_active_over_5s.txt").unwrap().format.as_ref(), single, |snapshot| {
            snapshot.counts
        });
    assert_eq!(counts.unwrap(), ActivityCounts { active_over_5s: Some(14), ..ActivityCounts::default() });
}

#[test]
fn expanded_rows() {
    let text = "2026-11-23 18:34:43+00
-[ RECORD 1 ]----+-----------
pid              | 26319
usename          | odoo
application_name | 
query_age        | 00:00:55.051052
wait_event_type  | Timeout
wait_event       | PgSleep
query            | SELECT a  +
                 |   FROM b | c
-[ RECORD 2 ]----+-----------
pid              | 26320
query            | COMMIT
";
    let claim = claim(text, "x").unwrap();
    assert_eq!(claim.format.name(), "pg-stat-activity:expanded");
    check(claim.format.as_ref(), text, |snapshot| {
        assert_eq!(snapshot.rows.len(), 2);
        assert_eq!(snapshot.rows[0].query.as_ref(), b"SELECT a\n  FROM b | c");
        assert_eq!((snapshot.rows[0].query_age_us, snapshot.rows[0].line_in_record), (Some(55_051_052), 1));
        assert_eq!(snapshot.rows[1].pid, 26320);
    });
    every_prefix(claim.format.as_ref(), text);
}

const ROW: &str = "2026-11-23 18:31:16.497146+00,\"{86,42}\",16545,o15,22502,,16384,odoo,\"\",127.0.0.1,,49916,2026-11-23 18:31:11.769733+00,2026-11-23 18:31:16.452365+00,2026-11-23 18:31:16.496857+00,2026-11-23 18:31:16.497077+00,Client,ClientRead,idle in transaction,,1866,-3672020824264229915,\"SELECT \"\"res_users\"\".\"\"id\"\",\n 2026 FROM x\",client backend";
const HEADER: &str = "sample_ts,blocking_pids,datid,datname,pid,leader_pid,usesysid,usename,application_name,client_addr,client_hostname,client_port,backend_start,xact_start,query_start,state_change,wait_event_type,wait_event,state,backend_xid,backend_xmin,query_id,query,backend_type";

#[test]
fn csv_rows() {
    for text in [format!("{HEADER}\n{ROW}"), format!("{ROW}\n{ROW}")] {
        let claim = claim(&text, "x").unwrap();
        assert_eq!(claim.format.name(), "pg-stat-activity:csv");
        check(claim.format.as_ref(), ROW, |snapshot| {
            let row = &snapshot.rows[0];
            assert!(snapshot.complete && !row.sampler);
            assert_eq!(
                (row.pid, row.blocked_by.as_slice(), row.client_port),
                (22502, [86, 42].as_slice(), Some(49916))
            );
            assert_eq!(
                (row.query_age_us, row.xact_age_us, row.state_age_us),
                (Some(289), Some(44_781), Some(69))
            );
            assert_eq!(row.query.as_ref(), b"SELECT \"res_users\".\"id\",\n 2026 FROM x");
            assert_eq!(row.state.as_ref(), b"idle in transaction");
        });
        let mut header = raw(HEADER.as_bytes());
        header.orphan = true;
        assert!(matches!(claim.format.parse(&header, &mut Memory::default()), Ok(Record::Structure)));
        let broken = |text: &str| claim.format.parse(&raw(text.as_bytes()), &mut Memory::default()).err();
        assert_eq!(broken(&ROW[..230]), Some("truncated_row"));
        assert_eq!(broken(&ROW[..ROW.len() - 30]), Some("unbalanced_quotes"));
        every_prefix(claim.format.as_ref(), ROW);
    }
}

#[test]
fn csv_under_stamps() {
    let text = "2026-11-23T18:24:34Z\npid,state,query\n7,active,\"a,\nb\"\n8,idle,COMMIT";
    let claim = claim(text, "x").unwrap();
    check(claim.format.as_ref(), text, |snapshot| {
        assert_eq!(
            snapshot.rows.iter().map(|row| (row.pid, row.line_in_record)).collect::<Vec<_>>(),
            [(7, 2), (8, 4)]
        );
    });
}

#[test]
fn failed_samples() {
    let format = Blocks { shape: "aligned", hint: None };
    for text in
        ["2026-11-23T18:24:34Z", "2026-11-23T18:24:34Z\npsql: error: FATAL:  sorry, too many clients already"]
    {
        check(&format, text, |snapshot| {
            assert!(snapshot.stamp.is_some() && snapshot.counts.is_none() && snapshot.rows.is_empty());
        });
    }
    assert_eq!(format.parse(&raw(b"garbage"), &mut Memory::default()).err(), Some("no_timestamp"));
}

#[test]
fn stamps() {
    let expected = date_time_us(b"2026-11-23 18:31:17").unwrap();
    for (line, zone) in [
        ("2026-11-23T18:31:17Z", Zone::Utc),
        ("2026-11-23T20:31:17+02:00", Zone::Offset(7200)),
        ("=== 2026-11-23 18:31:17 UTC ===", Zone::Utc),
        ("2026-11-23 18:31:17+00", Zone::Offset(0)),
        ("2026-11-23 18:31:17", Zone::Local),
        ("Mon Nov 23 18:31:17 UTC 2026", Zone::Utc),
        ("Mon Nov 23 06:31:17 PM UTC 2026", Zone::Utc),
        ("Mon Nov 23 18:31:17 2026 (every 1s)", Zone::Local),
        ("Every 1.0s: psql -c 'select 1'      vm: Mon Nov 23 18:31:17 2026", Zone::Local),
    ] {
        let stamp = stamp_line(line.as_bytes()).expect(line);
        assert_eq!((stamp.us, stamp.zone), (expected, zone), "{line}");
    }
    for line in [
        "",
        "----+----",
        "-[ RECORD 1 ]---",
        " 12 | 3",
        "(1 row)",
        "2026-11-23 18:31:17,123 17 INFO x",
        "Mon",
        "14",
    ] {
        assert_eq!(stamp_line(line.as_bytes()), None, "{line}");
    }
    assert!(claim("2026-11-23T18:31:17Z\n statement_timeout \n-------------------\n 0\n", "x").is_none());
    assert!(claim("2026-11-23 18:31:17,123 17 INFO ? odoo: x", "x").is_none());
}

/// What PostgreSQL 15's psql prints for the same two sessions in its other modes.
const MODES: [(&str, &str); 14] = [
    (
        "aligned",
        " pid  │ state  │  age  │   query    \n──────┼────────┼───────┼────────────\n 3768 │ active │ PT3S  │ update acc↵\n      │        │       │  set v=4\n 3789 │ idle   │ PT1M  │ COMMIT\n(2 rows)\n",
    ),
    (
        "aligned",
        "┌──────┬────────┬───────┬────────────┐\n│ pid  │ state  │  age  │   query    │\n├──────┼────────┼───────┼────────────┤\n│ 3768 │ active │ PT3S  │ update acc↵│\n│      │        │       │  set v=4   │\n│ 3789 │ idle   │ PT1M  │ COMMIT     │\n└──────┴────────┴───────┴────────────┘\n(2 rows)\n",
    ),
    (
        "aligned",
        "+------+--------+-------+------------+\n| pid  | state  |  age  |   query    |\n+------+--------+-------+------------+\n| 3768 | active | 00:00.| update acc+|\n|      |        |.:03   |  set v=4   |\n| 3789 | idle   | PT1M  | COMMIT     |\n+------+--------+-------+------------+\n",
    ),
    (
        "aligned",
        "pid   state   age    query   \n---- ------ ------- ----------\n3768 active PT3S    update acc+\n                     set v=4\n3789 idle   @ 1 min COMMIT\n(2 rows)\n",
    ),
    (
        "aligned",
        " pid  | state  |    age    |   query    \n------+--------+-----------+------------\n 3768 | active | 0:00:03   | update acc\n      |        |           :  set v=4\n 3789 | idle   | 0:01:00   | COMMIT\n(2 rows)\n",
    ),
    (
        "expanded",
        "+-[ RECORD 1 ]-----+\n| pid   | 3768       |\n| state | active     |\n| age   | 00:00:03   |\n| query | update acc+|\n|       |  set v=4   |\n+-[ RECORD 2 ]-----+\n| pid   | 3789       |\n| state | idle       |\n| age   | 00:01:00   |\n| query | COMMIT     |\n+-------+------------+\n",
    ),
    (
        "expanded",
        "* Record 1\npid   3768\nstate active\nage   00:00:03\nquery update acc+\n       set v=4\n* Record 2\npid   3789\nstate idle\nage   00:01:00\nquery COMMIT\n",
    ),
    (
        "unaligned",
        "pid;state;age;query\n3768;active;00:00:03;update acc\n set v=4\n3789;idle;00:01:00;COMMIT\n(2 rows)\n",
    ),
    ("unaligned", "3768|active|00:00:03|update acc\n set v=4\n3789|idle|00:01:00|COMMIT\n"),
    (
        "unaligned",
        "pid|3768\nstate|active\nage|00:00:03\nquery|update acc\n set v=4\n\npid|3789\nstate|idle\nage|00:01:00\nquery|COMMIT\n",
    ),
    (
        "json",
        "{\"pid\":3768,\"state\":\"active\",\"age\":\"00:00:03\",\"query\":\"update acc\\n set v=4\"}\n{\"pid\":3789,\"state\":\"idle\",\"age\":\"00:01:00\",\"query\":\"COMMIT\"}\n",
    ),
    (
        "json",
        "  json_agg  \n------------\n [{\"pid\":3768,\"state\":\"active\",\"age\":\"00:00:03\",\"query\":\"update acc\\n set v=4\"}, +\n  {\"pid\":3789,\"state\":\"idle\",\"age\":\"00:01:00\",\"query\":\"COMMIT\"}]\n(1 row)\n",
    ),
    (
        "html",
        "<table border=\"1\">\n  <tr>\n    <th align=\"center\">pid</th>\n    <th align=\"center\">state</th>\n    <th align=\"center\">age</th>\n    <th align=\"center\">query</th>\n  </tr>\n  <tr valign=\"top\">\n    <td align=\"right\">3768</td>\n    <td align=\"left\">active</td>\n    <td>00:00:03</td>\n    <td align=\"left\">update acc<br />\n set v=4</td>\n  </tr>\n  <tr valign=\"top\">\n    <td>3789</td>\n    <td>idle</td>\n    <td>00:01:00</td>\n    <td>COMMIT</td>\n  </tr>\n</table>\n<p>(2 rows)<br />\n</p>\n",
    ),
    (
        "html",
        "<table border=\"1\">\n  <tr><td colspan=\"2\">Record 1</td></tr>\n  <tr>\n    <th>pid</th>\n    <td>3768</td>\n  </tr>\n  <tr>\n    <th>state</th>\n    <td>active</td>\n  </tr>\n  <tr>\n    <th>age</th>\n    <td>00:00:03</td>\n  </tr>\n  <tr>\n    <th>query</th>\n    <td>update acc<br />\n set v=4</td>\n  </tr>\n\n  <tr><td colspan=\"2\">Record 2</td></tr>\n  <tr>\n    <th>pid</th>\n    <td>3789</td>\n  </tr>\n  <tr>\n    <th>state</th>\n    <td>idle</td>\n  </tr>\n  <tr>\n    <th>age</th>\n    <td>00:01:00</td>\n  </tr>\n  <tr>\n    <th>query</th>\n    <td>COMMIT</td>\n  </tr>\n</table>\n",
    ),
];

#[test]
fn every_mode_of_psql() {
    for (shape, body) in MODES {
        let text = format!("2026-11-23T18:31:17Z\n{body}");
        let claim = claim(&text, "x").unwrap_or_else(|| panic!("{body}"));
        assert_eq!(claim.format.name(), format!("pg-stat-activity:{shape}"), "{body}");
        check(claim.format.as_ref(), &text, |snapshot| {
            let [first, second] = snapshot.rows.as_slice() else { panic!("{body} {:?}", snapshot.rows) };
            assert_eq!((first.pid, second.pid), (3768, 3789), "{body}");
            assert_eq!(
                (first.state.as_ref(), second.state.as_ref()),
                (b"active".as_slice(), b"idle".as_slice())
            );
            assert_eq!(
                (first.query_age_us, second.query_age_us),
                (Some(3 * SECOND_US), Some(60 * SECOND_US)),
                "{body}"
            );
            let query = String::from_utf8_lossy(&first.query).replace("\n set", "\nset");
            assert_eq!(
                (query.as_str(), second.query.as_ref()),
                ("update acc\nset v=4", b"COMMIT".as_slice()),
                "{body}"
            );
        });
        every_prefix(claim.format.as_ref(), &text);
    }
    let watched = "                              Wed Nov 25 04:34:47 2026 (every 0.5s)";
    let titled = "     activity now\tWed Nov 25 04:34:47 2026 (every 0.5s)";
    for line in [watched, titled] {
        assert_eq!(stamp_line(line.as_bytes()).unwrap().us, date_time_us(b"2026-11-25 04:34:47").unwrap());
    }
    // Neighbours: other tables under a time.
    for body in [
        "name|size\na|1\n",
        "{\"id\":1,\"msg\":\"x\"}\n",
        "<table><tr><th>a</th></tr></table>\n",
        "pid is 3\n",
    ] {
        assert!(claim(&format!("2026-11-23T18:31:17Z\n{body}"), "x").is_none(), "{body}");
    }
}

//! Every finding through the public door: files that have it, files that have not, odd spellings.

use std::fs;

use crate::report::{Finding, Severity};

/// A prefork `odoo.conf` without fault.
const ODOO: &str = "[options]\nlist_db = False\nproxy_mode = True\nworkers = 4\nlimit_time_cpu = 60\n\
    limit_time_real = 120\nlimit_time_real_cron = 300\nhttp_port = 8069\ngevent_port = 8072\ndb_user = odoo\n\
    db_maxconn = 8\nmax_cron_threads = 1\n";

/// An `nginx.conf` without fault.
const NGINX: &str = "error_log /var/log/nginx/error.log warn;\nhttp {\n  include mime.types;\n  \
    upstream odoo { server 127.0.0.1:8069; }\n  upstream chat { server 127.0.0.1:8072; }\n  \
    server {\n    proxy_read_timeout 720s;\n    location /websocket {\n      proxy_pass http://chat;\n      \
    proxy_http_version 1.1;\n      proxy_set_header Upgrade $http_upgrade;\n      \
    proxy_set_header Connection $connection_upgrade;\n    }\n    location / { proxy_pass http://odoo; }\n  }\n}\n";

/// A `postgresql.conf` without fault.
const POSTGRES: &str = "max_connections = 100\nstatement_timeout = 100s\nlock_timeout = '30s' # short\n\
    idle_in_transaction_session_timeout = 1min\nlog_lock_waits = yes\nlog_min_duration_statement = 500\n\
    deadlock_timeout = 1s\nlog_line_prefix = '%m [%p] '\n";

fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    crate::analyze(&[directory.path().to_owned()], &crate::Options::default()).unwrap().findings
}

fn ids(files: &[(&str, &str)]) -> Vec<&'static str> {
    findings(files).iter().map(|finding| finding.id).collect()
}

/// The three faultless files with one text replaced in one of them.
fn changed(file: &str, from: &str, to: &str) -> Vec<Finding> {
    let one = |name: &str, text: &str| {
        assert!(name != file || text.contains(from), "{from}");
        if name == file { text.replace(from, to) } else { text.to_owned() }
    };
    findings(&[
        ("odoo.conf", &one("odoo.conf", ODOO)),
        ("nginx.conf", &one("nginx.conf", NGINX)),
        ("postgresql.conf", &one("postgresql.conf", POSTGRES)),
    ])
}

fn ids_of(file: &str, from: &str, to: &str) -> Vec<&'static str> {
    changed(file, from, to).iter().map(|finding| finding.id).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn quiet_on_good_files_and_on_missing_ones() {
    assert_eq!(ids(&[("odoo.conf", ODOO), ("nginx.conf", NGINX), ("postgresql.conf", POSTGRES)]), NONE);
    assert_eq!(ids(&[("odoo.conf", ODOO)]), NONE);
    assert_eq!(ids(&[("nginx.conf", NGINX)]), NONE);
    assert_eq!(ids(&[("postgresql.conf", POSTGRES)]), NONE);
}

#[test]
fn proxy_timeout() {
    let id = ["proxy_timeout_below_worker_limit"];
    for timeout in
        ["proxy_read_timeout 60;", "proxy_read_timeout '1m 30s' ;", "proxy_read_timeout\n 90000ms;"]
    {
        assert_eq!(ids_of("nginx.conf", "proxy_read_timeout 720s;", timeout), id, "{timeout}");
    }
    let own = "location / { proxy_read_timeout 30s; proxy_pass http://odoo/; }";
    let found = changed("nginx.conf", "location / { proxy_pass http://odoo; }", own);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (one.refs[0].path.as_str(), one.refs[0].line, one.severity),
        ("nginx.conf", 14, Severity::Minor)
    );
    assert_eq!(one.fix, "proxy_read_timeout 150s;");
    // Not set: nginx's default, which is said; unless a file that was not captured may set it.
    let found = changed("nginx.conf", "proxy_read_timeout 720s;", "# proxy_read_timeout 720s;");
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), id);
    assert!(found[0].detail.contains("60 s (nginx's default"), "{}", found[0].detail);
    assert_eq!(ids_of("nginx.conf", "proxy_read_timeout 720s;", "include proxy_params;"), NONE);
    for quiet in ["proxy_read_timeout 2m;", "proxy_read_timeout 1h;", "proxy_read_timeout $x;"] {
        assert_eq!(ids_of("nginx.conf", "proxy_read_timeout 720s;", quiet), NONE, "{quiet}");
    }
    // Another application behind the same nginx.
    let other =
        "server { location / { proxy_read_timeout 5s; proxy_pass http://127.0.0.1:3000; } }\n  server {";
    assert_eq!(ids_of("nginx.conf", "server {\n", &format!("{other}\n")), NONE);
}

#[test]
fn included_files_stand_where_they_are_included() {
    let main = "http {\n  include /etc/nginx/conf.d/*.conf;\n  proxy_read_timeout 720s;\n}\n";
    let site = "upstream odoo { server odoo:8069; }\nserver { location / { proxy_pass http://odoo; }\n\
        location /websocket { proxy_pass http://odoo:8072; proxy_http_version 1.1; proxy_set_header Upgrade \"$http_upgrade\";\n\
        proxy_set_header Connection upgrade; } }\n";
    let files = |main| [("odoo.conf", ODOO), ("nginx/nginx.conf", main), ("nginx/conf.d/odoo.conf", site)];
    assert_eq!(ids(&files(main)), NONE);
    let short = main.replace("720s", "20s");
    let found = ids(&files(&short));
    assert_eq!(found, ["bus_read_timeout_too_short", "proxy_timeout_below_worker_limit"]);
    // The site alone: what surrounds it may set the timeout.
    assert_eq!(ids(&[("odoo.conf", ODOO), ("conf.d/odoo.conf", site)]), NONE);
}

#[test]
fn bus_route() {
    let location = "location /websocket {";
    let found = changed("nginx.conf", location, "location /elsewhere {");
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.id, one.severity, one.refs[0].line), ("bus_route_missing", Severity::Major, 14));
    for quiet in [
        "location = /websocket {",
        "location ^~ /websocket/ { return 404; }\n location ~ ^/(websocket|longpolling) {",
        "location /websocket{",
    ] {
        assert_eq!(ids_of("nginx.conf", location, quiet), NONE, "{quiet}");
    }
    // A location in a file that was not captured, or after the end of a damaged one.
    assert_eq!(ids_of("nginx.conf", location, "include odoo_bus.conf;\n location /elsewhere {"), NONE);
    let cut = &NGINX[..NGINX.find("location /websocket").unwrap()];
    let cut = format!("{cut} location / {{ proxy_pass http://odoo; }}\n");
    assert_eq!(ids(&[("odoo.conf", ODOO), ("nginx.conf", &cut)]), NONE);
    // One process serves all.
    let threaded = ODOO.replace("workers = 4", "workers = 0");
    let no_route = NGINX.replace(location, "location /elsewhere {");
    assert_eq!(ids(&[("odoo.conf", &threaded), ("nginx.conf", &no_route)]), ["workers_zero"]);

    assert_eq!(
        ids_of("nginx.conf", "proxy_pass http://chat;", "proxy_pass http://odoo;"),
        ["bus_route_to_http_port"]
    );
    assert_eq!(
        ids_of("nginx.conf", "server 127.0.0.1:8072;", "server [::1]:8069;"),
        ["bus_route_to_http_port"]
    );
    let short = "proxy_pass http://chat; proxy_read_timeout 30s;";
    assert_eq!(ids_of("nginx.conf", "proxy_pass http://chat;", short), ["bus_read_timeout_too_short"]);
    for (from, to) in [
        ("proxy_set_header Upgrade $http_upgrade;", ""),
        ("proxy_set_header Connection $connection_upgrade;", "proxy_set_header Connection '';"),
        ("proxy_http_version 1.1;", "proxy_http_version 1.0;"),
        ("proxy_http_version 1.1;", ""),
    ] {
        assert_eq!(ids_of("nginx.conf", from, to), ["bus_upgrade_missing"], "{from} {to}");
    }
}

#[test]
fn postgres_timeouts() {
    for (setting, id) in [
        ("statement_timeout = 0", "statement_timeout_off"),
        ("# statement_timeout = 100s", "statement_timeout_off"),
        ("Statement_Timeout '5min'", "statement_timeout_not_below_worker_limit"),
        ("statement_timeout = 120000", "statement_timeout_not_below_worker_limit"),
    ] {
        assert_eq!(ids_of("postgresql.conf", "statement_timeout = 100s", setting), [id], "{setting}");
    }
    assert_eq!(ids_of("postgresql.conf", "lock_timeout = '30s'", "lock_timeout = '0'"), ["lock_timeout_off"]);
    let idle = ids_of("postgresql.conf", "_session_timeout = 1min", "_session_timeout = 1h");
    assert_eq!(idle, ["idle_in_transaction_timeout_not_below_worker_limit"]);
    for quiet in ["statement_timeout = 100000", "statement_timeout = 1.5min", "include_dir = 'conf.d'"] {
        assert_eq!(ids_of("postgresql.conf", "statement_timeout = 100s", quiet), NONE, "{quiet}");
    }
    // What psql printed for Odoo's role is in force.
    let off = POSTGRES.replace("statement_timeout = 100s", "statement_timeout = 0");
    let roles = |role: &str| {
        format!(
            " statement_timeout \n-----\n 0\n(1 row)\n\n rolname | rolconfig \n----+-----\n {role} | {{statement_timeout=90s}}\n(1 row)\n"
        )
    };
    let files =
        |role: &str| ids(&[("odoo.conf", ODOO), ("postgresql.conf", &off), ("psql.txt", &roles(role))]);
    assert_eq!(files("odoo"), NONE);
    assert_eq!(files("backup"), ["statement_timeout_off"]);
    // Without Odoo's limit there is nothing to compare with; ALTER SYSTEM goes before the file.
    assert_eq!(ids(&[("postgresql.conf", &off)]), NONE);
    let system = [
        ("odoo.conf", ODOO),
        ("postgresql.conf", &off),
        ("postgresql.auto.conf", "statement_timeout = '1min'\nlock_timeout = '1s'\n"),
    ];
    assert_eq!(ids(&system), NONE);
}

#[test]
fn odoo_limits() {
    assert_eq!(
        ids_of("odoo.conf", "limit_time_cpu = 60", "limit_time_cpu = 600"),
        ["limit_time_cpu_above_limit_time_real"]
    );
    let found = changed("odoo.conf", "limit_time_cpu = 60\nlimit_time_real = 120", "limit_time_real = 40");
    let cpu = found.iter().find(|one| one.id == "limit_time_cpu_above_limit_time_real").unwrap();
    assert!(cpu.detail.contains("limit_time_cpu is not set (Odoo's default: 60)"), "{}", cpu.detail);
    assert_eq!(ids_of("odoo.conf", "limit_time_real = 120", "limit_time_real = 0"), ["limit_time_real_zero"]);
    for cron in ["limit_time_real_cron = 60", "limit_time_real_cron : 69"] {
        assert_eq!(
            ids_of("odoo.conf", "limit_time_real_cron = 300", cron),
            ["cron_limit_below_idle_wait"],
            "{cron}"
        );
    }
    for quiet in ["limit_time_real_cron = 0", "limit_time_real_cron = -1", ";limit_time_real_cron = 30"] {
        assert_eq!(ids_of("odoo.conf", "limit_time_real_cron = 300", quiet), NONE, "{quiet}");
    }
    let soft = "workers = 4\nlimit_memory_soft = 2684354560";
    assert_eq!(ids_of("odoo.conf", "workers = 4", soft), ["limit_memory_soft_above_hard"]);
    let unlimited = "workers = 4\nlimit_memory_hard = 0";
    assert_eq!(ids_of("odoo.conf", "workers = 4", unlimited), NONE);
    // Two files that disagree say nothing.
    let other = ODOO.replace("limit_time_cpu = 60", "limit_time_cpu = 600");
    assert_eq!(ids(&[("a/odoo.conf", ODOO), ("b/odoo.conf", &other)]), NONE);
}

#[test]
fn odoo_and_its_surroundings() {
    for off in ["proxy_mode = False", "", "; proxy_mode = True"] {
        assert_eq!(ids_of("odoo.conf", "proxy_mode = True", off), ["proxy_mode_off"], "{off}");
    }
    assert_eq!(ids_of("odoo.conf", "proxy_mode = True", "proxy_mode = 1"), NONE);
    assert_eq!(ids_of("odoo.conf", "list_db = False\n", ""), ["database_manager_unprotected"]);
    assert_eq!(ids_of("odoo.conf", "list_db = False\n", "admin_passwd = $pbkdf2$x\n"), NONE);
    assert_eq!(
        ids_of("odoo.conf", "db_maxconn = 8", "db_maxconn = 64"),
        ["connections_may_exceed_max_connections"]
    );
    assert_eq!(
        ids_of("postgresql.conf", "max_connections = 100", "max_connections = 58"),
        ["connections_may_exceed_max_connections"]
    );
    assert_eq!(ids_of("postgresql.conf", "max_connections = 100", "max_connections = 59"), NONE);
    for level in ["log_level = warn", "log_handler = :INFO,werkzeug:CRITICAL"] {
        let text = format!("workers = 4\n{level}");
        assert_eq!(ids_of("odoo.conf", "workers = 4", &text), ["odoo_requests_not_logged"], "{level}");
    }
    for level in ["log_level = debug_sql", "log_level = warn\nlog_handler = werkzeug:INFO"] {
        assert_eq!(ids_of("odoo.conf", "workers = 4", &format!("workers = 4\n{level}")), NONE, "{level}");
    }
    let sar = |count: u32| {
        format!(
            "Linux 6.1 (vm) \t11/23/26 \t_x86_64_\t({count} CPU)\n\n18:24:34        CPU     %user     %nice   %system   \
             %iowait    %steal     %idle\n18:24:39        all     74.22      0.00     20.44      0.00      5.34      0.00\n"
        )
    };
    let files = |count| ids(&[("odoo.conf", ODOO), ("sar.txt", &sar(count))]);
    assert_eq!(files(1), ["more_workers_than_processors_serve"]);
    assert_eq!(files(2), NONE);
}

#[test]
fn what_postgres_leaves_out() {
    assert_eq!(
        ids_of("postgresql.conf", "log_lock_waits = yes", "log_lock_waits = off"),
        ["log_lock_waits_off"]
    );
    assert_eq!(ids_of("postgresql.conf", "log_lock_waits = yes", ""), ["log_lock_waits_off"]);
    assert_eq!(
        ids_of("postgresql.conf", "deadlock_timeout = 1s", "deadlock_timeout = 2min"),
        ["deadlock_timeout_high"]
    );
    assert_eq!(
        ids_of("postgresql.conf", "_statement = 500", "_statement = -1"),
        ["slow_statements_not_logged"]
    );
    let prefix = "log_line_prefix = '%m [%p] '";
    assert_eq!(
        ids_of("postgresql.conf", prefix, "log_line_prefix = '%t [%p] '"),
        ["log_line_prefix_whole_seconds"]
    );
    assert_eq!(
        ids_of("postgresql.conf", prefix, "log_line_prefix = '%m %%p '"),
        ["log_line_prefix_without_pid"]
    );
    for quiet in
        ["log_line_prefix = '%n %-6p'", "", "log_line_prefix = '%t'\nlog_destination = 'stderr, csvlog'"]
    {
        assert_eq!(ids_of("postgresql.conf", prefix, quiet), NONE, "{quiet}");
    }
    assert_eq!(ids_of("postgresql.conf", prefix, "log_checkpoints = FALSE"), ["log_checkpoints_off"]);
}

#[test]
fn what_nginx_hides() {
    let log = "error_log /var/log/nginx/error.log warn;";
    for hidden in ["error_log /var/log/nginx/error.log crit;", "error_log /dev/null;"] {
        assert_eq!(ids_of("nginx.conf", log, hidden), ["nginx_upstream_errors_hidden"], "{hidden}");
    }
    for quiet in ["", "error_log a.log crit; error_log b.log;"] {
        assert_eq!(ids_of("nginx.conf", log, quiet), NONE, "{quiet}");
    }
    let retry = "proxy_read_timeout 720s; proxy_next_upstream error timeout non_idempotent;";
    assert_eq!(ids_of("nginx.conf", "proxy_read_timeout 720s;", retry), NONE);
    let twice = NGINX.replace("proxy_read_timeout 720s;", retry).replace("127.0.0.1:8069", "localhost:8069");
    assert_eq!(ids(&[("odoo.conf", ODOO), ("nginx.conf", &twice)]), ["non_idempotent_requests_repeated"]);
    let dead = "2026/11/23 18:31:14 [error] 1#1: *24 no live upstreams while connecting to upstream, client: 192.0.2.1, \
        server: a, request: \"GET /web HTTP/1.1\", upstream: \"http://odoo/web\", host: \"a\"\n";
    let local = NGINX.replace("127.0.0.1:8069", "localhost:8069");
    let with =
        |nginx: &str| ids(&[("odoo.conf", ODOO), ("nginx.conf", nginx), ("error.log", &dead.repeat(3))]);
    assert_eq!(with(&local), ["localhost_counts_as_two_peers"]);
    assert_eq!(with(NGINX), NONE);
}

#[test]
fn what_the_access_log_holds() {
    let line = |rest: &str| {
        format!("192.0.2.1 - - [23/Nov/2026:18:19:53 +0000] \"GET /web HTTP/1.1\" 200 12 \"-\" \"x\"{rest}\n")
            .repeat(5)
    };
    assert_eq!(ids(&[("access.log", &line(""))]), ["request_time_not_logged"]);
    let format = "http { log_format timed '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
        \"$http_referer\" \"$http_user_agent\" $request_time'; }\n";
    assert_eq!(ids(&[("access.log", &line(" 0.050")), ("nginx.conf", format)]), ["upstream_time_not_logged"]);
    let both = format.replace("$request_time", "$request_time $upstream_response_time");
    assert_eq!(ids(&[("access.log", &line(" 0.050 0.049")), ("nginx.conf", &both)]), NONE);
}

#[test]
fn what_ran_was_another_configuration() {
    let kill = "2026-11-23 18:32:56,204 22130 ERROR o15 odoo.service.server: WorkerHTTP (22412) timeout after 60s \n";
    let found = findings(&[("odoo.conf", ODOO), ("odoo.log", kill)]);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.id, one.refs.len()), ("odoo_conf_not_in_force", 2));
    assert_eq!(ids(&[("odoo.conf", ODOO), ("odoo.log", &kill.replace("60s", "120s"))]), NONE);
    let none = ODOO.replace("workers = 4\n", "");
    assert_eq!(
        ids(&[("odoo.conf", &none), ("odoo.log", &kill.replace("60s", "120s"))]),
        ["odoo_conf_not_in_force"]
    );
}

#[test]
fn orphaned_statements() {
    let kill = "2026-11-23 18:32:56,204 22130 ERROR o15 odoo.service.server: WorkerHTTP (22412) timeout after 120s \n";
    let log = |end: &str| {
        format!(
            "2026-11-23 18:33:36.100 UTC [794] odoo@o15 LOG:  duration: 41000.000 ms  statement: SELECT pg_sleep(41)\n\
             2026-11-23 18:33:36.{end} UTC [794] odoo@o15 LOG:  unexpected EOF on client connection with an open transaction\n"
        )
    };
    let conf = format!("{POSTGRES}client_connection_check_interval = 0\n");
    let with =
        |log: &str, conf: &str| findings(&[("odoo.log", kill), ("pg.log", log), ("postgresql.conf", conf)]);
    let found = with(&log("101"), &conf);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(one.id, "statements_outlive_workers");
    assert!(one.detail.contains("1 backend ") && one.detail.contains("40 s"), "{}", one.detail);
    // A stop of the server in between, which leaves clients too.
    let stop = "2026-11-23 18:33:30,000 22130 INFO o15 odoo.service.server: Stopping gracefully \n";
    let stopped = [kill, stop].concat();
    assert_eq!(ids(&[("odoo.log", &stopped), ("pg.log", &log("101")), ("postgresql.conf", &conf)]), NONE);
    // An idle backend that lost its client later on; a setting that forbids it.
    assert!(with(&log("900"), &conf).is_empty());
    assert!(with(&log("101"), &conf.replace("interval = 0", "interval = 10s")).is_empty());
}

#[test]
fn gravest_first() {
    let nginx = NGINX.replace("location /websocket", "location /x").replace("720s", "30s");
    let odoo = ODOO.replace("limit_time_cpu = 60", "limit_time_cpu = 600");
    let found = ids(&[("odoo.conf", &odoo), ("nginx.conf", &nginx)]);
    assert_eq!(
        found,
        ["bus_route_missing", "proxy_timeout_below_worker_limit", "limit_time_cpu_above_limit_time_real"]
    );
}

//! `nginx.conf`: directives with the location or upstream they stand in, and the `log_format`s (formats.md 2.3).
//!
//! Directives span lines, so a file is one record: no line starts one.

use super::nginx_access::LogFormat;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, Setting, UNREADABLE, text};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "nginx.conf",
    source: Source::Configuration,
    summary: "nginx's configuration, or a part that it includes",
    origin: "nginx, `src/core/ngx_conf_file.c`",
    detect,
    examples: &[Example {
        name: "nginx.conf",
        file: "nginx.conf",
        text: "\
worker_processes 2;
events { worker_connections 1024; }
http {
    upstream odoo { server 127.0.0.1:8069; }
    server {
        listen 80;
        location / {
            proxy_pass http://odoo;
            proxy_read_timeout 120s;
        }
    }
}
",
    }],
    foreign: &[Foreign {
        whose: "a logrotate configuration",
        text: "/var/log/nginx/*.log {\n    daily\n    rotate 14\n}\n",
    }],
    broken: &[Broken {
        reason: "no_directive",
        text: "# worker_processes 2;\n# events { worker_connections 1024; }\n",
    }],
};

/// What an `nginx.conf` says.
#[derive(Debug, Default)]
pub struct NginxConfiguration {
    /// Every directive and block outside of tables (`map`, `types`, `geo`). `line_in_record` counts from 0.
    pub settings: Vec<Setting>,
    /// The formats that compiled, by name.
    pub log_formats: Vec<(String, LogFormat)>,
    /// Line (from 0) and reason of what could not be read.
    pub errors: Vec<(u32, String)>,
}

/// How the error of a directive begins that is well formed and only of no use to us.
const LOG_FORMAT_ERROR: &str = "log_format: ";

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Directive,
    BlockOpens,
    BlockCloses,
    /// The text ended in mid-statement, or is over.
    Text,
}

/// Reads statements: words up to `;`, `{` or `}`.
struct Statements<'a> {
    rest: &'a [u8],
    line: u32,
}

impl Statements<'_> {
    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line = self.line.saturating_add(u32::from(*first == b'\n'));
        Some(*first)
    }

    fn skip_comment(&mut self) {
        let length = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// A quoted word whose opening quote is behind us.
    fn quoted(&mut self, quote: u8, word: &mut Vec<u8>) {
        while let Some(byte) = self.take() {
            match byte {
                b'\\' => self.escaped(word),
                _ if byte == quote => return,
                _ => word.push(byte),
            }
        }
    }

    /// What follows a backslash; nginx knows few escapes and leaves the others alone.
    fn escaped(&mut self, word: &mut Vec<u8>) {
        match self.take() {
            Some(byte @ (b'"' | b'\'' | b'\\')) => word.push(byte),
            Some(b't') => word.push(b'\t'),
            Some(b'r') => word.push(b'\r'),
            Some(b'n') => word.push(b'\n'),
            Some(byte) => word.extend([b'\\', byte]),
            None => {}
        }
    }

    /// The next statement: its words, the line of the first of them, and how it ended.
    fn next(&mut self) -> (Vec<String>, u32, End) {
        let mut words: Vec<String> = Vec::new();
        let mut start = self.line;
        loop {
            let Some(&first) = self.rest.first() else {
                let line = if words.is_empty() { self.line } else { start };
                return (words, line, End::Text);
            };
            match first {
                b'#' => self.skip_comment(),
                _ if first.is_ascii_whitespace() => {
                    self.take();
                }
                b';' | b'{' | b'}' => {
                    self.take();
                    let end = match first {
                        b';' => End::Directive,
                        b'{' => End::BlockOpens,
                        _ => End::BlockCloses,
                    };
                    let line = if words.is_empty() { self.line } else { start };
                    return (words, line, end);
                }
                _ => {
                    if words.is_empty() {
                        start = self.line;
                    }
                    words.push(self.word(first));
                }
            }
        }
    }

    fn word(&mut self, first: u8) -> String {
        let mut word = Vec::new();
        if matches!(first, b'"' | b'\'') {
            self.take();
            self.quoted(first, &mut word);
        } else {
            while let Some(&byte) = self.rest.first() {
                // The brace of `${name}` belongs to the word.
                let variable = word.last() == Some(&b'$');
                if byte.is_ascii_whitespace() || byte == b';' || (byte == b'{' && !variable) {
                    break;
                }
                if byte == b'}' && !word.iter().rev().take(64).any(|before| *before == b'{') {
                    break;
                }
                self.take();
                if byte == b'\\' { self.escaped(&mut word) } else { word.push(byte) }
            }
        }
        text(&word).into_owned()
    }

    /// Skips a table (`map`, `types`) whose opening brace is behind us; whether it was closed.
    fn skip_table(&mut self) -> bool {
        let mut open = 1u32;
        while open > 0 {
            match self.next().2 {
                End::BlockOpens => open = open.saturating_add(1),
                End::BlockCloses => open = open.saturating_sub(1),
                End::Directive => {}
                End::Text => return false,
            }
        }
        true
    }

    /// Skips the rest of `[[ … ]]` or `[==[ … ]==]`, whose first bracket is behind us; `false` if it is none.
    fn skip_long_bracket(&mut self) -> bool {
        let level = self.rest.iter().take_while(|byte| **byte == b'=').count();
        if self.rest.get(level) != Some(&b'[') {
            return false;
        }
        let mut level_seen = None;
        for _ in 0..=level {
            self.take();
        }
        while let Some(byte) = self.take() {
            match (byte, level_seen) {
                (b']', Some(seen)) if seen == level => return true,
                (b']', _) => level_seen = Some(0),
                (b'=', Some(seen)) => level_seen = Some(seen + 1),
                _ => level_seen = None,
            }
        }
        true
    }

    /// Skips a block of Lua whose opening brace is behind us: braces in its strings and comments do not count.
    /// Whether it was closed.
    fn skip_lua(&mut self) -> bool {
        let mut open = 1u32;
        while open > 0 {
            match self.take() {
                Some(b'{') => open = open.saturating_add(1),
                Some(b'}') => open = open.saturating_sub(1),
                Some(b'-') if self.rest.first() == Some(&b'-') => {
                    self.take();
                    let long =
                        self.rest.first() == Some(&b'[') && self.take().is_some() && self.skip_long_bracket();
                    if !long {
                        self.skip_comment();
                    }
                }
                Some(b'[') => {
                    self.skip_long_bracket();
                }
                Some(quote @ (b'"' | b'\'')) => self.quoted(quote, &mut Vec::new()),
                Some(_) => {}
                None => return false,
            }
        }
        true
    }
}

/// The words of the first directive in `source`, if it ends with `;`.
pub(crate) fn first_directive(source: &[u8]) -> Option<Vec<String>> {
    let (words, _, end) = Statements { rest: source, line: 0 }.next();
    (end == End::Directive && !words.is_empty()).then_some(words)
}

/// The place that a block gives to the directives in it, such as `/websocket` or `upstream odoo`; `None` for
/// blocks that give none (`http`, `server`, `if`).
fn place(words: &[String]) -> Option<String> {
    let (name, arguments) = words.split_first()?;
    match (name.as_str(), arguments) {
        ("location", [modifier, path]) if matches!(modifier.as_str(), "=" | "^~") => Some(path.clone()),
        ("location", arguments) => Some(arguments.join(" ")),
        ("upstream", arguments) => Some(format!("upstream {}", arguments.join(" "))),
        _ => None,
    }
}

/// Reads an `nginx.conf`, also a damaged one: what cannot be read is reported in `errors`.
///
/// ```
/// let configuration = stormtrace_logs::format::nginx_configuration::read(
///     b"upstream odoo { server 127.0.0.1:8069; }\nlocation /websocket {\n  proxy_read_timeout 720s; # a day\n}\n",
/// );
/// let [upstream, server, location, timeout] = configuration.settings.as_slice() else { panic!() };
/// assert_eq!((upstream.name.as_str(), upstream.value.as_str(), upstream.depth), ("upstream", "odoo", 0));
/// assert_eq!((server.name.as_str(), server.value.as_str(), server.depth), ("[upstream odoo] server", "127.0.0.1:8069", 1));
/// assert_eq!((location.name.as_str(), location.value.as_str()), ("location", "/websocket"));
/// assert_eq!((timeout.name.as_str(), timeout.line_in_record), ("[/websocket] proxy_read_timeout", 2));
/// assert!(configuration.errors.is_empty());
/// ```
#[must_use]
pub fn read(source: &[u8]) -> NginxConfiguration {
    let mut configuration = read_statements(source);
    let damage = configuration.errors.iter().find(|(_, error)| !error.starts_with(LOG_FORMAT_ERROR));
    if let Some((line, error)) = damage.cloned() {
        configuration.settings.push(Setting {
            program: "nginx",
            name: UNREADABLE.to_owned(),
            value: error,
            line_in_record: line,
            depth: 0,
        });
    }
    configuration
}

/// The name of a directive, with the place it stands in.
fn full_name(places: &[Option<String>], name: &str) -> String {
    match places.last() {
        Some(Some(place)) => format!("[{place}] {name}"),
        _ => name.to_owned(),
    }
}

fn read_statements(source: &[u8]) -> NginxConfiguration {
    let mut configuration = NginxConfiguration::default();
    let source = source.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(source);
    let mut statements = Statements { rest: source, line: 0 };
    // Places of the open blocks; an inner block without a place keeps the outer one's.
    let mut places: Vec<Option<String>> = Vec::new();
    loop {
        let (words, line, end) = statements.next();
        let depth = u8::try_from(places.len()).unwrap_or(u8::MAX);
        let setting = |name: &str, arguments: &[String]| Setting {
            program: "nginx",
            name: full_name(&places, name),
            value: arguments.join(" "),
            line_in_record: line,
            depth,
        };
        match end {
            End::Directive => {
                let Some((name, arguments)) = words.split_first() else { continue };
                if name == "log_format" {
                    match LogFormat::from_arguments(arguments) {
                        Ok(format) => configuration.log_formats.push((format.name().to_owned(), format)),
                        Err(error) => configuration.errors.push((line, format!("{LOG_FORMAT_ERROR}{error}"))),
                    }
                }
                configuration.settings.push(setting(name, arguments));
            }
            End::BlockOpens => match words.first().map(String::as_str) {
                Some(name) if name.ends_with("_by_lua_block") => {
                    if !statements.skip_lua() {
                        configuration.errors.push((line, "block without a closing brace".to_owned()));
                    }
                }
                Some("map" | "types" | "geo" | "split_clients" | "charset_map") => {
                    if !statements.skip_table() {
                        configuration.errors.push((line, "block without a closing brace".to_owned()));
                    }
                }
                _ if places.len() >= 64 => {
                    configuration.errors.push((line, "blocks nested too deep".to_owned()));
                    return configuration;
                }
                _ => {
                    if let Some((name, arguments)) = words.split_first() {
                        configuration.settings.push(setting(name, arguments));
                    }
                    places.push(place(&words).or_else(|| places.last().cloned().flatten()));
                }
            },
            End::BlockCloses => {
                if !words.is_empty() {
                    configuration.errors.push((line, "directive without a semicolon".to_owned()));
                }
                if places.pop().is_none() {
                    configuration.errors.push((line, "unexpected closing brace".to_owned()));
                }
            }
            End::Text => {
                if !words.is_empty() || !places.is_empty() {
                    configuration.errors.push((line, "unexpected end of file".to_owned()));
                }
                return configuration;
            }
        }
    }
}

/// `nginx.conf`.
pub struct Configuration;

/// Claims files of directives that end in `;` and hold one that only nginx has.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut understood) = (0u32, 0u32);
    let (mut known, mut ended) = (false, false);
    for line in &sample.lines {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        total += 1;
        let opens = |word: &[u8]| {
            line.strip_prefix(word).is_some_and(|rest| matches!(rest.first(), Some(b' ' | b'\t' | b'{')))
        };
        let block = |word: &[u8]| opens(word) && memchr::memchr(b'{', line).is_some();
        known |= block(b"http")
            || block(b"server")
            || block(b"location")
            || block(b"upstream")
            || opens(b"proxy_pass")
            || opens(b"log_format");
        let commented = memchr::memmem::find(line, b"; #").is_some();
        ended |= commented || line.ends_with(b";");
        let word = line.first().is_some_and(|byte| byte.is_ascii_lowercase());
        understood += u32::from(match line.last() {
            Some(b';' | b'{') => {
                word || line.first().is_some_and(|byte| matches!(byte, b'\'' | b'"' | b'$' | b'~' | b'@'))
            }
            Some(b'}') => word || line.starts_with(b"}"),
            // A `log_format` whose strings stand on lines of their own.
            Some(b'\'' | b'"') => word || line.starts_with(b"'") || line.starts_with(b"\""),
            _ => commented || line.starts_with(b"log_format "),
        });
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (known && ended && score >= 0.6).then(|| Claim { format: Box::new(Configuration), score })
}

impl Format for Configuration {
    fn name(&self) -> String {
        "nginx.conf".to_owned()
    }

    fn source(&self) -> Source {
        Source::Configuration
    }

    fn starts_record(&self, _line: &[u8]) -> bool {
        false
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let settings = read(&raw.text).settings;
        if settings.is_empty() && !raw.text.trim_ascii().is_empty() {
            return Err("no_directive");
        }
        Ok(Record::Settings(settings))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    /// From the train bundles.
    const REAL: &str = r#"user www-data;
worker_processes 2;
error_log /var/log/nginx/error.log notice;
events { worker_connections 1024; }
http {
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer" '
                    '"$http_user_agent" "$http_x_forwarded_for" '
                    '$request_time $upstream_response_time $pipe';
    access_log /var/log/nginx/access.log main;
    upstream odoo { server 127.0.0.1:8069; }
    upstream odoochat { server 127.0.0.1:8072; }
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server {
        listen 80;
        server_name erp.example.com;
        proxy_connect_timeout 60s;
        proxy_read_timeout 120s;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        location /websocket {
            proxy_pass http://odoochat;
            proxy_read_timeout 60s;
        }
        location / {
            proxy_pass http://odoo;
        }
    }
}
"#;

    fn found(configuration: &NginxConfiguration) -> Vec<(&str, &str, u32)> {
        let list = configuration.settings.iter();
        list.map(|setting| (setting.name.as_str(), setting.value.as_str(), setting.line_in_record + 1))
            .collect()
    }

    fn sample(text: &str) -> Option<Claim> {
        let lines = text.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
        detect(&Sample { lines, name: "a" }, &Context::default())
    }

    #[test]
    fn real_file() {
        let configuration = read(REAL.as_bytes());
        let settings = found(&configuration);
        for expected in [
            ("user", "www-data", 1),
            ("worker_connections", "1024", 4),
            ("access_log", "/var/log/nginx/access.log main", 11),
            ("[upstream odoo] server", "127.0.0.1:8069", 12),
            ("[upstream odoochat] server", "127.0.0.1:8072", 13),
            ("proxy_connect_timeout", "60s", 18),
            ("proxy_read_timeout", "120s", 19),
            ("[/websocket] proxy_pass", "http://odoochat", 22),
            ("[/websocket] proxy_read_timeout", "60s", 23),
            ("[/] proxy_pass", "http://odoo", 26),
        ] {
            assert!(settings.contains(&expected), "{expected:?} in {settings:?}");
        }
        assert!(!settings.iter().any(|(name, ..)| *name == "default" || name.is_empty()));
        assert_eq!(configuration.errors, []);
        let [(name, format)] = configuration.log_formats.as_slice() else { panic!() };
        assert_eq!(name, "main");
        let line = br#"203.0.113.44 - - [23/Nov/2026:18:36:14 +0000] "GET / HTTP/1.1" 502 150 "-" "x" "-" 29.261 29.261 ."#;
        assert_eq!(format.read(line, None).unwrap().request_time_us, Some(29_261_000));

        let Claim { format, score } = sample(REAL).unwrap();
        assert_eq!((format.name().as_str(), format.starts_record(b"http {")), ("nginx.conf", false));
        assert!(score > 0.9);
        for cut in 0..REAL.len() {
            let raw = Raw::of(&REAL.as_bytes()[..cut]);
            let _ = format.parse(&raw, &mut Memory::default());
        }
        // Half a file still says what it says, and that it is half.
        let half = read(&REAL.as_bytes()[..REAL.find("proxy_set_header").unwrap()]);
        assert!(found(&half).contains(&("proxy_read_timeout", "120s", 19)));
        assert_eq!(half.errors, [(19, "unexpected end of file".to_owned())]);
        assert_eq!(found(&half).last(), Some(&(UNREADABLE, "unexpected end of file", 20)));
    }

    #[test]
    fn places() {
        let text = "server {\n location = /a { x 1; }\n location ^~ /b/ { x 2; }\n location ~* \\.(js|css)$ { x 3; }\n \
            location @c { if ($arg_a = \"}\") { x 4; } x 5; }\n location ~ \"^/d{2}\" { x 6; }\n x 7;\n}\n";
        let expected = [
            ("server", "", 1),
            ("location", "= /a", 2),
            ("[/a] x", "1", 2),
            ("location", "^~ /b/", 3),
            ("[/b/] x", "2", 3),
            ("location", "~* \\.(js|css)$", 4),
            ("[~* \\.(js|css)$] x", "3", 4),
            ("location", "@c", 5),
            ("[@c] if", "($arg_a = } )", 5),
            ("[@c] x", "4", 5),
            ("[@c] x", "5", 5),
            ("location", "~ ^/d{2}", 6),
            ("[~ ^/d{2}] x", "6", 6),
            ("x", "7", 7),
        ];
        let configuration = read(text.as_bytes());
        assert_eq!(found(&configuration), expected);
        let depths: Vec<u8> = configuration.settings.iter().map(|setting| setting.depth).collect();
        assert_eq!(depths, [0, 1, 2, 1, 2, 1, 2, 1, 2, 3, 2, 1, 2, 1]);
    }

    #[test]
    fn words() {
        let text = concat!(
            "\u{FEFF}a 1; # x 2; {\n",
            "# b 1; }\n",
            "c 'one; two' \"th\\\"ree\\n\" ${host}x$uri a#b '';\r\n",
            "d\n  1\n  # between; {\n  2;\n",
            "e http://[::1]:80/\\.x\\\\y;;\n",
            "include snippets/*.conf;\n",
        );
        let expected = [
            ("a", "1", 1),
            ("c", "one; two th\"ree\n ${host}x$uri a#b ", 3),
            ("d", "1 2", 4),
            ("e", "http://[::1]:80/\\.x\\y", 8),
            ("include", "snippets/*.conf", 9),
        ];
        assert_eq!(found(&read(text.as_bytes())), expected);
    }

    #[test]
    fn tables_and_lua_do_not_confuse() {
        let text = r##"http {
  map $http_user_agent $bot { # } "
    default 0; "~*{" 1; '~}' 1;
  }
  types { text/html html; }
  server {
    access_by_lua_block {
      local a = { "}", '\'}', [[ } ]], [==[ } ]] } ]==] } -- } don't
      --[[ } ' ]] --[=[ } ]] } ]=]
      if a[b[1]] then ngx.say("{") end
    }
    set_by_lua_block $x { return "}" }
    proxy_read_timeout 720s;
  }
}
"##;
        let configuration = read(text.as_bytes());
        let settings = found(&configuration);
        assert_eq!(settings, [("http", "", 1), ("server", "", 6), ("proxy_read_timeout", "720s", 13)]);
        assert_eq!(configuration.errors, []);
        let cut = read(b"map $a $b {\n a 1;\n");
        assert_eq!(cut.errors, [(0, "block without a closing brace".to_owned())]);
        assert_eq!(read(b"x_by_lua_block { [[").errors.len(), 1);
    }

    #[test]
    fn damage_is_reported() {
        for (text, count) in [
            ("proxy_pass http://odoo", 1),
            ("location / { proxy_pass http://odoo }", 1),
            ("}\n}\na 1;", 2),
            ("a 'b;\n c 2;\n", 1),
            ("log_format x '$host';", 1),
            ("log_format x '$status $host$args';", 1),
            ("log_format;", 1),
        ] {
            assert_eq!(read(text.as_bytes()).errors.len(), count, "{text}");
        }
        let error = read(b"a 1;\nlog_format x '$status $host$args';").errors;
        assert_eq!(
            error,
            [(1, "log_format: nothing tells two variables apart: the second begins at byte 13".to_owned())]
        );
        // Too deep, and too much of anything: no stack, no quadratic time.
        for unit in ["{", "a {", "}", "a", "'", "\\", "x_by_lua_block {", "[[", "a}", "${", "map {", ";"] {
            let _ = read(unit.repeat(100_000).as_bytes());
            let _ = read(["a_by_lua_block {", &unit.repeat(100_000)].concat().as_bytes());
        }
        let garbage: Vec<u8> = (0..=255).cycle().take(4096).collect();
        let _ = read(&garbage);
    }

    #[test]
    fn other_files_are_left_alone() {
        for text in [
            "",
            "# only a comment\n",
            "[options]\nworkers = 4\nlimit_time_real = 120\n",
            "max_connections = 100\t\t# (change requires restart)\nshared_buffers = 128MB\n",
            "2026/11/23 18:31:14 [error] 1#1: *24 connect() failed (111: Connection refused) while connecting to upstream\n",
            "services:\n  nginx:\n    image: nginx\n",
        ] {
            assert!(sample(text).is_none(), "{text}");
        }
        // A snippet without `http`.
        assert!(sample("upstream odoo {\n  server 127.0.0.1:8069;\n}\n").is_some());
        assert!(sample("location /websocket {\n\tproxy_pass http://odoochat; # bus\n}\n").is_some());
    }
}

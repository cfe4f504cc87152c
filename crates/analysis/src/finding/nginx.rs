//! nginx's configuration as a tree, with included files put in their place, and what follows from it: the value in
//! force for a location, the location that takes a path, and the peers behind it.

use stormtrace_logs::record::UNREADABLE;

use super::units::nginx_seconds;
use crate::events::Setting;

/// Files that include files; a ring of them ends here.
const DEEPEST: usize = 8;
/// A path that only the location for everything takes.
const ORDINARY: &str = "/an-ordinary-page";
/// Directives in all, included files counted as often as they are included.
const MOST_DIRECTIVES: usize = 50_000;

/// One directive or block.
#[derive(Debug)]
struct Node<'s> {
    setting: &'s Setting,
    /// Without the place in brackets.
    name: &'s str,
    parent: Option<usize>,
    children: Vec<usize>,
    /// The file could not be read to its end.
    damaged: bool,
}

/// All configuration files of nginx.
#[derive(Debug, Default)]
pub struct Tree<'s> {
    nodes: Vec<Node<'s>>,
}

/// What is in force.
#[derive(Debug, Clone, Copy)]
pub enum InForce<'s> {
    /// This directive says it.
    Set(&'s Setting),
    /// Nothing says it, and the whole configuration was read.
    Default,
    /// A file that was not captured may say it.
    Unknown,
}

/// A server behind a location.
#[derive(Debug, Clone)]
pub struct Peer<'s> {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The line that names it.
    pub setting: &'s Setting,
}

/// A `server` block that leads to Odoo's workers.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// The block.
    pub server: usize,
    /// The location of ordinary requests.
    pub http: usize,
}

fn bare(name: &str) -> &str {
    name.rsplit("] ").next().unwrap_or(name)
}

/// Includes that hold nothing about proxying.
fn harmless(pattern: &str) -> bool {
    ["mime.types", "modules", "ssl-", "dhparam", "fastcgi", "uwsgi_params", "scgi_params"]
        .iter()
        .any(|word| pattern.contains(word))
}

/// Whether one component of a path fits a pattern with `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// Whether the include `pattern` means the file called `label`: their last two components fit, or all there are.
fn includes(pattern: &str, label: &str) -> bool {
    let label = label.strip_suffix(".gz").unwrap_or(label);
    let pairs = pattern.rsplit('/').zip(label.rsplit('/')).take(2);
    let several = label.contains('/') && pattern.contains('/');
    let fitting = pairs.take_while(|(pattern, name)| fits(pattern, name)).count();
    fitting >= if several { 2 } else { 1 }
}

/// The files read.
struct Files<'s>(Vec<(&'s str, &'s [Setting])>);

impl<'s> Files<'s> {
    /// The files that an include in the file called `from` means. A whole configuration is included by none.
    fn meant(&self, pattern: &str, from: &str) -> Vec<(&'s str, &'s [Setting])> {
        let files = self.0.iter().copied();
        files.filter(|(label, file)| *label != from && includes(pattern, label) && !is_main(file)).collect()
    }

    fn is_included(&self, label: &str) -> bool {
        self.0.iter().any(|(from, file)| {
            file.iter()
                .filter(|setting| bare(&setting.name) == "include")
                .any(|include| self.meant(&include.value, from).iter().any(|(meant, _)| *meant == label))
        })
    }
}

fn is_main(file: &[Setting]) -> bool {
    file.iter().any(|setting| setting.depth == 0 && setting.name == "http")
}

impl<'s> Tree<'s> {
    /// Builds the tree. `labels` name the inputs.
    #[must_use]
    pub fn of(settings: &'s [Setting], labels: &'s [String]) -> Self {
        let files = settings.chunk_by(|a, b| a.input == b.input).filter_map(|file| {
            let first = file.first().filter(|setting| setting.program == "nginx")?;
            Some((labels.get(first.input as usize)?.as_str(), file))
        });
        let files = Files(files.collect());
        let mut tree = Tree::default();
        for (label, file) in &files.0 {
            if !files.is_included(label) {
                tree.add(&files, label, file, None, 0);
            }
        }
        tree
    }

    fn add(
        &mut self,
        files: &Files<'s>,
        label: &str,
        file: &'s [Setting],
        outer: Option<usize>,
        level: usize,
    ) {
        let damaged = file.iter().any(|setting| setting.name == UNREADABLE);
        // The open blocks: what stands at depth n belongs to the block at n - 1.
        let mut open: Vec<usize> = Vec::new();
        for setting in file.iter().filter(|setting| setting.name != UNREADABLE) {
            if self.nodes.len() >= MOST_DIRECTIVES {
                return;
            }
            open.truncate(usize::from(setting.depth));
            let parent = open.last().copied().or(outer);
            let name = bare(&setting.name);
            let meant = if name == "include" && level < DEEPEST {
                files.meant(&setting.value, label)
            } else {
                Vec::new()
            };
            let index = self.nodes.len();
            let name = if meant.is_empty() { name } else { "(included)" };
            self.nodes.push(Node { setting, name, parent, children: Vec::new(), damaged });
            if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
                parent.children.push(index);
            }
            open.push(index);
            for (label, file) in meant {
                self.add(files, label, file, parent, level + 1);
            }
        }
    }

    fn node(&self, index: usize) -> Option<&Node<'s>> {
        self.nodes.get(index)
    }

    /// The directive or block itself.
    #[must_use]
    pub fn setting(&self, index: usize) -> Option<&'s Setting> {
        self.node(index).map(|node| node.setting)
    }

    fn children<'t>(&'t self, index: usize, name: &'t str) -> impl DoubleEndedIterator<Item = usize> + 't {
        let children = self.node(index).map_or(&[][..], |node| node.children.as_slice());
        children.iter().copied().filter(move |child| self.node(*child).is_some_and(|node| node.name == name))
    }

    fn named<'t>(&'t self, name: &'t str) -> impl Iterator<Item = usize> + 't {
        (0..self.nodes.len()).filter(move |index| self.node(*index).is_some_and(|node| node.name == name))
    }

    /// All directives of a name, wherever they stand.
    pub fn directives<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'s Setting> + 't {
        self.named(name).filter_map(|index| self.setting(index))
    }

    /// Directives of a name outside of any block.
    pub fn at_top<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'s Setting> + 't {
        let top = self.nodes.iter().filter(move |node| node.parent.is_none() && node.name == name);
        top.map(|node| node.setting)
    }

    /// A file that was not captured, or could not be read to its end, may hold directives of this block.
    #[must_use]
    pub fn open_ended(&self, index: usize) -> bool {
        self.node(index).is_none_or(|node| node.damaged)
            || self
                .children(index, "include")
                .filter_map(|one| self.setting(one))
                .any(|one| !harmless(&one.value))
    }

    /// Every directive `name` at the innermost level that has any, seen from the block at `index`: nginx inherits a
    /// level's directives whole or not at all.
    #[must_use]
    pub fn in_force(&self, index: usize, name: &str) -> (InForce<'s>, Vec<&'s Setting>) {
        let mut at = Some(index);
        let mut outermost = index;
        while let Some(block) = at {
            let found: Vec<&'s Setting> =
                self.children(block, name).filter_map(|child| self.setting(child)).collect();
            if let Some(last) = found.last() {
                return (InForce::Set(last), found);
            }
            if self.open_ended(block) {
                return (InForce::Unknown, Vec::new());
            }
            outermost = block;
            at = self.node(block).and_then(|node| node.parent);
        }
        let whole = self.node(outermost).is_some_and(|node| node.name == "http");
        (if whole { InForce::Default } else { InForce::Unknown }, Vec::new())
    }

    /// A time in force, seconds, and the line that sets it (`None` for the default); `None` when not known.
    #[must_use]
    pub fn seconds(&self, index: usize, name: &str, default: f64) -> Option<(f64, Option<&'s Setting>)> {
        match self.in_force(index, name).0 {
            InForce::Set(setting) => Some((nginx_seconds(&setting.value)?, Some(setting))),
            InForce::Default => Some((default, None)),
            InForce::Unknown => None,
        }
    }

    /// The location of a server that takes `path`; `None` when none does or that cannot be told.
    #[must_use]
    pub fn location(&self, server: usize, path: &str) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        let mut regular = None;
        let mut final_prefix = false;
        let word = path.split('/').nth(1).unwrap_or_default();
        for index in self.children(server, "location") {
            let (modifier, pattern) = location_parts(&self.setting(index)?.value);
            match modifier {
                "=" if pattern == path => return Some(index),
                "" | "^~"
                    if path.starts_with(pattern) && best.is_none_or(|(length, _)| pattern.len() > length) =>
                {
                    best = Some((pattern.len(), index));
                    final_prefix = modifier == "^~";
                }
                // Regular expressions are not evaluated: one that names the path is taken to mean it.
                "~" | "~*" if regular.is_none() && !word.is_empty() && pattern.contains(word) => {
                    regular = Some(index);
                }
                _ => {}
            }
        }
        let found = match regular {
            Some(regular) if !final_prefix => regular,
            _ => best?.1,
        };
        self.location(found, path).or(Some(found))
    }

    /// All locations of a server, nested ones included.
    #[must_use]
    pub fn locations(&self, server: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut waiting = vec![server];
        while let Some(block) = waiting.pop() {
            for child in self.children(block, "location") {
                found.push(child);
                waiting.push(child);
            }
        }
        found.sort_unstable();
        found
    }

    /// The servers a location passes requests to, and the directive that says so. Empty when that cannot be told:
    /// variables, sockets, no `proxy_pass`.
    #[must_use]
    pub fn peers(&self, location: usize) -> Vec<Peer<'s>> {
        let Some(pass) = self.proxy_pass(location) else { return Vec::new() };
        let Some(target) = pass.value.split_once("://").map(|(_, rest)| rest) else { return Vec::new() };
        if target.contains('$') || target.starts_with("unix:") {
            return Vec::new();
        }
        let target = target.split('/').next().unwrap_or_default();
        let upstream = self
            .named("upstream")
            .find(|index| self.setting(*index).is_some_and(|setting| setting.value == target));
        let Some(upstream) = upstream else {
            return peer(target, pass).into_iter().collect();
        };
        let servers = self.children(upstream, "server").filter_map(|child| self.setting(child));
        let servers = servers.filter(|server| !server.value.split_whitespace().any(|word| word == "down"));
        let all: Option<Vec<_>> =
            servers.map(|server| peer(server.value.split_whitespace().next()?, server)).collect();
        if self.open_ended(upstream) { Vec::new() } else { all.unwrap_or_default() }
    }

    /// The `proxy_pass` of a location, or of the named one that its `try_files` falls back to.
    #[must_use]
    pub fn proxy_pass(&self, location: usize) -> Option<&'s Setting> {
        if let Some(pass) = self.children(location, "proxy_pass").next_back() {
            return self.setting(pass);
        }
        let fallback = self.fallback(location)?;
        self.children(fallback, "proxy_pass").next_back().and_then(|pass| self.setting(pass))
    }

    /// The named location that `try_files … @name` falls back to.
    fn fallback(&self, location: usize) -> Option<usize> {
        let files = self.setting(self.children(location, "try_files").next_back()?)?;
        let name = files.value.split_whitespace().next_back().filter(|last| last.starts_with('@'))?;
        let mut block = self.node(location)?.parent?;
        while self.node(block)?.name != "server" {
            block = self.node(block)?.parent?;
        }
        self.children(block, "location")
            .find(|index| self.setting(*index).is_some_and(|one| one.value == name))
    }

    /// The block whose directives govern proxying at a location: itself, or what it falls back to.
    #[must_use]
    pub fn governing(&self, location: usize) -> usize {
        let own = self.children(location, "proxy_pass").next().is_some();
        if own { location } else { self.fallback(location).unwrap_or(location) }
    }

    /// The servers whose ordinary requests go to `port`.
    #[must_use]
    pub fn sites(&self, port: u16) -> Vec<Site> {
        let to_odoo = |server| {
            let http = self.location(server, ORDINARY)?;
            self.leads_to(http, port).then_some(Site { server, http })
        };
        self.named("server").filter_map(to_odoo).collect()
    }

    /// Whether every peer of a location listens on `port`.
    #[must_use]
    pub fn leads_to(&self, location: usize, port: u16) -> bool {
        let peers = self.peers(location);
        !peers.is_empty() && peers.iter().all(|peer| peer.port == port)
    }
}

/// Modifier and pattern of a location; nginx lets them touch (`=/x`).
fn location_parts(value: &str) -> (&str, &str) {
    for modifier in ["^~", "~*", "~", "="] {
        if let Some(pattern) = value.strip_prefix(modifier) {
            return (modifier, pattern.trim_start());
        }
    }
    ("", value)
}

/// `host:port`, `[::1]:port`, or a host with http's own port.
fn peer<'s>(address: &str, setting: &'s Setting) -> Option<Peer<'s>> {
    if address.is_empty() || address.starts_with("unix:") || address.contains('$') {
        return None;
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (address, 80),
    };
    Some(Peer { host: host.to_owned(), port, setting })
}

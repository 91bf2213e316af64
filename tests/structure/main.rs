//! How the core is put together: its files import one another one way, and so do the methods of the session call each other.
//!
//! `cargo test --test structure -- --nocapture` prints the map: each file of a folder behind those that it needs.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The folders of the core. What runs on WebAssembly alone is not among them.
const FOLDERS: [&str; 6] = ["bayeux", "http", "replay", "salesforce", "session", "delivery"];

type Graph = BTreeMap<String, BTreeSet<String>>;

/// The code of each file below `src`, by its module path; tests are left out.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
            let path = entry.path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "tests" {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests" {
                let text = fs::read_to_string(&path).expect("a source");
                let below = path.strip_prefix(root()).expect("below src").with_extension("");
                let module = below.to_string_lossy().replace(['/', '\\'], "::");
                let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                found.insert(module, code.to_owned());
            }
        }
    }
    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
    }
    let mut found = BTreeMap::new();
    walk(&root(), &mut found);
    found
}

/// The paths that a file imports, each with all of its names.
fn imports(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for statement in code.split("use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        let (base, names) = statement.split_once('{').unwrap_or((statement, ""));
        let names = names.trim_end_matches(['}', '\n', ' ']);
        if names.is_empty() {
            paths.push(base.trim().to_owned());
        }
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            paths.push(format!("{}{name}", base.trim()));
        }
    }
    paths
}

/// The file that a path of `module` leads to.
fn target(module: &str, is_folder: bool, path: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").collect();
    if !is_folder {
        base.pop();
    }
    let mut rest = path;
    if let Some(behind) = rest.strip_prefix("crate::") {
        (base, rest) = (Vec::new(), behind);
    } else if let Some(behind) = rest.strip_prefix("self::") {
        (base, rest) = (module.split("::").collect(), behind);
    } else {
        let mut first = true;
        while let Some(behind) = rest.strip_prefix("super::") {
            // In a file that is a folder too, `super` is what is around the folder.
            if !first || is_folder {
                base.pop();
            }
            (rest, first) = (behind, false);
        }
        if first {
            base = module.split("::").collect();
        }
    }
    let mut full: Vec<&str> = base.into_iter().chain(rest.split("::")).collect();
    while !full.is_empty() {
        let candidate = full.join("::");
        if modules.contains_key(&candidate) {
            return Some(candidate).filter(|found| found != module);
        }
        full.pop();
    }
    None
}

fn import_graph() -> Graph {
    let modules = sources();
    let mut graph = Graph::new();
    for (module, code) in &modules {
        let is_folder = modules.keys().any(|other| other.starts_with(&format!("{module}::")))
            && code.lines().any(|line| line.trim_start().trim_start_matches("pub ").starts_with("mod "));
        let needed = imports(code).into_iter().filter_map(|path| target(module, is_folder, &path, &modules));
        graph.insert(module.clone(), needed.collect());
    }
    graph
}

/// The calls of the session's own methods from file to file.
fn call_graph() -> Graph {
    let bodies: BTreeMap<String, String> = sources()
        .into_iter()
        .filter(|(module, _)| module.starts_with("session"))
        .filter_map(|(module, code)| {
            let body = code.split("\nimpl Session {").nth(1)?;
            Some((module, body.split("\n}\n").next().unwrap_or_default().to_owned()))
        })
        .collect();
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut homes = BTreeMap::new();
    for (module, body) in &bodies {
        for name in body.split("fn ").skip(1).map(word) {
            homes.insert(name, module.clone());
        }
    }
    let mut graph = Graph::new();
    for (module, body) in &bodies {
        let calls = body.split("self.").chain(body.split("session.")).skip(1);
        let called = calls.filter(|rest| rest[word(rest).len()..].starts_with('(')).map(word);
        let needed = called.filter_map(|name| homes.get(&name)).filter(|home| *home != module).cloned();
        graph.insert(module.clone(), needed.collect());
    }
    graph
}

/// Files in an order in which each stands behind those that it needs, and those that are left over: they are in a circle, or
/// need one that is.
fn in_order(mut graph: Graph) -> (Vec<String>, Vec<String>) {
    let mut order: Vec<String> = Vec::new();
    loop {
        let is_ready = |needed: &BTreeSet<String>| needed.iter().all(|needed| order.contains(needed));
        let ready: Vec<String> =
            graph.iter().filter(|(_, needed)| is_ready(needed)).map(|(file, _)| file.clone()).collect();
        if ready.is_empty() {
            return (order, graph.into_keys().collect());
        }
        for file in ready {
            graph.remove(&file);
            order.push(file);
        }
    }
}

#[test]
fn files_of_the_core_import_one_another_one_way() {
    let mut graph = import_graph();
    let in_core = |module: &str| FOLDERS.iter().any(|folder| module.starts_with(&format!("{folder}::")));
    graph.retain(|module, _| in_core(module));
    let files: BTreeSet<String> = graph.keys().cloned().collect();
    for needed in graph.values_mut() {
        needed.retain(|module| files.contains(module));
    }
    assert!(graph.len() > 50 && graph.values().map(BTreeSet::len).sum::<usize>() > 100, "{graph:#?}");
    let (order, circles) = in_order(graph);
    println!("{}", order.join("\n"));
    assert!(circles.is_empty(), "in a circle, or behind one: {circles:#?}");
}

#[test]
fn machines_of_the_session_import_no_other_machine() {
    const MACHINES: [&str; 15] = [
        "link",
        "lanes",
        "poll",
        "handshakes",
        "subscriptions",
        "channels",
        "outbox",
        "calls",
        "losses",
        "tokens",
        "flow",
        "pause",
        "shutdown",
        "predecessor",
        "verdict",
    ];
    let machines: BTreeSet<String> = MACHINES.iter().map(|name| format!("session::{name}")).collect();
    let graph = import_graph();
    for machine in &machines {
        let needed = graph.get(machine).unwrap_or_else(|| panic!("no file {machine}"));
        let others: Vec<&String> = needed.intersection(&machines).collect();
        // The disconnect of an earlier session goes out with the token of its instance: a value, not the machine.
        let values = [("session::link", "session::tokens")];
        let others: Vec<_> = others.into_iter().filter(|other| !values.contains(&(machine, other))).collect();
        assert!(others.is_empty(), "{machine} imports {others:?}");
        assert!(!needed.contains("session"), "{machine} imports what is around it");
    }
}

#[test]
fn methods_of_the_session_call_each_other_one_way() {
    let graph = call_graph();
    assert!(graph.len() > 10 && graph.values().map(BTreeSet::len).sum::<usize>() > 30, "{graph:#?}");
    let (order, circles) = in_order(graph);
    println!("{}", order.join("\n"));
    assert!(circles.is_empty(), "in a circle, or behind one: {circles:#?}");
}

#[test]
fn folders_import_one_another_one_way() {
    let folder = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut graph = Graph::new();
    for (module, needed) in import_graph() {
        let of = folder(&module);
        let others = needed.iter().map(|module| folder(module)).filter(|other| *other != of);
        graph.entry(of.clone()).or_default().extend(others);
    }
    // The root names all of them, and re-exports one.
    graph.remove("lib");
    let (order, circles) = in_order(graph);
    println!("{}", order.join("\n"));
    assert!(circles.is_empty(), "in a circle, or behind one: {circles:#?}");
}

//! The rooms of `src/` see each other in one direction: none is seen by what it sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// By its name, the rooms that a room's files name, but for those of its tests.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (given, mut open) = (given(), vec![source.clone()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the crate") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name of text").to_owned();
            if path.is_dir() && name != "bin" && name != "tests" {
                open.push(path);
                continue;
            }
            let inside = path.strip_prefix(&source).expect("it lies in the folder");
            let is_looked_at = !["lib.rs", "tests.rs"].contains(&name.as_str()) && !name.starts_with("test_");
            if name.ends_with(".rs") && is_looked_at {
                let room = inside.iter().next().and_then(|first| first.to_str()).expect("a name of text").trim_end_matches(".rs");
                rooms.entry(room.to_owned()).or_default().extend(named(&fs::read_to_string(&path).expect("text"), &given));
            }
        }
    }
    for (room, seen) in &mut rooms {
        seen.remove(room);
    }
    rooms
}

/// What `lib.rs` gives the names of, and of which rooms they are.
fn given() -> BTreeMap<String, String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("text");
    let uses = text.split("\npub use ").skip(1).filter_map(|rest| rest.split_once(';')?.0.split_once("::"));
    let named = uses.flat_map(|(room, names)| words(names).map(|name| (name.to_owned(), room.to_owned())).collect::<Vec<_>>());
    named.collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c != '_' && !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The rooms that a file's text names before its tests, outside comments, themselves or by what `lib.rs` gives of them.
fn named(text: &str, given: &BTreeMap<String, String>) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let after = code.split("crate::").skip(1);
    let names = after.flat_map(|rest| match rest.strip_prefix('{').and_then(|group| group.split_once('}')) {
        Some((group, _)) => words(group).collect(),
        None => words(rest).take(1).collect::<Vec<_>>(),
    });
    names.map(|name| given.get(name).map_or(name, String::as_str).to_owned()).collect()
}

#[test]
fn no_room_is_seen_by_what_it_sees() {
    let mut left = rooms();
    // An option's method of the builder stands beside its flag.
    assert!(left.get_mut("options").is_some_and(|seen| seen.remove("builder")), "names that lib.rs gives are rooms, too");
    assert!(left.contains_key("ops") && left["passes"].contains("ops") && left["ops"].contains("steps"), "the files are read");
    loop {
        let seen: BTreeSet<String> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|room, _| seen.contains(room));
        if left.len() == before {
            break;
        }
    }
    let rest: BTreeSet<String> = left.keys().cloned().collect();
    left.values_mut().for_each(|seen| seen.retain(|room| rest.contains(room)));
    assert!(left.is_empty(), "these rooms see each other in a circle: {left:?}");
}

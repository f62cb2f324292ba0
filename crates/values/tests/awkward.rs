//! Awkward values, and what a preview says of each: the override that an edit comes to, the text that is pending, what
//! changed, and what becomes of it all on the way to a new revision.
//!
//! The cases are in `awkward/cases.yaml`, what is said in the snapshots beside it. Each is held to laws, too.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::fmt::Write as _;

use serde_json::{Map, Value};
use strata_model::{
    diagnostic::Diagnostic,
    digest::DigestKey,
    overrides::{ItemKey, Patch, PatchOperation, ResolutionChoice},
    secret::SecretText,
    value_path::ValuePath,
};
use strata_values::{
    Change, ChangeKind, Conflict, ConflictKind, Edited, Labels, ParseOptions, Redactor, Resolution, ThreeWay,
    apply, apply_changes, derive, diff_values, edit,
    parse::{parse_mapping, parse_mapping_with},
    three_way, unified,
};

const CASES: &str = include_str!("awkward/cases.yaml");
/// Characters of a line that are shown.
const WIDTH: usize = 400;

/// What a person asks for.
enum Wish {
    /// The whole text as edited.
    Text(String),
    /// Operations.
    Patch(Patch),
}

struct Case {
    name: String,
    profile: String,
    next: Option<String>,
    wish: Wish,
    secrets: Vec<String>,
    redactor: Redactor,
}

fn case(said: &Value) -> Case {
    let name = said["name"].as_str().unwrap().to_owned();
    let secrets = said.get("secrets").and_then(Value::as_array).into_iter().flatten();
    let secrets: Vec<String> = secrets.map(|secret| secret.as_str().unwrap().to_owned()).collect();
    let redactor = Redactor::new(&DigestKey::new([7; 32]), secrets.iter().map(SecretText::new));
    let masked = |text: String| {
        secrets
            .iter()
            .fold(text, |text, secret| text.replace(&format!("‹{secret}›"), &redactor.mask_of(secret)))
    };
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(filled).map(masked);
    let wish = match (text("edited"), said.get("patch")) {
        (Some(edited), None) => Wish::Text(edited),
        (None, Some(patch)) => Wish::Patch(serde_json::from_value(patch.clone()).unwrap()),
        _ => panic!("{name}: either `edited` or `patch`"),
    };
    let profile = text("profile").unwrap_or_else(|| panic!("{name}: no profile"));
    Case { profile, next: text("next"), wish, secrets, redactor, name }
}

/// A text with every `«n×text»` written out.
fn filled(text: &str) -> String {
    let mut parts = text.split('«');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (count, rest) = part.split_once('×').unwrap();
        let (repeated, rest) = rest.split_once('»').unwrap();
        out.push_str(&repeated.repeat(count.parse().unwrap()));
        out.push_str(rest);
    }
    out
}

fn read(text: &str, file: &str) -> Result<Value, Diagnostic> {
    parse_mapping(text, file).map(Value::Object)
}

/// A line with what cannot be seen in it made visible, and shortened.
fn shown(line: &str) -> String {
    let (body, cr) = line.strip_suffix('\r').map_or((line, ""), |body| (body, "␍"));
    let trimmed = body.trim_end_matches(' ');
    let spaces = "·".repeat(body.len() - trimmed.len());
    let visible = format!("{trimmed}{spaces}{cr}")
        .replace('\t', "␉")
        .replace('\r', "␍")
        .replace('\u{feff}', "<BOM>")
        .replace('\u{a0}', "<NBSP>")
        .replace('\u{301}', "<U+0301>");
    let length = visible.chars().count();
    if length <= WIDTH {
        return visible;
    }
    let head: String = visible.chars().take(50).collect();
    let tail: String = visible.chars().skip(length - 20).collect();
    format!("{head} …{} characters… {tail}", length - 70)
}

/// The document about one case.
struct Page<'a> {
    redactor: &'a Redactor,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        writeln!(self.out, "{}", shown(&self.redactor.mask_text(line))).unwrap();
    }

    fn head(&mut self, head: &str) {
        let gap = if self.out.is_empty() { "" } else { "\n" };
        write!(self.out, "{gap}## {head}\n\n").unwrap();
    }

    fn text(&mut self, head: &str, text: &str) {
        self.head(head);
        self.fenced("yaml", &self.redactor.mask_text(text));
    }

    fn fenced(&mut self, language: &str, text: &str) {
        if text.is_empty() {
            self.out.push_str("(empty)\n");
            return;
        }
        writeln!(self.out, "```{language}").unwrap();
        // Signs of a diff stay in front of what is made visible.
        let sign = usize::from(language == "diff");
        for line in text.split_inclusive('\n') {
            let body = line.strip_suffix('\n').unwrap_or(line);
            let (sign, rest) = body.split_at(sign.min(body.len()));
            writeln!(self.out, "{sign}{}", shown(rest)).unwrap();
        }
        let open = if text.ends_with('\n') { "" } else { " (no line break at the end)" };
        writeln!(self.out, "```{open}").unwrap();
    }

    fn list(&mut self, head: &str, lines: impl IntoIterator<Item = String>) {
        self.head(head);
        let before = self.out.len();
        for line in lines {
            self.line(&format!("- {line}"));
        }
        if self.out.len() == before {
            self.out.push_str("(none)\n");
        }
    }

    fn refused(&mut self, head: &str, problem: &Diagnostic) {
        self.head(head);
        self.line(&problem.to_string());
        if let Some(help) = &problem.help {
            self.line(&format!("help: {help}"));
        }
    }

    fn edited(&mut self, head: &str, before: &str, edited: &Edited) {
        let kept = match edited.comments_kept {
            _ if edited.text == before => " (unchanged)",
            true => "",
            false => " (written anew, without comments)",
        };
        self.text(&format!("{head}{kept}"), &edited.text);
        for comment in comments(before).filter(|comment| !edited.text.contains(comment)) {
            self.line(&format!("Gone: `{comment}`"));
        }
    }

    fn diff(&mut self, from: (&str, &str), to: (&str, &str)) {
        let (current, pending) = (self.redactor.mask_text(from.1), self.redactor.mask_text(to.1));
        let diff = unified(&current, &pending, Labels { current: from.0, pending: to.0 });
        assert_eq!(diff.is_empty(), current == pending);
        assert_eq!(patched(&current, &diff), pending, "the diff leads to the text\n{diff}");
        self.head("Diff");
        self.fenced("diff", &diff);
    }

    fn changes(&mut self, current: &Value, pending: &Value) {
        let changes = diff_values(current, pending);
        assert_eq!(apply_changes(&changes, current).as_ref(), Ok(pending), "the changes lead to the value");
        assert_eq!(changes.is_empty(), current == pending);
        let stored: Vec<Change> = serde_json::from_value(serde_json::to_value(&changes).unwrap()).unwrap();
        assert_eq!(stored, changes);
        let told: Vec<String> = changes.iter().map(|change| told_change(change, self.redactor)).collect();
        self.list("Changes", told);
    }

    fn merged(&mut self, merged: &ThreeWay) {
        let patch: Vec<String> = told_patch(&merged.patch, self.redactor).collect();
        self.list("Override on the new revision", patch);
        if !merged.redundant.is_empty() {
            self.list("Redundant", merged.redundant.iter().map(|path| format!("`{path}`")));
        }
        if !merged.conflicts.is_empty() {
            let told: Vec<String> =
                merged.conflicts.iter().map(|conflict| told_conflict(conflict, self.redactor)).collect();
            self.list("Conflicts", told);
        }
    }
}

/// What follows a `#` on each line; also where it is inside a text.
fn comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let at = if line.starts_with('#') { 0 } else { line.find(" #")? + 1 };
        line.get(at..).map(str::trim_end)
    })
}

/// The line that each comment with a line of its own stands directly above. One that is indented further is about a part
/// of what is above it, one above an empty line about all that follows.
fn subjects(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    text.lines().enumerate().filter(move |(_, line)| is_comment(line)).filter_map(move |(index, comment)| {
        let below = text.lines().skip(index + 1).find(|line| !is_comment(line))?;
        let indent = |line: &str| line.len() - line.trim_start().len();
        (!below.trim().is_empty() && indent(comment) <= indent(below)).then_some((comment, below))
    })
}

fn told_patch<'a>(patch: &'a Patch, redactor: &'a Redactor) -> impl Iterator<Item = String> + 'a {
    let told = |value: &Value| redactor.mask_value(value).to_string();
    patch.0.iter().map(move |operation| match operation {
        PatchOperation::Set { path, value } => format!("set `{path}` to {}", told(value)),
        PatchOperation::Remove { path } => format!("remove `{path}`"),
        PatchOperation::Insert { list, value, before, .. } => {
            format!("insert into `{list}` {}: {}", place(before.as_ref()), told(value))
        }
        PatchOperation::RemoveItem { .. } => format!("remove item `{}`", operation.path()),
        PatchOperation::Move { before, .. } => {
            format!("move item `{}` {}", operation.path(), place(before.as_ref()))
        }
    })
}

fn told_change(change: &Change, redactor: &Redactor) -> String {
    let told =
        |value: &Option<Value>| value.as_ref().map_or_else(nothing, |v| redactor.mask_value(v).to_string());
    let path = &change.path;
    match change.kind {
        ChangeKind::Added => format!("`{path}` added: {}", told(&change.after)),
        ChangeKind::Removed => format!("`{path}` removed: {}", told(&change.before)),
        ChangeKind::Changed => {
            format!("`{path}` changed: {} → {}", told(&change.before), told(&change.after))
        }
        ChangeKind::Moved => format!("`{path}` moved {}", place(change.next.as_ref())),
    }
}

fn told_conflict(conflict: &Conflict, redactor: &Redactor) -> String {
    let told =
        |value: &Option<Value>| value.as_ref().map_or_else(nothing, |v| redactor.mask_value(v).to_string());
    let kind = serde_json::to_value(conflict.kind).unwrap();
    format!(
        "`{}` {}: base {}, ours {}, theirs {}",
        conflict.path,
        kind.as_str().unwrap(),
        told(&conflict.base),
        told(&conflict.ours),
        told(&conflict.theirs)
    )
}

fn nothing() -> String {
    "nothing".to_owned()
}

fn place(before: Option<&ItemKey>) -> String {
    before
        .map_or_else(|| "at the end".to_owned(), |key| format!("before `{}`", ValuePath(vec![key.segment()])))
}

/// A text with a unified diff applied to it.
fn patched(current: &str, diff: &str) -> String {
    let mut old = current.split_inclusive('\n').enumerate().peekable();
    let mut out = String::new();
    let mut kept = true;
    for line in diff.split_inclusive('\n').skip(2) {
        let (sign, rest) = line.split_at(1);
        match sign {
            "@" => {
                let range = rest.split('-').nth(1).unwrap().split(' ').next().unwrap();
                let (start, count) = range.split_once(',').unwrap_or((range, "1"));
                // An empty range names the line before it.
                let until = start.parse::<usize>().unwrap() - usize::from(count != "0");
                while let Some((_, line)) = old.next_if(|(index, _)| *index < until) {
                    out.push_str(line);
                }
            }
            " " | "-" => {
                let (_, was) = old.next().unwrap();
                assert_eq!(was.trim_end_matches('\n'), rest.trim_end_matches('\n'));
                kept = sign == " ";
                out.push_str(if kept { rest } else { "" });
            }
            "+" => {
                kept = true;
                out.push_str(rest);
            }
            "\\" if kept => {
                out.pop();
            }
            _ => {}
        }
    }
    old.for_each(|(_, line)| out.push_str(line));
    out
}

/// The value that a person wants, and the override that it comes to.
fn wanted(page: &mut Page<'_>, case: &Case, base: &Value) -> Option<(Value, Patch)> {
    match &case.wish {
        Wish::Text(text) => {
            page.text("Edited", text);
            let edited = match read(text, "edited") {
                Ok(edited) => edited,
                Err(problem) => {
                    page.refused("The edited text is refused", &problem);
                    return None;
                }
            };
            strictly(page, text, "edited");
            let edited = match page.redactor.unmask(&edited, base) {
                Ok(edited) => edited,
                Err(error) => {
                    page.head("The edited text is refused");
                    page.line(&error.to_string());
                    return None;
                }
            };
            let derived = derive(base, &edited);
            let patch = told_patch(&derived.patch, page.redactor).collect::<Vec<_>>();
            let whole = derived.whole_lists.iter().map(|path| format!("(`{path}` is replaced as a whole)"));
            page.list("Override", patch.into_iter().chain(whole));
            Some((edited, derived.patch))
        }
        Wish::Patch(patch) => {
            let told = told_patch(patch, page.redactor).collect::<Vec<_>>();
            page.list("Override", told);
            match apply(patch, base) {
                Ok(value) => Some((value, patch.clone())),
                Err(conflict) => {
                    page.head("The override is refused");
                    page.line(&conflict.to_string());
                    None
                }
            }
        }
    }
}

/// What a reader of our own formats would say where values are read leniently.
fn strictly(page: &mut Page<'_>, text: &str, file: &str) {
    if let Err(problem) = parse_mapping_with(text, file, &ParseOptions::STRICT) {
        page.refused("A strict reader refuses it", &problem);
    }
}

fn document(case: &Case) -> String {
    let mut page = Page { redactor: &case.redactor, out: String::new() };
    page.text("Profile", &case.profile);
    let base = match read(&case.profile, "profile") {
        Ok(base) => base,
        Err(problem) => {
            page.refused("The profile is refused", &problem);
            return page.out;
        }
    };
    strictly(&mut page, &case.profile, "profile");
    let Some((value, patch)) = wanted(&mut page, case, &base) else { return page.out };
    hold_for_patch(&base, &value, &patch);
    let pending = edit::apply_patch(&case.profile, &patch).unwrap();
    hold_for_text(&pending, &value);
    hold_for_comments(&case.profile, &pending);
    page.edited("Pending", &case.profile, &pending);
    page.diff(("profile", &case.profile), ("pending", &pending.text));
    page.changes(&base, &value);
    let Some(next) = &case.next else { return page.out };
    page.text("Next revision", next);
    let theirs = match read(next, "next") {
        Ok(theirs) => theirs,
        Err(problem) => {
            page.refused("The next revision is refused", &problem);
            return page.out;
        }
    };
    let merged = three_way(&base, &patch, &theirs, &[]);
    hold_for_merge(&base, &value, &patch, &theirs, &merged);
    page.merged(&merged);
    let carried = edit::apply_patch(next, &merged.patch).unwrap();
    hold_for_text(&carried, &merged.value);
    hold_for_comments(next, &carried);
    page.edited("Pending on the new revision", next, &carried);
    page.diff(("running", &pending.text), ("pending", &carried.text));
    page.changes(&value, &merged.value);
    page.out
}

fn hold_for_patch(base: &Value, value: &Value, patch: &Patch) {
    assert_eq!(apply(patch, base).as_ref(), Ok(value), "the override leads to the edit");
    assert_eq!(apply(patch, value).as_ref(), Ok(value), "a second time changes nothing");
    let stored: Patch = serde_json::from_value(serde_json::to_value(patch).unwrap()).unwrap();
    assert_eq!(stored, *patch, "the override can be stored");
    let back = derive(value, base).patch;
    assert_eq!(apply(&back, value).as_ref(), Ok(base), "there is a way back");
    assert!(derive(value, value).patch.is_empty());
}

fn hold_for_text(edited: &Edited, value: &Value) {
    assert_eq!(read(&edited.text, "pending").as_ref(), Ok(value), "the text says what the value is");
    let again = edit::rewrite(&edited.text, value).unwrap();
    assert_eq!(again.text, edited.text, "a text that says it already stays");
}

/// A comment stays above the line that it was above, as long as that line is there.
fn hold_for_comments(before: &str, edited: &Edited) {
    for (comment, subject) in subjects(before).filter(|_| edited.comments_kept) {
        if edited.text.lines().filter(|line| *line == subject).count() == 1 && edited.text.contains(comment) {
            let now = subjects(&edited.text).find(|(other, _)| *other == comment);
            assert_eq!(now, Some((comment, subject)), "the comment is about something else now");
        }
    }
}

fn hold_for_merge(base: &Value, ours: &Value, patch: &Patch, theirs: &Value, merged: &ThreeWay) {
    assert_eq!(apply(&merged.patch, theirs).as_ref(), Ok(&merged.value));
    let unmoved = three_way(base, patch, base, &[]);
    assert_eq!((&unmoved.value, unmoved.conflicts.len()), (ours, 0), "nothing new, nothing to decide");
    let free = three_way(base, &Patch::default(), theirs, &[]);
    assert_eq!((&free.value, free.conflicts.len()), (theirs, 0), "without an override the revision holds");
    for (choice, side) in [(ResolutionChoice::KeepOverride, ours), (ResolutionChoice::TakeProfile, theirs)] {
        let resolutions: Vec<Resolution> = merged
            .conflicts
            .iter()
            .map(|conflict| Resolution { path: conflict.path.clone(), choice: choice.clone() })
            .collect();
        let closed = three_way(base, patch, theirs, &resolutions);
        assert_eq!((closed.unresolved().count(), closed.unused_resolutions.len()), (0, 0));
        assert_eq!(apply(&closed.patch, theirs).as_ref(), Ok(&closed.value));
        // A conflict about the order of a list is not about the values in it.
        for conflict in closed.conflicts.iter().filter(|conflict| conflict.kind != ConflictKind::Reordered) {
            assert_eq!(conflict.path.find(&closed.value), conflict.path.find(side), "{}", conflict.path);
        }
        let settled = three_way(theirs, &closed.patch, theirs, &[]);
        assert_eq!((&settled.value, settled.conflicts.len()), (&closed.value, 0), "what is decided stays so");
    }
}

#[test]
fn every_awkward_value_is_previewed_as_it_is() {
    let cases = strata_values::parse(CASES, "cases.yaml").unwrap();
    let cases: Vec<Case> = cases.as_array().unwrap().iter().map(case).collect();
    assert!(cases.len() > 100);
    let mut names: Map<String, Value> = Map::new();
    for case in &cases {
        assert_eq!(
            names.insert(case.name.clone(), Value::Null),
            None,
            "two cases of one name: {}",
            case.name
        );
        println!("{}", case.name);
        let document = document(case);
        for secret in &case.secrets {
            assert!(!document.contains(secret), "{}: a secret is in the clear", case.name);
        }
        insta::with_settings!({ snapshot_path => "awkward", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(case.name.as_str(), document);
        });
    }
}

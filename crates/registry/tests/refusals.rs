//! What is taken in, and every refusal.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use strata_registry::{
    ArchiveError, Budget, RegistryError, list_packs, read_archive, read_archive_with, read_folder,
    read_folder_with, read_pack, take_files,
};
use tar::{Builder, EntryType, Header};

const SMALL: Budget =
    Budget { max_files: 4, max_file_bytes: 100, max_total_bytes: 150, max_depth: 2, max_path_bytes: 60 };

/// An archive of these entries; paths are written as they are, without the checks of the writer.
fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, content) in entries {
        let mut header = Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(u64::try_from(content.len()).unwrap());
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn files(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<_> =
        entries.iter().map(|(path, content)| (*path, EntryType::Regular, *content)).collect();
    archive(&entries)
}

fn folder(entries: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in entries {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

#[test]
fn folder_and_archive_give_the_same_files() {
    let entries: &[(&str, &[u8])] =
        &[("pack.json", b"{}"), ("manifests/app.yaml", b"a: 1"), (".git/config", b"x")];
    let from_folder = read_folder(folder(entries).path()).unwrap();
    assert_eq!(from_folder.keys().collect::<Vec<_>>(), ["manifests/app.yaml", "pack.json"]);
    assert_eq!(from_folder["manifests/app.yaml"], b"a: 1");
    assert_eq!(read_archive(&files(entries)).unwrap(), from_folder);
    let wrapped = files(&[("demo/pack.json", b"{}"), ("demo/manifests/app.yaml", b"a: 1")]);
    assert_eq!(read_archive(&wrapped).unwrap(), from_folder);
    let dotted = files(&[("./pack.json", b"{}"), ("./manifests/app.yaml", b"a: 1")]);
    assert_eq!(read_archive(&dotted).unwrap(), from_folder);
}

#[test]
fn budgets_hold_for_both_readers() {
    let big = vec![b'x'; 101];
    let half = vec![b'x'; 80];
    type Case<'a> = (&'a str, Vec<(&'a str, &'a [u8])>, fn(&RegistryError) -> bool);
    let cases: Vec<Case<'_>> = vec![
        ("file size", vec![("pack.json", &big)], |e| {
            matches!(e, RegistryError::Content(ArchiveError::FileTooLarge { limit: 100, .. }))
        }),
        ("total", vec![("pack.json", &half), ("b", &half)], |e| {
            matches!(e, RegistryError::Content(ArchiveError::TooLarge { limit: 150 }))
        }),
        ("count", vec![("pack.json", b""), ("a", b""), ("b", b""), ("c", b""), ("d", b"")], |e| {
            matches!(e, RegistryError::Content(ArchiveError::TooManyFiles { limit: 4 }))
        }),
        ("depth", vec![("pack.json", b""), ("a/b/c/d", b"")], |e| {
            matches!(e, RegistryError::Content(ArchiveError::TooDeep { limit: 2, .. }))
        }),
        (
            "length",
            vec![("pack.json", b""), ("a123456789012345678901234567890123456789012345678901234567890", b"")],
            |e| matches!(e, RegistryError::Content(ArchiveError::ForbiddenPath { .. })),
        ),
        ("nothing", vec![("README.md", b"")], |e| matches!(e, RegistryError::NothingToRender { .. })),
    ];
    for (what, entries, expected) in cases {
        let error = read_folder_with(folder(&entries).path(), &SMALL).unwrap_err();
        assert!(expected(&error), "{what} in a folder: {error}");
        let error = read_archive_with(&files(&entries), &SMALL).unwrap_err();
        assert!(expected(&error), "{what} in an archive: {error}");
        assert!(!error.help().is_empty());
    }
}

#[test]
fn paths_that_lead_out_are_refused() {
    for path in ["../evil", "a/../../evil", "/etc/passwd", "a\\b", "a\nb"] {
        let error = read_archive(&files(&[("pack.json", b"{}"), (path, b"x")])).unwrap_err();
        assert!(
            matches!(error, RegistryError::Content(ArchiveError::ForbiddenPath { .. })),
            "{path}: {error}"
        );
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo] {
        let error = read_archive(&archive(&[("pack.json", EntryType::Regular, b"{}"), ("x", kind, b"")]))
            .unwrap_err();
        assert!(
            matches!(error, RegistryError::Content(ArchiveError::ForbiddenEntry { .. })),
            "{kind:?}: {error}"
        );
    }
    let folder = folder(&[("pack.json", b"{}")]);
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("values.yaml")).unwrap();
    let error = read_folder(folder.path()).unwrap_err();
    assert!(
        matches!(error, RegistryError::Content(ArchiveError::ForbiddenEntry { kind: "a link", .. })),
        "{error}"
    );
}

#[test]
fn a_path_twice_is_refused() {
    let error = read_archive(&files(&[("pack.json", b"{}"), ("pack.json", b"{}")])).unwrap_err();
    assert!(matches!(error, RegistryError::Content(ArchiveError::DuplicatePath { .. })), "{error}");
}

#[test]
fn a_bomb_stops_within_the_budget() {
    // Folders with content are skipped, so only the bound on the whole stream stops this one.
    let zeros = vec![0_u8; 64 * 1024 * 1024];
    let bomb = archive(&[("pack.json", EntryType::Regular, b"{}"), ("d", EntryType::Directory, &zeros)]);
    assert!(bomb.len() < 1024 * 1024);
    let error = read_archive_with(&bomb, &SMALL).unwrap_err();
    assert!(matches!(error, RegistryError::Content(ArchiveError::TooLarge { .. })), "{error}");
}

#[test]
fn damaged_archives_are_refused() {
    let whole = files(&[("pack.json", &[7; 90_000])]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&[b'x'; 2_000]).unwrap();
    for bytes in
        [Vec::new(), b"nonsense".to_vec(), whole[..whole.len() / 2].to_vec(), encoder.finish().unwrap()]
    {
        let error = read_archive(&bytes).unwrap_err();
        assert!(
            matches!(
                error,
                RegistryError::Content(ArchiveError::Damaged { .. }) | RegistryError::NothingToRender { .. }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_registry_lists_its_packs_by_name() {
    let registry = folder(&[
        ("b/pack.json", b"{}"),
        ("a/Chart.yaml", b"{}"),
        ("c-1.0.0.tgz", b""),
        ("docs/README.md", b""),
        ("pack.txt", b""),
        ("loose.yaml", b"a: 1"),
    ]);
    let listing = list_packs(registry.path()).unwrap();
    let names: Vec<_> = listing.packs.into_iter().map(|pack| pack.name).collect();
    assert_eq!(listing.passed_over, ["loose.yaml"]);
    assert_eq!(names, ["a", "b", "c-1.0.0"]);
    assert_eq!(list_packs(&registry.path().join("a")).unwrap().packs.len(), 1);
    let one = list_packs(&registry.path().join("c-1.0.0.tgz")).unwrap().packs;
    assert_eq!(one[0].name, "c-1.0.0");
    assert!(matches!(list_packs(Path::new("/nowhere/at/all")).unwrap_err(), RegistryError::Read { .. }));
}

#[test]
fn charts_and_manifests_are_read_as_well() {
    let chart: &[(&str, &[u8])] = &[("Chart.yaml", b"name: x"), (".helmignore", b"*.md"), ("a.md", b"")];
    let read = read_pack(folder(chart).path()).unwrap();
    assert_eq!(read.keys().collect::<Vec<_>>(), [".helmignore", "Chart.yaml", "a.md"]);
    // In an archive of a chart there is nothing to ignore any more.
    let chart: &[(&str, &[u8])] =
        &[("x/Chart.yaml", b"name: x"), ("x/.helmignore", b"*.md"), ("x/a.md", b"")];
    let archived = read_archive(&files(chart)).unwrap();
    assert_eq!(archived.keys().collect::<Vec<_>>(), ["Chart.yaml", "a.md"]);
    let manifests = folder(&[("app.yaml", b"a: 1"), ("more/b.json", b"{}")]);
    assert_eq!(read_pack(manifests.path()).unwrap().len(), 2);
    assert_eq!(read_pack(&manifests.path().join("app.yaml")).unwrap()["app.yaml"], b"a: 1");
    // In an archive, manifests may lie in one folder or in several.
    let one = read_archive(&files(&[("x/a.yaml", b""), ("x/y/b.yaml", b"")])).unwrap();
    assert_eq!(one.keys().collect::<Vec<_>>(), ["a.yaml", "y/b.yaml"]);
    let several = read_archive(&files(&[("x/a.yaml", b""), ("y/b.yaml", b"")])).unwrap();
    assert_eq!(several.keys().collect::<Vec<_>>(), ["x/a.yaml", "y/b.yaml"]);
}

#[test]
fn files_that_were_sent_are_held_to_the_same_rules() {
    let send = |path: &str| take_files([(path.to_owned(), b"x".to_vec())]);
    assert_eq!(send("./manifests/a.yaml").unwrap().keys().collect::<Vec<_>>(), ["manifests/a.yaml"]);
    assert!(send(".git/config").unwrap().is_empty());
    for path in ["../evil", "/etc/passwd", "a/../../b", "a\\b"] {
        let error = send(path).unwrap_err();
        assert!(
            matches!(error, RegistryError::Content(ArchiveError::ForbiddenPath { .. })),
            "{path}: {error}"
        );
    }
}

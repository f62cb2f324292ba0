//! Puts the example packs into the program, so that the demo runs wherever the program does.

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let packs =
        Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../deploy/examples/packs").canonicalize()?;
    println!("cargo::rerun-if-changed={}", packs.display());
    let mut files = Vec::new();
    collect(&packs, &mut files)?;
    files.sort();
    let mut text = String::from(
        "/// Path in the folder of packs, and content.\npub(super) const PACKS: &[(&str, &[u8])] = &[\n",
    );
    for file in files {
        let name = file.strip_prefix(&packs)?.to_str().ok_or("a path that is no text")?.to_owned();
        fmt::Write::write_fmt(
            &mut text,
            format_args!(
                "    ({name:?}, include_bytes!({:?})),\n",
                file.to_str().ok_or("a path that is no text")?
            ),
        )?;
    }
    text.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("packs.rs"), text)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

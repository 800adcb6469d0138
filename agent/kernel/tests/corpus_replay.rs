//! Every seed of the fuzz target of this room, through the target's own function. The seeds that are named as
//! a table are our own tree's; `SOCLE_SEEDS=write` writes them.

use socle_kernel::texts::{FILES, PARTS, pages, takes};
use std::path::{Path, PathBuf};

#[expect(unreachable_pub, reason = "public in the fuzz crate, which owns the file")]
#[path = "../../../fuzz/src/kernel.rs"]
mod kernel;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn seeds() -> PathBuf {
    here("../../fuzz/corpus/kernel_text")
}

#[test]
fn every_table_has_a_seed_that_is_taken() {
    for (n, file) in FILES.iter().chain(PARTS).enumerate() {
        let path = seeds().join(file.replace('/', "-"));
        let which = u8::try_from(n).unwrap();
        if std::env::var_os("SOCLE_SEEDS").is_some() {
            let content = std::fs::read(here("fixtures/rack").join(file)).unwrap();
            std::fs::create_dir_all(seeds()).unwrap();
            std::fs::write(&path, [&[which], &*content].concat()).unwrap();
        }
        let seed = std::fs::read(&path).unwrap_or_default();
        let (first, content) = seed.split_first().unwrap_or((&0xFF, &[]));
        let taken = match FILES.contains(file) {
            true => pages(file, content).is_some_and(|[page, _]| !page.as_str().is_empty()),
            false => takes(file, content),
        };
        assert!(*first == which && taken, "SOCLE_SEEDS=write writes {}", path.display());
    }
}

#[test]
fn kernel_text() {
    let mut found = 0;
    for entry in std::fs::read_dir(seeds()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        kernel::text(&bytes);
        // What a fuzzer tries first: cuts, and bytes at their extremes. Every 7th place meets each field.
        for n in (0..bytes.len()).step_by(7) {
            kernel::text(bytes.get(..n).unwrap());
            for value in [0x00, b'\n', b' ', b':', b'9', 0xFF] {
                let mut changed = bytes.clone();
                *changed.get_mut(n).unwrap() = value;
                kernel::text(&changed);
            }
        }
        found += 1;
    }
    assert!(found >= FILES.len() + PARTS.len(), "{found} seeds");
}

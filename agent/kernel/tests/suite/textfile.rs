//! Metrics of other programs' files, as node_exporter shows them.

use crate::common::{self, Tree, read, value};
use socle_kernel::{Root, SOURCES, Settings, Source};
use socle_model::metrics::parse::{Parsed, Sample, parse};
use std::collections::BTreeSet;
use std::path::PathBuf;

const DIR: &str = "var/lib/prometheus/node-exporter";

/// A tree with these files, and nothing else in the folder.
fn tree(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::rack();
    tree.remove(DIR);
    std::fs::create_dir(tree.path(DIR)).unwrap();
    for (name, text) in files {
        tree.write(&format!("{DIR}/{name}"), text);
    }
    tree
}

fn failed(page: &str) -> bool {
    value(page, "node_textfile_scrape_error").unwrap() != 0.0
}

/// A source of these folders.
fn source(patterns: &[String]) -> Box<dyn Source> {
    let settings = Settings { textfile_dir: patterns.to_vec(), ..Settings::default() };
    common::open("textfile", &Root::host(), &settings).unwrap()
}

#[test]
fn node_exporters_own_tests_give_its_own_results() {
    let Some(corpus) = common::corpus() else { return };
    let base = corpus.display().to_string();
    let path = |name: &str| format!("{base}/textfile/{name}");
    let extra = ["histogram_extra_dimension", "summary_extra_dimension"].map(path);
    let mut cases = vec![
        (extra.to_vec(), "glob_extra_dimension".to_owned()),
        (vec![path("*_extra_dimension")], "glob_extra_dimension".to_owned()),
    ];
    let outs = std::fs::read_dir(corpus.join("textfile")).unwrap().flatten();
    let names =
        outs.filter_map(|out| Some(out.file_name().to_str()?.strip_suffix(".out")?.to_owned()));
    cases.extend(
        names.filter(|name| !name.starts_with("glob")).map(|name| (vec![path(&name)], name)),
    );
    assert!(cases.len() >= 15, "{} cases", cases.len());
    for (patterns, out) in cases {
        let ours = read(&mut source(&patterns)).unwrap().replace(&base, "fixtures");
        let theirs = std::fs::read_to_string(path(&format!("{out}.out"))).unwrap();
        assert_eq!(heads(&ours), heads(&theirs), "{out}");
        // The times of files are ours; their page has 1.
        let samples = |page: &str| -> Vec<Sample> {
            let Parsed { mut samples, .. } = parse(page).unwrap();
            for sample in &mut samples {
                if sample.name == "node_textfile_mtime_seconds" {
                    sample.value = 1.0;
                }
            }
            samples.sort_by_key(|sample| (sample.name.clone(), sample.labels.clone()));
            samples
        };
        assert_eq!(samples(&ours), samples(&theirs), "{out}");
    }
}

fn heads(page: &str) -> BTreeSet<&str> {
    page.lines().filter(|line| line.starts_with('#')).collect()
}

#[test]
fn a_bad_file_is_named_with_its_line_and_costs_only_itself() {
    let tree = tree(&[("good.prom", "good 1\n"), ("bad.prom", "fine 1\nbad{a=\"b} 2\n")]);
    let mut source = tree.open("textfile");
    let page = read(&mut source).unwrap();
    assert_eq!(value(&page, "good"), Some(1.0));
    assert!(failed(&page) && !page.contains("fine"));
    assert_eq!(page.matches("node_textfile_mtime_seconds{").count(), 1);
    let faults = source.faults();
    let fault = "/var/lib/prometheus/node-exporter/bad.prom: line 2: a label's value without end";
    assert!(faults.len() == 1 && faults[0].starts_with(fault), "{faults:?}");
    read(&mut source).unwrap();
    assert!(source.faults().is_empty(), "said once");
    tree.write(&format!("{DIR}/bad.prom"), "fine 1\nbad{a=\"b\"} 2 1441205977284\n");
    assert!(failed(&read(&mut source).unwrap()));
    assert!(source.faults()[0].contains("timestamp"));
    tree.write(&format!("{DIR}/bad.prom"), "fine 1\n");
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, "fine"), failed(&page)), (Some(1.0), false));
}

#[test]
fn files_that_come_change_and_go_are_seen_at_once() {
    let tree = tree(&[("a.prom", "a 1\n")]);
    let mut source = tree.open("textfile");
    read(&mut source).unwrap();
    tree.write(&format!("{DIR}/b.prom"), "b 1\n");
    assert_eq!(value(&read(&mut source).unwrap(), "b"), Some(1.0));
    // The same length, in the same instant.
    tree.write(&format!("{DIR}/b.prom"), "b 2\n");
    assert_eq!(value(&read(&mut source).unwrap(), "b"), Some(2.0));
    // As programs should write it: beside it, then renamed.
    tree.write(&format!("{DIR}/a.prom.tmp"), "a 7\n");
    assert_eq!(value(&read(&mut source).unwrap(), "a"), Some(1.0));
    std::fs::rename(tree.path(&format!("{DIR}/a.prom.tmp")), tree.path(&format!("{DIR}/a.prom")))
        .unwrap();
    assert_eq!(value(&read(&mut source).unwrap(), "a"), Some(7.0));
    tree.remove(&format!("{DIR}/a.prom"));
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, "a"), value(&page, "b"), failed(&page)), (None, Some(2.0), false));
    tree.remove(DIR);
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, "b"), failed(&page)), (None, false), "nobody asked for the default");
}

#[test]
fn what_is_no_file_or_too_large_is_refused() {
    let tree = tree(&[("a.prom", "a 1\n")]);
    let dir = tree.path(DIR);
    nix::unistd::mkfifo(&dir.join("fifo.prom"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.join("zero.prom")).unwrap();
    std::os::unix::fs::symlink("/nowhere", dir.join("nowhere.prom")).unwrap();
    std::fs::create_dir(dir.join("folder.prom")).unwrap();
    let large = std::fs::File::create(dir.join("large.prom")).unwrap();
    large.set_len((4 << 20) + 1).unwrap();
    let mut source = tree.open("textfile");
    let page = read(&mut source).unwrap();
    assert!(failed(&page) && value(&page, "a") == Some(1.0));
    let faults = source.faults().join("\n");
    for (name, why) in [
        ("fifo", "no regular file"),
        ("zero", "no regular file"),
        ("folder", "no regular file"),
        ("nowhere", "No such file"),
        ("large", "more than 4 MiB"),
    ] {
        let found = faults.lines().find(|fault| fault.contains(&format!("/{name}.prom: ")));
        assert!(found.is_some_and(|fault| fault.contains(why)), "{name} in {faults}");
    }
}

#[test]
fn all_files_together_are_bounded() {
    let line = format!("a{{x=\"{}\"}} 1\n", "y".repeat(1 << 10));
    let text = line.repeat((1 << 20) / line.len());
    let tree =
        tree(&[("1.prom", &text.replace("a{", "b{")), ("2.prom", "c 1\n"), ("3.prom", &text)]);
    let mut source = tree.open("textfile");
    let mut page = socle_model::metrics::Page::default();
    source.read(&mut page).unwrap();
    assert_eq!(value(page.as_str(), "c"), Some(1.0));
    let faults = source.faults().join("\n");
    let refused = |line: &str| line.contains("3.prom: ") && line.contains("files together");
    assert!(faults.lines().any(refused), "{faults:.500}");
    assert!(faults.contains("1.prom: b: a series that was there before"), "{faults:.500}");
}

#[test]
fn a_small_file_makes_no_large_page() {
    let many_labels: String = (0..1500).map(|n| format!("a{{l{n}=\"x\"}} 1\n")).collect();
    let many_families: String = (0..60_000).map(|n| format!("n{n} 1\n")).collect();
    for text in [many_labels, many_families] {
        let tree = tree(&[("1.prom", &text), ("2.prom", "c 1\n")]);
        let mut source = tree.open("textfile");
        let mut page = socle_model::metrics::Page::default();
        source.read(&mut page).unwrap();
        assert_eq!(value(page.as_str(), "c"), Some(1.0));
        assert!(page.as_str().len() < 2000, "{} bytes", page.as_str().len());
        let faults = source.faults().join("\n");
        assert!(
            faults.contains("1.prom: on the page the files together would have"),
            "{faults:.500}"
        );
    }
}

#[test]
fn two_files_share_a_family_and_quarrel_without_harm() {
    let files = [
        (
            "1.prom",
            "# HELP f One.\n# TYPE f counter\nf{a=\"1\"} 1\nf{a=\"1\"} 2\n# TYPE g gauge\ng 1\n",
        ),
        ("2.prom", "f{a=\"2\"} 3\n"),
        ("3.prom", "# TYPE f counter\nf{a=\"3\"} 4\n# TYPE g gauge\ng 9\ng{b=\"\"} 2\n"),
    ];
    let tree = tree(&files);
    let mut source = tree.open("textfile");
    let page = read(&mut source).unwrap();
    let f = |a: u32| value(&page, &format!("f{{a=\"{a}\"}}"));
    assert_eq!((f(1), f(2), f(3)), (Some(1.0), None, Some(4.0)), "{page}");
    assert_eq!((value(&page, "g"), value(&page, "g{b=\"\"}")), (Some(1.0), Some(9.0)));
    let faults = source.faults().join("\n");
    for why in ["1.prom: f: a series", "2.prom: f: another file has it with another type"] {
        assert!(faults.contains(why), "{faults}");
    }
    assert!(failed(&page) && page.contains("# HELP f One.\n"));
}

#[test]
fn folders_may_be_several_patterns_of_one_tree() {
    let tree = tree(&[]);
    tree.write("srv/app-a/metrics/x.prom", "x 1\n");
    tree.write("srv/app-b/metrics/y.prom", "y 1\n");
    tree.write("srv/other/metrics/z.prom", "z 1\n");
    let settings = |dirs: &[&str]| Settings {
        textfile_dir: dirs.iter().map(|dir| (*dir).to_owned()).collect(),
        ..Settings::default()
    };
    let open = |dirs: &[&str]| common::open("textfile", &tree.root(), &settings(dirs)).unwrap();
    let mut source = open(&["/srv/app-?/metrics/", "/srv/other/metrics", "/srv/other/m*s"]);
    let page = read(&mut source).unwrap();
    assert!(["x", "y", "z"].iter().all(|name| value(&page, name) == Some(1.0)), "{page}");
    assert!(page.contains("file=\"/srv/app-a/metrics/x.prom\"") && !failed(&page));
    tree.write("srv/app-c/metrics/new.prom", "new 1\n");
    assert_eq!(value(&read(&mut source).unwrap(), "new"), Some(1.0), "a folder that came");
    let page = read(&mut open(&["/srv/app-[^a]/metrics"])).unwrap();
    assert!(!page.contains("\nx 1\n") && page.contains("\ny 1\n"));
    // Asked for, and not there.
    for missing in ["/srv/gone", "/srv/gone*"] {
        let mut source = open(&[missing]);
        assert!(failed(&read(&mut source).unwrap()));
        assert!(source.faults()[0].contains(missing));
    }
    assert!(!failed(&read(&mut open(&[""])).unwrap()), "none at all");
    let flag = common::settings(&[("textfile.directory", "/srv/other/metrics")]);
    let page = read(&mut common::open("textfile", &tree.root(), &flag).unwrap()).unwrap();
    assert_eq!((value(&page, "z"), value(&page, "x")), (Some(1.0), None));
}

/// Every family that the sources show in our tree, and in node_exporter's where that is at hand.
fn families() -> BTreeSet<String> {
    let all = common::settings(&[("cpu.info", "true"), ("stat.softirq", "true")]);
    let others = |name: &str| name != "textfile";
    fn names(page: &str) -> impl Iterator<Item = String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let names = lines.filter(|name| name.starts_with("node_") || name.starts_with("socle_"));
        names.map(str::to_owned)
    }
    let mut all: BTreeSet<String> =
        names(&common::page_of(others, &Root::at(common::rack()), &all)).collect();
    if let Some(corpus) = common::corpus() {
        let theirs = std::fs::read_to_string(corpus.join("e2e-output.txt")).unwrap();
        all.extend(names(&theirs).filter(|name| !crate::golden::is_left_out(name)));
    }
    all
}

#[test]
fn a_name_of_another_source_is_left_out_and_said() {
    let names = families();
    assert!(names.len() > 200, "{} names", names.len());
    let text: String = names.iter().map(|name| format!("{name} 1\n")).collect();
    let tree = tree(&[("clash.prom", &text), ("good.prom", "node_custom 1\n")]);
    let mut source = tree.open("textfile");
    let page = read(&mut source).unwrap();
    let faults = source.faults();
    let refused = |name: &&String| {
        faults.iter().any(|fault| fault.contains(&format!(": {name}: a source of this agent")))
    };
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/textfile/taken.txt");
    let missing: Vec<&String> = names.iter().filter(|name| !refused(name)).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !missing.is_empty() {
        let kept = std::fs::read_to_string(&file).unwrap();
        let all: BTreeSet<&str> =
            kept.lines().chain(missing.iter().map(|name| name.as_str())).collect();
        let text: String = all.iter().map(|name| format!("{name}\n")).collect();
        std::fs::write(&file, text).unwrap();
    }
    assert!(missing.is_empty(), "UPDATE_GOLDEN=1 adds {missing:?} to {}", file.display());
    assert!(failed(&page) && value(&page, "node_custom") == Some(1.0));
    // Nothing of the other sources is in this one's page, so the whole page is valid.
    assert_eq!(page.matches("# TYPE ").count(), 3, "{page}");
    let kept = std::fs::read_to_string(file).unwrap();
    let sorted: BTreeSet<&str> = kept.lines().collect();
    assert!(sorted.iter().copied().eq(kept.lines()), "sorted, each once");
    assert!(SOURCES.iter().any(|entry| entry.name == "textfile" && entry.on_by_default));
}

//! The command line of the root half: few words, read by hand.

use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
socle-host [--config FILE] [--root DIR] [--state DIR]   run the root half
socle-host --check [FILE...] [--config FILE] [--root DIR]
                                                        validate its part of the configuration
socle-host --print-default                              print its part with every key commented
socle-host --version
";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) config: Option<PathBuf>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) task: Task,
}

/// The kinds of run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Task {
    #[default]
    Serve,
    Check(Vec<PathBuf>),
    PrintDefault,
    Help,
    Version,
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// What is wrong, for stderr.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Args, String> {
    let mut parsed = Args::default();
    let mut args = args;
    while let Some(arg) = args.next() {
        let word = arg.to_string_lossy().into_owned();
        let (word, mut inline) = match word.split_once('=') {
            Some((word, value)) if word.starts_with("--") => {
                (word.to_owned(), Some(OsString::from(value)))
            }
            _ => (word, None),
        };
        let mut value = |slot: &mut Option<PathBuf>| {
            let given = inline.take().or_else(|| args.next());
            let given = given.ok_or(format!("{word} wants a value"))?;
            if slot.replace(given.into()).is_some() {
                return Err(format!("{word} is given twice"));
            }
            Ok(())
        };
        match word.as_str() {
            "--config" => value(&mut parsed.config)?,
            "--root" => value(&mut parsed.root)?,
            "--state" => value(&mut parsed.state)?,
            "--check" => parsed.task = Task::Check(Vec::new()),
            "--print-default" => parsed.task = Task::PrintDefault,
            "--help" | "-h" => parsed.task = Task::Help,
            "--version" | "-V" => parsed.task = Task::Version,
            other => match &mut parsed.task {
                Task::Check(files) if !other.starts_with('-') => files.push(arg.into()),
                _ => return Err(format!("{other}: not understood\n{USAGE}")),
            },
        }
        if inline.is_some() {
            return Err(format!("{word} takes no value"));
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Args, String> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn words_are_understood_in_both_spellings() {
        let args = read(&["--config", "a", "--root=b", "--state=c=d"]).unwrap();
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!((args.config, args.root, args.state), (path("a"), path("b"), path("c=d")));
        let files = vec!["x".into(), "y".into()];
        assert_eq!(read(&["--check", "x", "y"]).unwrap().task, Task::Check(files));
    }

    #[test]
    fn mistakes_are_named() {
        for wrong in [
            &["--config"][..],
            &["--root", "a", "--root", "b"],
            &["x"],
            &["--check=x"],
            &["--nope"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}

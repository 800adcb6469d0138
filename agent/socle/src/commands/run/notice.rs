//! What `socle run` says once about this host's BMC, from the agent's own first words on it.

use crate::agent::say;
use crate::client;
use socle_model::bmc::SourceState;
use socle_model::documents::{SourceLine, StatusDocument};
use std::path::PathBuf;
use std::time::Duration;

/// How often the agent is asked, and how often at most.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: usize = 150;

/// Waits until the agent knows whether there is a BMC; says so when there is none, or when it cannot
/// be read. A BMC that answers needs no words.
pub(super) async fn tell(door: PathBuf) {
    for _ in 0..TRIES {
        tokio::time::sleep(PAUSE).await;
        let Ok((status, body)) = client::door(&door, "/v1/status").await else { continue };
        if !status.is_success() {
            continue;
        }
        let Ok(document) = serde_json::from_str::<StatusDocument>(&body) else { return };
        match verdict(&document.sources) {
            Known::NotYet => {}
            Known::Answers => return,
            Known::Said(text) => {
                say(&text);
                return;
            }
        }
    }
}

enum Known {
    NotYet,
    Answers,
    Said(String),
}

fn verdict(sources: &[SourceLine]) -> Known {
    let find = |name: &str| sources.iter().find(|source| source.name == name);
    // What is said of the BMC while the root half is not heard is about the link.
    if find("link").is_none_or(|link| link.state != SourceState::Ok) {
        return Known::NotYet;
    }
    match find("ipmi") {
        None => Known::NotYet,
        Some(ipmi) => match (ipmi.state, &ipmi.error) {
            (SourceState::Ok, _) => Known::Answers,
            (SourceState::Absent, _) => {
                Known::Said("this host announces no BMC: what the kernel knows is reported".into())
            }
            (SourceState::Failing, Some(error)) => {
                Known::Said(format!("the BMC is not read: {error}"))
            }
            (SourceState::Failing, None) => Known::NotYet,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, state: SourceState, error: Option<&str>) -> SourceLine {
        SourceLine { name: name.into(), state, age_s: None, error: error.map(Into::into) }
    }

    #[test]
    fn nothing_is_said_before_the_root_half_has_looked() {
        use SourceState::{Absent, Failing, Ok};
        let link = source("link", Ok, None);
        let of = |ipmi: SourceLine| verdict(&[link.clone(), ipmi]);
        assert!(matches!(verdict(&[source("link", Failing, None)]), Known::NotYet));
        assert!(matches!(verdict(std::slice::from_ref(&link)), Known::NotYet));
        assert!(matches!(of(source("ipmi", Ok, None)), Known::Answers));
        assert!(
            matches!(of(source("ipmi", Absent, None)), Known::Said(text) if text.contains("no BMC"))
        );
        let failing = of(source("ipmi", Failing, Some("modprobe ipmi_devintf")));
        assert!(matches!(failing, Known::Said(text) if text.contains("modprobe")));
    }
}

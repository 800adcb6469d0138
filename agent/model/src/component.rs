//! Stable paths of the machine's parts: `module/2/cpu/1/dimm/B4`, `psu/0`, `bmc`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A part's place in the component tree: segments of letters, digits, `.`, `_`, `-`, `:`, `+`
/// joined by `/`. The root of the tree is the empty path and stands for the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "String", into = "String")]
pub struct ComponentPath(String);

/// Why a text is no component path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no component path: segments of letters, digits and . _ - : + joined by /")]
pub struct BadPath(String);

impl ComponentPath {
    /// The host itself.
    #[must_use]
    pub const fn root() -> Self {
        ComponentPath(String::new())
    }

    /// The path of a child. What does not fit the grammar in `segment` becomes `_`, so a name that
    /// comes from a BMC can be used as it is; an empty segment becomes `_` too.
    #[must_use]
    pub fn join(&self, segment: &str) -> Self {
        let mut text = self.0.clone();
        if !text.is_empty() {
            text.push('/');
        }
        if segment.is_empty() {
            text.push('_');
        }
        text.extend(segment.chars().map(|c| if fits(c) { c } else { '_' }));
        ComponentPath(text)
    }

    /// The path one level up; `None` for the host.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        Some(self.0.rsplit_once('/').map_or_else(Self::root, |(up, _)| ComponentPath(up.into())))
    }

    /// The path as text; empty for the host.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments from the root down.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// Whether `self` is `other` or lies above it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.0.is_empty()
            || other
                .0
                .strip_prefix(&self.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn fits(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '+')
}

impl TryFrom<String> for ComponentPath {
    type Error = BadPath;

    fn try_from(text: String) -> Result<Self, BadPath> {
        let good = text.is_empty()
            || text.split('/').all(|segment| !segment.is_empty() && segment.chars().all(fits));
        if good { Ok(ComponentPath(text)) } else { Err(BadPath(text)) }
    }
}

impl From<ComponentPath> for String {
    fn from(path: ComponentPath) -> String {
        path.0
    }
}

impl std::str::FromStr for ComponentPath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for ComponentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ComponentPath;

    #[test]
    fn hostile_names_become_segments() {
        let path = ComponentPath::root().join("fan").join("a/b\n\"é");
        assert_eq!(path.as_str(), "fan/a_b___");
        assert_eq!(path.parent().unwrap().as_str(), "fan");
        assert!("fan//x".parse::<ComponentPath>().is_err());
        assert!(ComponentPath::root().join("fan").holds(&path));
        assert!(!ComponentPath::root().join("fa").holds(&path));
    }
}

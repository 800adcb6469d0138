//! One statement about one component by one source; the tree is made of them.

use socle_model::{ComponentPath, Status};

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// The part.
    pub(crate) path: ComponentPath,
    /// The part's own name, where the source gives one.
    pub(crate) name: Option<String>,
    /// The verdict; `None` says the part is there and nothing more.
    pub(crate) status: Status,
    /// Why, when not ok.
    pub(crate) cause: Option<String>,
    /// What to do.
    pub(crate) remedy: Option<String>,
    /// `ipmi`, `kernel`, `nvme` or `agent`.
    pub(crate) source: &'static str,
}

impl Finding {
    /// The part is fine.
    pub(crate) fn ok(path: ComponentPath, source: &'static str) -> Self {
        Finding { path, name: None, status: Status::Ok, cause: None, remedy: None, source }
    }

    /// The part is not fine.
    pub(crate) fn bad(
        path: ComponentPath,
        source: &'static str,
        status: Status,
        cause: impl Into<String>,
    ) -> Self {
        Finding { path, name: None, status, cause: Some(cause.into()), remedy: None, source }
    }

    /// With the part's own name.
    pub(crate) fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With what to do.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

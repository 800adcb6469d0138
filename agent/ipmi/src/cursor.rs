//! The only way to take bytes from a message: each step says how many it wants and fails when short.

/// Fewer bytes than the layout needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {wanted} bytes wanted at offset {at}, {left} left")]
pub struct Short {
    /// The field.
    pub what: &'static str,
    /// Offset in the message.
    pub at: usize,
    /// Bytes the field needs.
    pub wanted: usize,
    /// Bytes that remain.
    pub left: usize,
}

/// A read position in a message.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes, at: 0 }
    }

    /// The next `wanted` bytes.
    ///
    /// # Errors
    /// [`Short`] when fewer remain.
    pub fn take(&mut self, wanted: usize, what: &'static str) -> Result<&'a [u8], Short> {
        let Some((taken, rest)) = self.rest.split_at_checked(wanted) else {
            return Err(Short { what, at: self.at, wanted, left: self.rest.len() });
        };
        self.rest = rest;
        self.at += wanted;
        Ok(taken)
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`Short`] at the end.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Short> {
        Ok(self.take(1, what)?.first().copied().unwrap_or_default())
    }

    /// The next two bytes, least significant first.
    ///
    /// # Errors
    /// [`Short`] when fewer remain.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, Short> {
        let bytes = self.take(2, what)?;
        Ok(bytes.try_into().map(u16::from_le_bytes).unwrap_or_default())
    }

    /// The next four bytes, least significant first.
    ///
    /// # Errors
    /// [`Short`] when fewer remain.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Short> {
        let bytes = self.take(4, what)?;
        Ok(bytes.try_into().map(u32::from_le_bytes).unwrap_or_default())
    }

    /// What remains.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

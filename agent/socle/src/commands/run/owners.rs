//! Users and groups of the package as /etc/passwd and /etc/group list them. The files are read here
//! because the C library's name service is not called anywhere in this project.

use std::fs;

/// Numbers of the package's users and groups, where they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owners {
    /// User `socle-gate` with its group: the network half runs as it.
    pub(crate) gate: Option<(u32, u32)>,
    /// Group `socle-admin`: may change.
    pub(crate) admins: Option<u32>,
    /// Group `socle`: may read.
    pub(crate) readers: Option<u32>,
}

/// Those of this host.
pub(crate) fn read() -> Owners {
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    parse(&text("/etc/passwd"), &text("/etc/group"))
}

fn parse(passwd: &str, group: &str) -> Owners {
    let number = |text: &str, name: &str, field: usize| {
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(field)?.parse::<u32>().ok()
    };
    Owners {
        gate: number(passwd, "socle-gate", 2).zip(number(passwd, "socle-gate", 3)),
        admins: number(group, "socle-admin", 2),
        readers: number(group, "socle", 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole() {
        let passwd = "root:x:0:0::/:/bin/sh\nsocle-gate2:x:7:7::/:\nsocle-gate:x:990:980::/:\n";
        let group = "socle-admin:x:970:\nsocle:x:971:a,b\nbroken\n";
        let owners = parse(passwd, group);
        assert_eq!(owners.gate, Some((990, 980)));
        assert_eq!((owners.admins, owners.readers), (Some(970), Some(971)));
        assert_eq!(parse("", "socle:x:many:"), Owners::default());
    }
}

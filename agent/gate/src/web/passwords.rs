//! Basic authentication: bcrypt off the thread that serves, one at a time; its results kept, so that a
//! scraper pays once. A flood of wrong passwords waits in line for itself: each peer has two places.

use aws_lc_rs::{hmac, rand};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Results that are kept of each kind.
const KEPT: usize = 100;
/// Checks of one peer that wait or run; one more is sent away.
const PLACES: usize = 2;
/// The same of all peers together.
const LINE: usize = 32;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// A user with the right password.
    Good,
    /// No user, no password, or a wrong one.
    Wrong,
    /// Too many checks wait already.
    Busy,
}

/// The users of a `web.yml`.
#[derive(Debug, Default)]
pub(crate) struct Users {
    hashes: BTreeMap<String, String>,
    /// The dearest of the hashes: what an unknown user's password is compared with, so that the time
    /// it takes tells nothing.
    stand_in: String,
}

impl Users {
    /// These users with their bcrypt hashes.
    pub(crate) fn new(hashes: BTreeMap<String, String>) -> Self {
        let cost = |hash: &&String| hash.parse::<bcrypt::HashParts>().map_or(0, |it| it.get_cost());
        let stand_in = hashes.values().max_by_key(cost).cloned().unwrap_or_default();
        Users { hashes, stand_in }
    }

    /// Whether there is none: then nobody is asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// A keyed digest of user, hash and password: no password stays in memory.
type Seen = [u8; 32];

/// A set that forgets the oldest.
#[derive(Debug, Default)]
struct Recent {
    set: HashSet<Seen>,
    order: VecDeque<Seen>,
}

impl Recent {
    fn add(&mut self, seen: Seen) {
        if self.set.insert(seen) {
            self.order.push_back(seen);
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }
}

#[derive(Debug, Default)]
struct Known {
    // Apart: wrong ones cannot push right ones out.
    good: Recent,
    wrong: Recent,
    waiting: HashMap<IpAddr, usize>,
}

impl Known {
    fn find(&self, seen: &Seen) -> Option<Checked> {
        if self.good.set.contains(seen) {
            return Some(Checked::Good);
        }
        self.wrong.set.contains(seen).then_some(Checked::Wrong)
    }
}

/// Checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    key: hmac::Key,
    known: Mutex<Known>,
    turn: Semaphore,
}

/// A place in the line, given back when dropped: the client may go away while it waits.
struct Waiting<'a>(&'a Passwords, IpAddr);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.with(|known| {
            if let Some(count) = known.waiting.get_mut(&self.1) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    known.waiting.remove(&self.1);
                }
            }
        });
    }
}

impl Passwords {
    /// With a key of this process.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
            .map_err(|_| anyhow::anyhow!("no random bytes for the key of the password cache"))?;
        Ok(Passwords { key, known: Mutex::default(), turn: Semaphore::new(1) })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn digest(&self, parts: [&[u8]; 3]) -> Seen {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        // SHA-256 has 32 bytes.
        context.sign().as_ref().try_into().unwrap_or_default()
    }

    /// Checks what a request's headers say.
    pub(crate) async fn check(&self, users: &Users, headers: &HeaderMap, peer: IpAddr) -> Checked {
        let Some((user, password)) = credentials(headers) else { return Checked::Wrong };
        let (hash, known) = match users.hashes.get(&user) {
            Some(hash) => (hash, true),
            None => (&users.stand_in, false),
        };
        let seen = self.digest([user.as_bytes(), hash.as_bytes(), &password]);
        if let Some(found) = self.with(|kept| kept.find(&seen)) {
            return found;
        }
        let Some(_waiting) = self.enter(peer) else { return Checked::Busy };
        // Never closed.
        let Ok(_turn) = self.turn.acquire().await else { return Checked::Busy };
        if let Some(found) = self.with(|kept| kept.find(&seen)) {
            return found;
        }
        let hash = Arc::new(hash.clone());
        let work = move || bcrypt::verify(&password, &hash).unwrap_or(false);
        let right = tokio::task::spawn_blocking(work).await.unwrap_or(false) && known;
        self.with(|kept| if right { kept.good.add(seen) } else { kept.wrong.add(seen) });
        if right { Checked::Good } else { Checked::Wrong }
    }

    fn enter(&self, peer: IpAddr) -> Option<Waiting<'_>> {
        let peer = neighbourhood(peer);
        self.with(|known| {
            let all: usize = known.waiting.values().sum();
            let own = known.waiting.get(&peer).copied().unwrap_or_default();
            if own >= PLACES || all >= LINE {
                return None;
            }
            known.waiting.insert(peer, own + 1);
            Some(())
        })?;
        Some(Waiting(self, peer))
    }
}

/// Whom a peer shares its places with: in IPv6 one has a whole network of addresses.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(network.into())
        }
    }
}

/// User and password of the header `Authorization` (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at_checked(colon)?;
    let user = String::from_utf8(user.to_vec()).ok()?;
    Some((user, password.get(1..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(text));
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    fn users(cost: u32) -> Users {
        let hash = bcrypt::hash_with_salt("right", cost, [7; 16]).unwrap().to_string();
        Users::new([("alice".to_owned(), hash)].into())
    }

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn right_wrong_and_unknown() {
        let (passwords, users) = (Passwords::new().unwrap(), users(4));
        for _ in 0..2 {
            for (text, expected) in [
                ("alice:right", Checked::Good),
                ("alice:wrong", Checked::Wrong),
                ("alice:right:", Checked::Wrong),
                ("bob:right", Checked::Wrong),
                ("alice", Checked::Wrong),
                (":", Checked::Wrong),
            ] {
                assert_eq!(passwords.check(&users, &header(text), PEER).await, expected, "{text}");
            }
        }
        assert_eq!(passwords.check(&users, &HeaderMap::new(), PEER).await, Checked::Wrong);
        let mut bearer = header("alice:right");
        bearer.insert(header::AUTHORIZATION, "Bearer YWxpY2U6cmlnaHQ=".parse().unwrap());
        assert_eq!(passwords.check(&users, &bearer, PEER).await, Checked::Wrong);
        assert!(passwords.with(|known| known.waiting.is_empty()), "places are given back");
        let changed =
            Users::new([("alice".to_owned(), users.stand_in.replace("$2b", "$2y"))].into());
        assert_eq!(passwords.check(&changed, &header("alice:right"), PEER).await, Checked::Good);
    }

    #[tokio::test]
    async fn wrong_ones_push_no_right_one_out() {
        let (passwords, users) = (Passwords::new().unwrap(), users(4));
        assert_eq!(passwords.check(&users, &header("alice:right"), PEER).await, Checked::Good);
        for n in 0..KEPT + 20 {
            let answer = passwords.check(&users, &header(&format!("alice:{n}")), PEER).await;
            assert_eq!(answer, Checked::Wrong);
        }
        passwords.with(|known| {
            assert_eq!((known.good.set.len(), known.wrong.set.len()), (1, KEPT));
            assert_eq!(known.wrong.order.len(), KEPT);
        });
    }

    #[tokio::test]
    async fn a_peer_that_floods_waits_for_itself() {
        let (passwords, users) = (Passwords::new().unwrap(), users(4));
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        let places: Vec<_> =
            (0..PLACES).map(|_| passwords.enter(v6("2001:db8::1")).unwrap()).collect();
        let flood = header("alice:other");
        let near = passwords.check(&users, &flood, v6("2001:db8::2")).await;
        assert_eq!(near, Checked::Busy, "of the same network");
        let far = passwords.check(&users, &header("alice:right"), v6("2001:db8:0:1::2")).await;
        assert_eq!(far, Checked::Good);
        assert_eq!(
            passwords.check(&users, &header("alice:right"), v6("2001:db8::2")).await,
            Checked::Good,
            "kept"
        );
        drop(places);
        assert_eq!(passwords.check(&users, &flood, v6("2001:db8::2")).await, Checked::Wrong);
    }
}

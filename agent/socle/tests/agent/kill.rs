//! Either half may be killed at any time: the other goes on, and both are back.

use crate::common::{Agent, kill, until};
use nix::sys::signal::Signal::SIGKILL;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a half is killed.
const KILLS: usize = 5;

/// What came of the scrapes of one loop.
#[derive(Debug, Default)]
struct Scrapes {
    good: usize,
    refused: usize,
    lost: usize,
}

fn scrape(agent: &Agent, stop: &AtomicBool) -> Scrapes {
    let mut scrapes = Scrapes::default();
    while !stop.load(Ordering::Relaxed) {
        match agent.get("/metrics") {
            Ok((200, body)) if body.contains("node_load1 0.25") => scrapes.good += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => scrapes.refused += 1,
            Ok(_) | Err(_) => scrapes.lost += 1,
        }
    }
    scrapes
}

fn killed_under_load(half: &str) -> Scrapes {
    let agent = Agent::start(None);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scraper = scope.spawn(|| scrape(&agent, &stop));
        for _ in 0..KILLS {
            let before = agent.half(half).unwrap();
            let other = if half == "socle-host" { "socle-gate" } else { "socle-host" };
            let beside = agent.half(other).unwrap();
            kill(before, SIGKILL);
            until("the half is back", || agent.half(half).is_some_and(|now| now != before));
            agent.ready();
            until("the link is up again", || {
                agent.door("/v1/doctor").is_ok_and(|(_, body)| body.contains("socle-host 0"))
            });
            assert_eq!(agent.half(other), Some(beside), "the other half was not touched");
        }
        stop.store(true, Ordering::Relaxed);
        scraper.join().unwrap()
    })
}

#[test]
fn a_killed_host_costs_no_scrape() {
    let scrapes = killed_under_load("socle-host");
    assert!(scrapes.good > KILLS && scrapes.refused == 0 && scrapes.lost == 0, "{scrapes:?}");
}

#[test]
fn a_killed_gate_refuses_nobody_and_loses_at_most_the_scrape_in_flight() {
    let scrapes = killed_under_load("socle-gate");
    assert!(scrapes.good > KILLS && scrapes.refused == 0 && scrapes.lost <= KILLS, "{scrapes:?}");
}

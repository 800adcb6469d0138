//! The order and the pace, with a clock that the tests turn.

use super::*;

#[test]
fn a_sweep_asks_everything_once_and_then_rests() {
    let mut sweep = Sweep::new(3, 1000, 0.5, 0);
    let mut now = 0;
    for n in 0..3 {
        assert_eq!(sweep.next(now), Due::Sensor(n));
        now += 10;
        sweep.done(Outcome::Answered, 10, now);
        assert_eq!(sweep.next(now), Due::Wait { until_ms: now + 10 });
        now += 10;
    }
    assert_eq!(sweep.next(now), Due::Summary);
    sweep.done(Outcome::Answered, 0, now);
    assert_eq!(sweep.next(now), Due::Swept { began_ms: 0 });
    assert_eq!(sweep.next(now), Due::Wait { until_ms: 1000 });
    assert_eq!(sweep.next(1000), Due::Sensor(0));
}

#[test]
fn a_refused_sensor_is_asked_rarely() {
    let mut sweep = Sweep::new(1, 1000, 1.0, 0);
    let mut asked = 0;
    for round in 0..42u64 {
        let now = round * 1000;
        if sweep.next(now) == Due::Log {
            sweep.done(Outcome::Answered, 0, now);
        }
        if sweep.next(now) == Due::Sensor(0) {
            asked += 1;
            sweep.done(Outcome::Refused, 1, now);
        }
        assert_eq!(sweep.next(now), Due::Summary);
        sweep.done(Outcome::Answered, 0, now);
        assert!(matches!(sweep.next(now), Due::Swept { .. }));
    }
    assert_eq!(asked, 2);
}

#[test]
fn a_sensor_that_alone_is_silent_is_asked_rarely_and_the_others_are_not() {
    let mut sweep = Sweep::new(3, 1000, 1.0, 0);
    let (mut now, mut asked) = (0, [0; 3]);
    while asked[0] < 10 {
        match sweep.next(now) {
            Due::Wait { until_ms } => now = until_ms,
            Due::Swept { .. } => {}
            Due::Log | Due::Summary => sweep.done(Outcome::Answered, 0, now),
            Due::Sensor(n) => {
                asked[n] += 1;
                let outcome = if n == 1 { Outcome::Silent } else { Outcome::Answered };
                sweep.done(outcome, 0, now);
            }
        }
    }
    assert_eq!((asked[1], asked[2]), (3, 9));
}

#[test]
fn a_silent_bmc_that_comes_back_is_asked_everything_at_once() {
    let mut sweep = Sweep::new(50, 1000, 1.0, 0);
    let (mut now, mut answers, mut swept) = (0, 0, 0);
    while swept < 12 {
        match sweep.next(now) {
            Due::Wait { until_ms } => now = until_ms,
            Due::Swept { .. } => {
                swept += 1;
                assert!(swept <= 10 || answers == 50, "sweep {swept}: {answers}");
                answers = 0;
            }
            _ if swept < 10 => sweep.done(Outcome::Silent, 0, now),
            Due::Log | Due::Summary => sweep.done(Outcome::Answered, 0, now),
            Due::Sensor(_) => {
                answers += 1;
                sweep.done(Outcome::Answered, 0, now);
            }
        }
    }
}

#[test]
fn a_silent_bus_rests_longer_and_longer() {
    let mut sweep = Sweep::new(100, 1000, 1.0, 0);
    let (mut now, mut rests) = (0, Vec::new());
    for _ in 0..9 {
        assert!(matches!(sweep.next(now), Due::Sensor(_)));
        sweep.done(Outcome::Silent, 5000, now);
        let Due::Wait { until_ms } = sweep.next(now) else { panic!("no rest") };
        rests.push((until_ms - now) / 1000);
        now = until_ms;
    }
    assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

/// Commands of `took_ms` until `now`; what was due, without pauses.
fn run(sweep: &mut Sweep, now: &mut u64, until: u64, took_ms: u64) -> Vec<Due> {
    let mut due = Vec::new();
    while *now < until {
        match sweep.next(*now) {
            Due::Wait { until_ms } => *now = until_ms.min(until),
            swept @ Due::Swept { .. } => due.push(swept),
            other => {
                due.push(other);
                *now += took_ms;
                sweep.done(Outcome::Answered, took_ms, *now);
            }
        }
    }
    due
}

#[test]
fn a_sensor_that_an_event_names_is_asked_at_once_and_once() {
    // 220 sensors of 10 ms at a fifth of the bus: a sweep takes 11 s.
    let (mut sweep, mut now) = (Sweep::new(220, 1000, 0.2, 0), 0);
    run(&mut sweep, &mut now, 1_000, 10);
    sweep.hurry(200);
    sweep.hurry(200);
    sweep.hurry(999);
    let began = now;
    while sweep.next(now) != Due::Sensor(200) {
        assert!(matches!(sweep.next(now), Due::Wait { .. }) && now < began + 100);
        now += 10;
    }
    sweep.done(Outcome::Answered, 10, now);
    let rest = run(&mut sweep, &mut now, 12_000, 10);
    let asked = |n| rest.iter().filter(|due| **due == Due::Sensor(n)).count();
    assert_eq!((asked(200), asked(219)), (1, 1), "the sweep goes on where it was");
    // Between two sweeps it does not wait for the next one.
    let mut sweep = Sweep::new(3, 30_000, 1.0, 0);
    now = 0;
    run(&mut sweep, &mut now, 5_000, 1);
    sweep.hurry(1);
    assert_eq!(sweep.next(now), Due::Sensor(1));
}

#[test]
fn a_storm_of_events_leaves_half_of_the_bus_to_the_sweep() {
    let (mut sweep, mut now) = (Sweep::new(200, 1000, 1.0, 0), 0);
    let mut due = Vec::new();
    while !due.iter().any(|due| matches!(due, Due::Swept { .. })) {
        (0..200).for_each(|n| sweep.hurry(n));
        assert!(sweep.hurried.len() <= HURRIED && now < 5_000, "{now}");
        let until = now + 10;
        due.extend(run(&mut sweep, &mut now, until, 10));
    }
    let sensors = due.iter().filter(|due| matches!(due, Due::Sensor(_))).count();
    assert!((390..=405).contains(&sensors), "{sensors}");
}

#[test]
fn the_log_is_looked_at_each_second_and_seldomer_where_that_is_dear() {
    let looks = |took_ms, bus_share| {
        let (mut sweep, mut now) = (Sweep::new(50, 3_600_000, bus_share, 0), 0);
        run(&mut sweep, &mut now, 500_000, took_ms);
        let due = run(&mut sweep, &mut now, 600_000, took_ms);
        due.iter().filter(|due| **due == Due::Log).count()
    };
    assert!((98..=100).contains(&looks(5, 0.2)), "{}", looks(5, 0.2));
    assert!((3..=5).contains(&looks(500, 0.2)), "{}", looks(500, 0.2));
    // While a sweep is under way, too.
    let (mut sweep, mut now) = (Sweep::new(220, 1000, 0.2, 0), 0);
    let due = run(&mut sweep, &mut now, 30_000, 10);
    assert!(due.iter().filter(|due| **due == Due::Log).count() >= 15, "{due:?}");
}

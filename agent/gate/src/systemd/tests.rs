//! The collector against a bus made here: sound, refusing, silent, hostile.

use super::wire::tests::{align, reply, text};
use super::wire::{FIXED, Message, Reader, total};
use super::{Failure, Paced, start};
use crate::reader::Readable as _;
use socle_kernel::Settings;
use socle_model::metrics::Page;
use socle_model::metrics::parse::parse;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// What a bus answers to a member with these arguments.
type Answer = fn(u32, &str, &[String]) -> Vec<u8>;

/// A root folder with a bus in it.
fn bus(answer: Answer) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run/dbus");
    std::fs::create_dir_all(&folder).unwrap();
    let listener = UnixListener::bind(folder.join("system_bus_socket")).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream, answer));
        }
    });
    dir
}

/// Until the peer hangs up.
fn serve(mut stream: UnixStream, answer: Answer) -> Option<()> {
    let mut from = BufReader::new(stream.try_clone().ok()?);
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).ok()?;
    assert_eq!(line, b"\0AUTH EXTERNAL\r\n");
    stream.write_all(b"DATA\r\nOK 0123456789abcdef\r\n").ok()?;
    for expected in ["DATA\r\n", "BEGIN\r\n"] {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        assert_eq!(line, expected);
    }
    // A signal that nobody asked for comes first, as it does.
    let mut signal = reply(0, "s", b"\x01\0\0\0x\0");
    signal[1] = 4;
    stream.write_all(&signal).ok()?;
    loop {
        let mut fixed = [0; FIXED];
        from.read_exact(&mut fixed).ok()?;
        let mut bytes = fixed.to_vec();
        bytes.resize(total(&fixed).unwrap(), 0);
        from.read_exact(&mut bytes[FIXED..]).ok()?;
        let serial = u32::from_le_bytes(fixed[8..12].try_into().unwrap());
        let call = Message::parse(&bytes).unwrap();
        let mut reader = Reader::new(&call.body);
        let arguments: Vec<_> = call.signature.chars().map(|_| reader.string().unwrap()).collect();
        let member = ["Hello", "ListUnits", "Get"].into_iter();
        let member = member.max_by_key(|name| find(&bytes, name)).unwrap();
        stream.write_all(&answer(serial, member, &arguments)).ok()?;
    }
}

fn find(bytes: &[u8], name: &str) -> bool {
    bytes.windows(name.len()).any(|window| window == name.as_bytes())
}

const UNITS: [(&str, &str, &str); 6] = [
    ("a.service", "loaded", "active"),
    ("gone.service", "not-found", "inactive"),
    ("b.timer", "loaded", "inactive"),
    ("c.socket", "loaded", "failed"),
    ("d.mount", "loaded", "active"),
    ("odd\" x.service", "loaded", "reloading"),
];

fn sound(serial: u32, member: &str, arguments: &[String]) -> Vec<u8> {
    match member {
        "Hello" => reply(serial, "s", b"\x04\0\0\0:1.2\0"),
        "ListUnits" => {
            let mut units = Vec::new();
            for (name, load, active) in UNITS {
                align(&mut units);
                let words = [name, "words", load, active, "sub", "", &format!("/unit/{name}")];
                words.iter().for_each(|word| text(&mut units, word));
                align_4(&mut units);
                units.extend(0u32.to_le_bytes());
                ["", "/"].iter().for_each(|word| text(&mut units, word));
            }
            let mut body = u32::try_from(units.len()).unwrap().to_le_bytes().to_vec();
            body.extend([0; 4]);
            body.extend(units);
            reply(serial, "a(ssssssouso)", &body)
        }
        _ => match arguments[1].as_str() {
            "Version" => string(serial, "252.39-1~deb12u1"),
            "SystemState" => string(serial, "running"),
            "Virtualization" => string(serial, ""),
            "Type" => string(serial, "notify"),
            "NAccepted" => number(serial, b'u', 3),
            "NConnections" => number(serial, b'u', 2),
            "NRestarts" => number(serial, b'u', 4),
            "LastTriggerUSec" => number(serial, b't', 1_500_000),
            "ActiveEnterTimestamp" => number(serial, b't', 2_500_000),
            "TasksCurrent" => number(serial, b't', 5),
            "TasksMax" => number(serial, b't', u64::MAX),
            _ => refusal(serial),
        },
    }
}

fn align_4(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

fn string(serial: u32, value: &str) -> Vec<u8> {
    let mut body = b"\x01s\0\0".to_vec();
    text(&mut body, value);
    reply(serial, "v", &body)
}

fn number(serial: u32, kind: u8, value: u64) -> Vec<u8> {
    let mut body = vec![1, kind, 0];
    if kind == b'u' {
        align_4(&mut body);
        body.extend(u32::try_from(value).unwrap().to_le_bytes());
    } else {
        align(&mut body);
        body.extend(value.to_le_bytes());
    }
    reply(serial, "v", &body)
}

fn refusal(serial: u32) -> Vec<u8> {
    let mut message = reply(serial, "s", b"\x02\0\0\0no\0");
    message[1] = 3;
    message
}

fn settings(flags: &[(&str, &str)]) -> Settings {
    let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Settings::new(flags.collect::<BTreeMap<_, _>>()).unwrap()
}

fn read(source: &mut Paced) -> Result<String, Failure> {
    let mut page = Page::default();
    source.read(&mut page)?;
    Ok(page.as_str().to_owned())
}

/// What the source says once it says anything else than that it has not been answered.
fn settled(source: &mut Paced) -> Result<String, Failure> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match read(source) {
            Err(Failure::Failed(why)) if why.contains("not answered yet") => {
                assert!(Instant::now() < end, "{why}");
            }
            other => return other,
        }
    }
}

#[test]
fn every_family_is_node_exporters() {
    let dir = bus(sound);
    let all = settings(&[
        ("systemd.enable-restarts-metrics", "true"),
        ("systemd.enable-start-time-metrics", "true"),
        ("systemd.enable-task-metrics", "true"),
        ("systemd.unit-exclude", r".+\.(device|slice)"),
    ]);
    let page = settled(&mut start(dir.path(), &all).unwrap()).unwrap();
    for line in [
        "node_systemd_version{version=\"252.39-1~deb12u1\"} 252.39",
        "node_systemd_virtualization_info{virtualization_type=\"none\"} 1",
        "node_systemd_units{state=\"active\"} 2",
        "node_systemd_units{state=\"activating\"} 0",
        "node_systemd_units{state=\"reloading\"} 1",
        "node_systemd_unit_state{name=\"a.service\",state=\"active\",type=\"notify\"} 1",
        "node_systemd_unit_state{name=\"a.service\",state=\"failed\",type=\"notify\"} 0",
        "node_systemd_unit_state{name=\"c.socket\",state=\"failed\",type=\"\"} 1",
        "node_systemd_unit_state{name=\"d.mount\",state=\"active\",type=\"notify\"} 1",
        "node_systemd_unit_state{name=\"odd\\\" x.service\",state=\"active\",type=\"notify\"} 0",
        "node_systemd_service_restart_total{name=\"a.service\"} 4",
        "node_systemd_unit_tasks_current{name=\"a.service\"} 5",
        "node_systemd_unit_start_time_seconds{name=\"a.service\"} 2.5",
        "node_systemd_unit_start_time_seconds{name=\"c.socket\"} 0",
        "node_systemd_timer_last_trigger_seconds{name=\"b.timer\"} 1.5",
        "node_systemd_socket_accepted_connections_total{name=\"c.socket\"} 3",
        "node_systemd_socket_current_connections{name=\"c.socket\"} 2",
        "node_systemd_system_running 1",
        "# TYPE node_systemd_socket_accepted_connections_total counter",
        "# TYPE node_systemd_units gauge",
    ] {
        assert!(page.lines().any(|one| one == line), "{line} in\n{page}");
    }
    let parsed = parse(&page).unwrap();
    assert_eq!(parsed.series().len(), parsed.samples.len());
    assert!(!page.contains("gone.service"), "a unit that is not loaded");
    // What systemd does not limit, or does not know, is no sample.
    assert!(!page.contains("unit_tasks_max") && !page.contains("refused_connections"));
}

#[test]
fn flags_choose_units_by_their_whole_names() {
    let dir = bus(sound);
    let page = settled(&mut start(dir.path(), &settings(&[])).unwrap()).unwrap();
    assert!(page.contains("b.timer") && !page.contains("d.mount"), "{page}");
    assert!(!page.contains("restart_total") && !page.contains("start_time"));
    let some = settings(&[("systemd.unit-include", "a|c.socke")]);
    let page = settled(&mut start(dir.path(), &some).unwrap()).unwrap();
    assert!(!page.contains("unit_state{"), "{page}");
}

#[test]
fn a_bus_that_hangs_delays_no_scrape() {
    let dir = bus(|_, _, _| Vec::new());
    let mut source = start(dir.path(), &settings(&[])).unwrap();
    let began = Instant::now();
    assert!(matches!(read(&mut source), Err(Failure::Failed(_))));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let began = Instant::now();
    let Err(Failure::Failed(why)) = settled(&mut source) else { unreachable!() };
    assert!(why.contains("timed out"), "{why}");
    let took = began.elapsed();
    assert!((3..8).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn refusals_and_nonsense_are_failures_and_no_bus_is_no_data() {
    let nothing = tempfile::tempdir().unwrap();
    let mut source = start(nothing.path(), &settings(&[])).unwrap();
    assert!(matches!(settled(&mut source), Err(Failure::Absent(_))));
    for (answer, words) in [
        ((|serial, _, _| refusal(serial)) as Answer, "Hello: an error: no"),
        (|_, _, _| vec![0xFF; 64], "no D-Bus message"),
        (|serial, _, _| reply(serial, "s", b"")[..20].repeat(9), "D-Bus"),
        (
            |serial, member, _| match member {
                "Hello" => reply(serial, "s", b""),
                _ => reply(serial, "a(ssssssouso)", &[0xFF; 64]),
            },
            "D-Bus message ends early",
        ),
        (
            // Without its state the collector fails, as the original does.
            |serial, member, arguments| match arguments.get(1).map(String::as_str) {
                Some("SystemState") => refusal(serial),
                _ => sound(serial, member, arguments),
            },
            "SystemState",
        ),
    ] {
        let dir = bus(answer);
        let mut source = start(dir.path(), &settings(&[])).unwrap();
        let Err(Failure::Failed(why)) = settled(&mut source) else { unreachable!("{words}") };
        assert!(why.contains(words), "{why} instead of {words}");
    }
}

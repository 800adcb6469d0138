//! Collections that are shared, that wait, and that hold text of another hand.

use super::*;
use crate::pool::Pool;
use crate::reader::Readable;
use socle_model::metrics::{Family, Kind};
use std::sync::mpsc::{Receiver, channel};

/// Hangs until its sender is dropped.
struct Hangs(Receiver<()>);

impl Readable for Hangs {
    fn read(&mut self, _: &mut Page) -> Result<(), Failure> {
        let _ = self.0.recv();
        Ok(())
    }

    fn discover(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Has reads of its own pace; says under this name how often one was done.
struct Paced(&'static str, u64, Duration);

impl Readable for Paced {
    fn read(&mut self, page: &mut Page) -> Result<(), Failure> {
        let family =
            socle_model::metrics::Family::new(self.0, socle_model::metrics::Kind::Gauge, "Steps.");
        page.single(&family, self.1);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn step(&mut self) -> Option<Duration> {
        self.1 += 1;
        Some(self.2)
    }
}

#[tokio::test]
async fn slow_reads_are_done_between_scrapes_each_source_at_its_own_pace() {
    let (free, wait) = channel();
    drop(free);
    let sources: Vec<(_, Box<dyn Readable>)> = vec![
        ("a", Box::new(Hangs(wait))),
        ("b", Box::new(Paced("seldom", 0, Duration::from_secs(3600)))),
        ("c", Box::new(Paced("often", 0, Duration::ZERO))),
    ];
    let reader = Arc::new(Reader::new(Arc::new(Pool::default()), sources));
    let limits = Limits { deadline: Duration::from_secs(30), series_max: 10 };
    let scraper = Scraper::new(reader, limits);
    for (seldom, often) in [(0, 0), (1, 0), (1, 1), (1, 2)] {
        let text = scraper.collect(None).await.unwrap().text.clone();
        assert!(text.contains(&format!("\nseldom {seldom}\n")), "{text}");
        assert!(text.contains(&format!("\noften {often}\n")), "{text}");
        let (tell, told) = tokio::sync::oneshot::channel();
        scraper.reader().step(move |wait| tell.send(wait).unwrap());
        // The other one is due at once.
        assert_eq!(told.await.unwrap(), Duration::ZERO);
    }
}

/// Has one counter or gauge.
struct Has(&'static str, Kind);

impl Readable for Has {
    fn read(&mut self, page: &mut Page) -> Result<(), Failure> {
        page.single(&Family::new(self.0, self.1, "x"), 1u64);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// The types in a collection in OpenMetrics of the gauge `node_x` and this counter of a textfile.
async fn types(foreign: &'static str) -> (Vec<String>, bool) {
    let sources: Vec<(_, Box<dyn Readable>)> = vec![
        ("a", Box::new(Has("node_x", Kind::Gauge))),
        (FOREIGN, Box::new(Has(foreign, Kind::Counter))),
    ];
    let reader = Arc::new(Reader::new(Arc::new(Pool::default()), sources));
    let limits = Limits { deadline: Duration::from_secs(30), series_max: 10 };
    let collected = Scraper::new(reader, limits).collect(None).await.unwrap();
    let text: String = collected.open_parts().iter().map(|part| part.text).collect();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types = types.filter(|line| !line.contains("_scrape_") && !line.contains("_build_"));
    let types = types.map(str::to_owned).collect();
    (types, collected.open().mixed.is_some())
}

#[tokio::test]
async fn text_of_another_hand_keeps_off_our_names() {
    for (foreign, expected, mixed) in [
        ("cron_total", "cron counter", false),
        ("cron", "cron unknown", false),
        ("node_textfile_y_total", "node_textfile_y counter", false),
        ("node_y_total", "node_y counter", true),
        // The gauge has the name that the counter's family would get.
        ("node_x_total", "node_x_total unknown", true),
        ("socle_y", "socle_y unknown", true),
    ] {
        let found = types(foreign).await;
        assert_eq!(found, (vec!["node_x gauge".to_owned(), expected.to_owned()], mixed));
    }
}

#[tokio::test]
async fn waiting_for_another_collection_counts_into_the_deadline() {
    let ((free_a, a), (free_b, b)) = (channel(), channel());
    let sources: Vec<(_, Box<dyn Readable>)> =
        vec![("a", Box::new(Hangs(a))), ("b", Box::new(Hangs(b)))];
    let reader = Arc::new(Reader::new(Arc::new(Pool::default()), sources));
    let limits = Limits { deadline: Duration::from_secs(6), series_max: 10 };
    let scraper = Scraper::new(reader, limits);
    let began = Instant::now();
    let one = |name: &str| scraper.collect(Some(vec![name.to_owned()]));
    let (a, b) = tokio::join!(one("a"), one("b"));
    assert!(began.elapsed() < limits.deadline, "{:?}", began.elapsed());
    for (name, collected) in [("a", a), ("b", b)] {
        let text = collected.unwrap().text.clone();
        let failed = format!("node_scrape_collector_success{{collector=\"{name}\"}} 0");
        assert!(text.contains(&failed), "{text}");
    }
    drop((free_a, free_b));
}

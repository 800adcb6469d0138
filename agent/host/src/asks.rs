//! What is read when a peer asks for it: on a thread of its own, so that a file or a driver that hangs holds
//! up no door. One thread for both kinds: the agent has at most four.

use socle_hardware::ethtool;
use socle_hardware::powercap::Powercap;
use socle_kernel::Root;
use socle_model::ethtool::Devices;
use socle_model::link::{CallError, answer_frame, error_frame};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a peer waits for a reading.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions that may wait for one that hangs.
const WAITING: usize = 64;

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// The energy counters.
    Energy,
    /// What these network devices say.
    Ethtool(Devices),
}

type Waiting = (Question, oneshot::Sender<Vec<u8>>);
/// Makes the frame that answers; an error is told in words.
type Answer = Box<dyn FnMut(&Question) -> Result<Frame, String> + Send>;
type Frame = Result<Vec<u8>, serde_json::Error>;

/// The thread that answers, started with the first question.
#[derive(Debug)]
pub(crate) struct Asks {
    root: Root,
    thread: OnceLock<SyncSender<Waiting>>,
}

impl Asks {
    /// Nothing runs yet.
    pub(crate) fn new(root: &Path) -> Self {
        Asks { root: Root::at(root), thread: OnceLock::new() }
    }

    /// The frame that answers; an error frame when the reading takes too long.
    pub(crate) async fn answer(&self, question: Question) -> Vec<u8> {
        let (give, take) = oneshot::channel();
        if self.thread().try_send((question, give)).is_err() {
            return unavailable("too many questions wait for a reading that hangs".into());
        }
        match timeout(PATIENCE, take).await {
            Ok(Ok(frame)) => frame,
            Ok(Err(_)) => unavailable("the thread that reads ended by itself".into()),
            Err(_) => unavailable(format!("not read within {} s", PATIENCE.as_secs())),
        }
    }

    fn thread(&self) -> &SyncSender<Waiting> {
        self.thread.get_or_init(|| {
            let mut powercap = Powercap::new(self.root.clone());
            start(Box::new(move |question| match question {
                Question::Energy => powercap.read().map(|energy| answer_frame(&energy, false)),
                Question::Ethtool(Devices { devices }) => {
                    ethtool::ask(devices).map(|nics| answer_frame(&nics, false))
                }
            }))
        })
    }
}

fn start(answer: Answer) -> SyncSender<Waiting> {
    let (to, questions) = sync_channel(WAITING);
    let body = move || serve(&questions, answer);
    // Without a thread the channel is closed, and each question is answered as such.
    if let Err(error) = std::thread::Builder::new().name("asks".into()).spawn(body) {
        tracing::error!(%error, "no thread to read with");
    }
    to
}

fn serve(questions: &Receiver<Waiting>, mut answer: Answer) {
    while let Ok((question, to)) = questions.recv() {
        // Who asked may have lost patience while another reading hung.
        if to.is_closed() {
            continue;
        }
        let frame = answer(&question).map_or_else(unavailable, |frame| {
            frame.unwrap_or_else(|error| unavailable(format!("no JSON can be made of it: {error}")))
        });
        // Nobody waits any more when the connection was closed meanwhile.
        let _ = to.send(frame);
    }
}

fn unavailable(why: String) -> Vec<u8> {
    error_frame(&CallError::Unavailable(why))
}

//! What is read when a peer asks for it: on a thread of its own, so that a file that hangs holds up no
//! door.

use socle_hardware::powercap::Powercap;
use socle_kernel::Root;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Energy,
}

type Waiting = (Question, oneshot::Sender<Vec<u8>>);

/// The thread that answers, started with the first question.
#[derive(Debug)]
pub(crate) struct Asks {
    root: Root,
    questions: OnceLock<SyncSender<Waiting>>,
}

impl Asks {
    /// Nothing runs yet.
    pub(crate) fn new(root: &Path) -> Self {
        Asks { root: Root::at(root), questions: OnceLock::new() }
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
        self.questions.get_or_init(|| {
            let (to, questions) = sync_channel(WAITING);
            let powercap = Powercap::new(self.root.clone());
            let body = move || serve(&questions, powercap);
            // Without a thread the channel is closed, and each question is answered as such.
            let made = std::thread::Builder::new().name("asks".into()).spawn(body);
            if let Err(error) = made {
                tracing::error!(%error, "no thread to read with");
            }
            to
        })
    }
}

fn serve(questions: &Receiver<Waiting>, mut powercap: Powercap) {
    while let Ok((question, to)) = questions.recv() {
        // Who asked may have lost patience while another reading hung.
        if to.is_closed() {
            continue;
        }
        let frame = match question {
            Question::Energy => powercap.read().map(|energy| answer_frame(&energy, false)),
        };
        let frame = frame.map_or_else(unavailable, |frame| {
            frame.unwrap_or_else(|error| unavailable(format!("no JSON can be made of it: {error}")))
        });
        // Nobody waits any more when the connection was closed meanwhile.
        let _ = to.send(frame);
    }
}

fn unavailable(why: String) -> Vec<u8> {
    error_frame(&CallError::Unavailable(why))
}

//! A connection whose client must take its answers: one that stops reading is cut, and counts as busy
//! until its answer is written.

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, SizeHint};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take nothing of an answer, and how long it may take for all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Without a byte taken.
    pub(crate) still: Duration,
    /// From the first time it had to be waited for until everything is taken.
    pub(crate) whole: Duration,
}

/// The stream.
pub(crate) struct Patient<S> {
    stream: S,
    limits: Limits,
    /// Whether something is still to be written.
    writing: Arc<AtomicBool>,
    stalled: Option<Stalled>,
}

struct Stalled {
    /// The end of patience with all of the answer.
    end: Instant,
    /// Runs out with the patience.
    timer: Pin<Box<Sleep>>,
    /// Whether nothing was taken since the timer was set.
    still: bool,
}

impl<S> Patient<S> {
    /// `writing` is true while the client is waited for.
    pub(crate) fn new(stream: S, limits: Limits, writing: Arc<AtomicBool>) -> Self {
        Patient { stream, limits, writing, stalled: None }
    }

    /// What came of a write, unless the client was waited for too long.
    fn wrote(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            if let Some(stalled) = &mut self.stalled {
                stalled.still = false;
            }
            return outcome;
        }
        let now = Instant::now();
        let limits = self.limits;
        self.writing.store(true, Ordering::Relaxed);
        let stalled = self.stalled.get_or_insert_with(|| Stalled {
            end: now + limits.whole,
            timer: Box::pin(sleep_until(now)),
            still: false,
        });
        if !std::mem::replace(&mut stalled.still, true) {
            let until = (now + limits.still).min(stalled.end);
            stalled.timer.as_mut().reset(until);
        }
        ready!(stalled.timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.wrote(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked by hyper when it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.stalled = None;
        self.writing.store(false, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// An answer's body that tells when it was given up to be written.
pub(crate) struct Told<F: FnMut() + Unpin> {
    body: Body,
    done: F,
}

impl<F: FnMut() + Unpin> Told<F> {
    /// `done` is called when the body ends or is dropped; at once for one that has no end, such as
    /// that of somebody who follows the events.
    pub(crate) fn new(body: Body, mut done: F) -> Self {
        if body.size_hint().exact().is_none() {
            done();
        }
        Told { body, done }
    }
}

impl<F: FnMut() + Unpin> Drop for Told<F> {
    fn drop(&mut self) {
        (self.done)();
    }
}

impl<F: FnMut() + Unpin> hyper::body::Body for Told<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    fn patient<S>(stream: S, still_ms: u64, whole_ms: u64) -> (Patient<S>, Arc<AtomicBool>) {
        let limits = Limits {
            still: Duration::from_millis(still_ms),
            whole: Duration::from_millis(whole_ms),
        };
        let writing = Arc::default();
        (Patient::new(stream, limits, Arc::clone(&writing)), writing)
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut() {
        let (near, far) = duplex(16);
        let (mut stream, writing) = patient(near, 50, 60_000);
        let error = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(writing.load(Ordering::Relaxed));
        drop(far);
    }

    #[tokio::test]
    async fn one_that_takes_a_byte_now_and_then_is_cut_later() {
        let (near, mut far) = duplex(16);
        let (mut stream, _) = patient(near, 10_000, 200);
        let trickle = async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                far.read_u8().await.unwrap();
            }
        };
        let error = tokio::select! {
            ended = stream.write_all(&[0; 640]) => ended.unwrap_err(),
            () = trickle => unreachable!(),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_that_takes_everything_is_idle_again() {
        let (near, mut far) = duplex(16);
        let (mut stream, writing) = patient(near, 10_000, 60_000);
        let mut taken = [0; 64];
        let write = async {
            stream.write_all(&[7; 64]).await.unwrap();
            stream.flush().await.unwrap();
        };
        let ((), read) = tokio::join!(write, far.read_exact(&mut taken));
        assert_eq!((read.unwrap(), taken), (64, [7; 64]));
        assert!(!writing.load(Ordering::Relaxed));
    }
}

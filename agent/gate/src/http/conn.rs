//! Connections: accepted, bounded in number and in patience, ended with the requests in flight.

use crate::http::handshake;
use crate::http::patient::{Limits, Patient, Told};
use crate::http::{Peer, Tcp};
use crate::web::Web;
use crate::web::refused::Reason;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};

/// Most connections at one time. One more, and the one that has been idle for longest is closed, so
/// that somebody who opens connections and says nothing keeps nobody else out.
pub(crate) const CONNECTIONS: usize = 256;
/// How long a client may take to say what it wants, counted from the end of the last answer too.
/// Longer than Prometheus' usual interval, so that its connection stays open.
const HEADER_PATIENCE: Duration = Duration::from_secs(75);
/// How long a client may take nothing of an answer, and how long it may take for all of it.
const WRITE: Limits = Limits { still: Duration::from_secs(10), whole: Duration::from_secs(60) };
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The longest head of a request in bytes.
const HEAD_LIMIT: usize = 16 << 10;
/// What is left to requests in flight when the process is asked to end.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// Serves connections until told to stop.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    router: Router,
    table: Arc<Table>,
    stop: watch::Receiver<bool>,
    /// `web.yml`, for the listeners that it is about.
    web: Option<Arc<Web>>,
}

#[derive(Debug, Default)]
struct Table {
    live: Mutex<Vec<Arc<Live>>>,
    clock: AtomicU64,
    empty: Notify,
}

#[derive(Debug)]
struct Live {
    /// 0 while a request is being answered, else the tick of the end of the last one.
    idle_since: AtomicU64,
    /// Whether the last answer is still being written.
    writing: Arc<AtomicBool>,
    close: Notify,
}

impl Live {
    fn idle_since(&self) -> u64 {
        if self.writing.load(Ordering::Relaxed) {
            return 0;
        }
        self.idle_since.load(Ordering::Relaxed)
    }
}

impl Table {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Enters a connection; if there are too many the longest idle one is told to close.
    fn enter(&self) -> Option<Arc<Live>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.len() >= CONNECTIONS {
            let (index, _) = live
                .iter()
                .map(|one| one.idle_since())
                .enumerate()
                .filter(|(_, since)| *since > 0)
                .min_by_key(|(_, since)| *since)?;
            live.swap_remove(index).close.notify_one();
        }
        let entered = Arc::new(Live {
            idle_since: AtomicU64::new(self.tick()),
            writing: Arc::default(),
            close: Notify::new(),
        });
        live.push(entered.clone());
        Some(entered)
    }

    fn leave(&self, gone: &Arc<Live>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|one| !Arc::ptr_eq(one, gone));
        if live.is_empty() {
            self.empty.notify_waiters();
        }
    }

    fn is_empty(&self) -> bool {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Server {
    /// A server of these routes; `stop` turns true when the process is asked to end.
    pub(crate) fn new(router: Router, stop: watch::Receiver<bool>, web: Option<Arc<Web>>) -> Self {
        Server { router, table: Arc::default(), stop, web }
    }

    fn refused(&self, reason: Reason) {
        if let Some(web) = &self.web {
            web.refused.count(reason);
        }
    }

    /// Serves one listener; an accept that fails never ends it.
    pub(crate) async fn accept<L: Listener>(self, listener: L) {
        let mut stop = self.stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.next() => accepted,
                () = told(&mut stop) => return,
            };
            match accepted {
                Ok((stream, peer)) => match self.table.enter() {
                    Some(live) => drop(tokio::spawn(self.clone().serve(stream, peer, live))),
                    // Every connection has a request in flight: this one is closed by the drop.
                    None => self.refused(Reason::Connections),
                },
                Err(error) => {
                    tracing::debug!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve<S>(mut self, stream: S, peer: Peer, live: Arc<Live>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let table = self.table.clone();
        let stream = Patient::new(stream, WRITE, live.writing.clone());
        let spoken = self.web.as_ref().and_then(|web| web.current().tls.clone());
        match (spoken, peer) {
            (Some(spoken), Peer::Tcp(tcp)) => {
                let shaken = tokio::select! {
                    shaken = handshake::shake(stream, &spoken, HANDSHAKE) => shaken,
                    () = live.close.notified() => Err(Reason::Slow),
                    () = told(&mut self.stop) => Err(Reason::Slow),
                };
                match shaken {
                    Ok((stream, proved)) => {
                        let peer = Peer::Tcp(Tcp { tls: true, proved, ..tcp });
                        self.talk(stream, peer, &live).await;
                    }
                    Err(reason) => self.refused(reason),
                }
            }
            _ => self.talk(stream, peer, &live).await,
        }
        table.leave(&live);
    }

    /// Answers requests until the client has no more.
    async fn talk<S>(self, stream: S, peer: Peer, live: &Arc<Live>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (web, mut stop) = (self.web.clone(), self.stop.clone());
        let inner = TowerToHyperService::new(self.router);
        let (busy, clock) = (live.clone(), self.table.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            busy.idle_since.store(0, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let answer = inner.call(request);
            let (busy, clock) = (busy.clone(), clock.clone());
            async move {
                let done = move || busy.idle_since.store(clock.tick(), Ordering::Relaxed);
                answer.await.map(|answer| answer.map(|body| Told::new(body, done)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_PATIENCE)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = live.close.notified() => Ok(()),
            () = told(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            if let Some(web) = web.filter(|_| slow(&error)) {
                web.refused.count(Reason::Slow);
            }
            tracing::debug!(%error, "connection");
        }
    }

    /// Waits until the last connection has ended, at most [`DRAIN`].
    pub(crate) async fn drain(&self) {
        let ended = async {
            loop {
                let empty = self.table.empty.notified();
                if self.table.is_empty() {
                    return;
                }
                empty.await;
            }
        };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::info!("connections were cut: they did not end in time");
        }
    }
}

/// Whether the client took too long: over a request, or to take its answer.
fn slow(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let taking = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_timeout() || taking.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
}

/// Waits until the process is to end.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say it.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A listening socket of either family.
pub(crate) trait Listener: Send {
    /// A connection's stream.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next connection and where it comes from.
    fn next(&self) -> impl Future<Output = std::io::Result<(Self::Stream, Peer)>> + Send;
}

impl Listener for tokio::net::TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn next(&self) -> std::io::Result<(Self::Stream, Peer)> {
        let (stream, address) = self.accept().await?;
        // Answers are written whole; without this the tail of one waits for an acknowledgement.
        stream.set_nodelay(true)?;
        let address = address.ip().to_canonical();
        Ok((stream, Peer::Tcp(Tcp { address, tls: false, proved: false })))
    }
}

impl Listener for tokio::net::UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn next(&self) -> std::io::Result<(Self::Stream, Peer)> {
        let (stream, _) = self.accept().await?;
        Ok((stream, Peer::Door))
    }
}

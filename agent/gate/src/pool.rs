//! The reading threads: one, and at most two more for as long as a read hangs.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Most threads. With the main thread and the one that saves five, whatever the CPU count.
const THREADS: usize = 3;

type Task = Box<dyn FnOnce() + Send>;

/// A queue of work and the threads that do it. Normally one thread, so that nothing in /sys is read
/// twice at the same time (some kernels deadlock on it).
#[derive(Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    wake: Condvar,
    /// A thread without work ends; else the last one waits.
    ends: bool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Task>,
    threads: usize,
    idle: usize,
    holds: HashMap<&'static str, Hold>,
}

/// Whether a thread is away with the source of one name. Outlives the readers: a reload makes a new
/// one, and it must not send another thread where the last one hangs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold(Arc<AtomicBool>);

/// The source is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Arc<AtomicBool>);

impl Hold {
    /// Takes the source, unless a thread is away with it.
    pub(crate) fn take(&self) -> Option<Held> {
        (!self.0.swap(true, Ordering::AcqRel)).then(|| Held(self.0.clone()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Pool {
    /// One whose threads are there only while there is work: for what is seldom done.
    pub(crate) fn seldom() -> Self {
        Pool { ends: true, ..Pool::default() }
    }

    /// The hold on the source of this name, the same one for every reader.
    pub(crate) fn hold(&self, name: &'static str) -> Hold {
        self.lock().holds.entry(name).or_default().clone()
    }

    /// Queues work for the next free thread; starts the first thread if there is none.
    pub(crate) fn queue(self: &Arc<Self>, task: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        state.queue.push_back(Box::new(task));
        if state.threads == 0 {
            self.start(&mut state);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Does work that cannot wait for the busy threads, on another thread if need be. Says whether
    /// one could be had.
    pub(crate) fn at_once(self: &Arc<Self>, task: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.lock();
        if state.idle == 0 && !(state.threads < THREADS && self.start(&mut state)) {
            return false;
        }
        state.queue.push_front(Box::new(task));
        drop(state);
        self.wake.notify_one();
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, state: &mut State) -> bool {
        let pool = self.clone();
        let started = std::thread::Builder::new().name("read".into()).spawn(move || pool.work());
        match started {
            // Detached: a thread that hangs in the kernel cannot be joined.
            Ok(_detached) => state.threads += 1,
            Err(error) => {
                tracing::error!(%error, "no reading thread; is TasksMax reached?");
                return false;
            }
        }
        true
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.queue.pop_front() {
                drop(state);
                task();
                state = self.lock();
            } else if state.idle > 0 || self.ends {
                state.threads -= 1;
                return;
            } else {
                state.idle += 1;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn two_more_threads_while_reads_hang_and_no_third() {
        let pool = Arc::new(Pool::default());
        let (entered, started) = channel();
        let mut release = Vec::new();
        for n in 0..THREADS {
            let (free, wait) = channel::<()>();
            let entered = entered.clone();
            let task = move || {
                entered.send(n).unwrap();
                let _ = wait.recv();
            };
            assert!(pool.at_once(task), "thread {n}");
            assert_eq!(started.recv().unwrap(), n);
            release.push(free);
        }
        assert!(!pool.at_once(|| {}));
        let (done, ended) = channel();
        pool.queue(move || done.send(()).unwrap());
        release.clear();
        ended.recv().unwrap();
        while pool.lock().threads > 1 {
            std::thread::yield_now();
        }
    }
}

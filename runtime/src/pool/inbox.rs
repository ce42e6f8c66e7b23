//! A worker that shares no memory: tasks go there as words, and a thread takes what it says.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::route::{LastWord, Life};
use crate::sys;
use crate::wire::{
    Body, Fault, Gong, LaneReceiver, Message, OwnedBody, Sleeper, Tag, Word, add_frame,
    first_frame, is_result,
};

/// How many tasks may be on their way: they cannot be taken back.
pub(super) const WINDOW: u64 = 8;

/// With more bytes of results than this nothing is sent, until they are collected.
const MOST: usize = 16 << 20;

/// What a worker has said.
#[derive(Clone)]
pub(super) struct Inbox(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    /// Results that were not collected, and how many.
    results: Vec<u8>,
    count: u64,
    /// How many tasks were sent there, were taken, and are done.
    put: u64,
    taken: u64,
    done: u64,
    began: u64,
    /// Who wants to hear of the next result.
    armed: Option<Sleeper>,
    fault: Option<Fault>,
    /// What it said besides results: its last word.
    last: Option<(Tag, OwnedBody)>,
    report: Option<Vec<u8>>,
    /// Whether nothing will follow.
    over: bool,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Inbox(Arc::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Starts the thread that takes what comes over the lane which it is handed.
    pub(super) fn listen(&self, gong: &Arc<Gong>) -> std::io::Result<SyncSender<LaneReceiver>> {
        let (hand_over, handed) = sync_channel::<LaneReceiver>(1);
        let (inbox, gong) = (self.clone(), Arc::clone(gong));
        sys::run_aside("procession-results", move || {
            let Ok(mut lane) = handed.recv() else { return };
            while inbox.hear(&mut lane, &gong) {}
            let mut state = inbox.state();
            state.report = lane.take_report();
            state.over = true;
            drop(state);
            inbox.0.1.notify_all();
            gong.ring(Sleeper::Pump);
            gong.ring(Sleeper::Keeper);
        })?;
        Ok(hand_over)
    }

    /// Takes the next message; whether more may follow.
    fn hear(&self, lane: &mut LaneReceiver, gong: &Gong) -> bool {
        let (told, panicked) = match lane.receive(None) {
            Ok(message) => {
                let panicked = message.tag == Tag::Panicked;
                (self.state().take(message), panicked)
            }
            Err(Fault::Gone | Fault::TimedOut) => return false,
            Err(fault) => (Err(fault), false),
        };
        if panicked {
            // The result has it; what follows is another matter.
            lane.take_report();
        }
        let mut state = self.state();
        match told {
            Ok(news) => {
                let armed = if news { state.armed.take() } else { None };
                drop(state);
                if let Some(sleeper) = armed {
                    gong.ring(sleeper);
                }
                true
            }
            Err(fault) => {
                state.fault = Some(fault);
                false
            }
        }
    }

    /// What it said last; waited for when it is dead, and all that it had sent is being read.
    pub(super) fn last_word(&self) -> LastWord {
        let mut state = self.state();
        while !state.over {
            state = self.0.1.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        let word = match (state.last.take(), state.fault) {
            (_, Some(fault)) => Err(fault),
            (last, None) => last.ok_or(Fault::Gone),
        };
        (word, state.report.take())
    }

    /// Sends the frames at the front as far as the window allows.
    pub(super) fn put(&self, life: &Life, frames: &[u8]) -> Result<(usize, u64), Fault> {
        let mut state = self.state();
        if let Some(fault) = state.fault {
            return Err(fault);
        }
        let full = state.results.len() > MOST;
        let most = if full { 0 } else { WINDOW - (state.put - state.done).min(WINDOW) };
        let (mut at, mut count) = (0, 0);
        while count < most
            && let Some((_, _, size)) = first_frame(&frames[at..])
        {
            at += size;
            count += 1;
        }
        if count == 0 {
            return Ok((0, 0));
        }
        // Before they go: what is taken was put.
        state.put += count;
        drop(state);
        if life.edge().send(&Word::Local(frames[..at].to_vec())).is_err() {
            self.state().put -= count;
            return Err(Fault::Gone);
        }
        Ok((at, count))
    }

    /// Says that nothing will follow.
    pub(super) fn finish(&self, life: &Life) {
        // Who has ended need not be told.
        let _ = life.edge().send(&Word::Local(Vec::new()));
    }

    pub(super) fn collect(&self, into: &mut Vec<u8>) -> Result<u64, Fault> {
        let mut state = self.state();
        let count = std::mem::take(&mut state.count);
        if count == 0 {
            return state.fault.map_or(Ok(0), Err);
        }
        let results = std::mem::take(&mut state.results);
        drop(state);
        if into.is_empty() {
            *into = results;
        } else {
            into.extend_from_slice(&results);
        }
        Ok(count)
    }

    pub(super) fn taken(&self) -> Result<u64, Fault> {
        let state = self.state();
        state.fault.map_or(Ok(state.taken), Err)
    }

    pub(super) fn began(&self) -> u64 {
        self.state().began
    }

    pub(super) fn arm(&self, armed: Option<Sleeper>) {
        self.state().armed = armed;
    }

    pub(super) fn has_news(&self) -> bool {
        let state = self.state();
        state.count > 0 || state.fault.is_some()
    }
}

impl State {
    /// Takes a message of the worker; whether somebody waits for such a one.
    fn take(&mut self, message: Message<'_>) -> Result<bool, Fault> {
        let Message { tag, body } = message;
        if tag == Tag::Took {
            // The one before is done, and there is another one to take.
            if self.taken > self.done || self.taken == self.put {
                return Err(Fault::Rubbish);
            }
            self.taken += 1;
            self.began = sys::monotonic_nanos();
            return Ok(false);
        }
        if !is_result(tag as u32) || self.last.is_some() {
            return Err(Fault::Rubbish);
        }
        if self.done == self.taken {
            self.last = Some((tag, body.to_owned()));
            return Ok(false);
        }
        match body {
            Body::Bytes(bytes) => add_frame(&mut self.results, tag as u32, bytes),
            Body::Region(..) => return Err(Fault::Rubbish),
        }
        self.count += 1;
        self.done += 1;
        Ok(true)
    }
}

//! The connection between this process and one living child, besides the lanes.
//!
//! Nobody waits for a child here: what its channel does not take at once stays in a queue, and the
//! child's attendant goes on when the channel has room. The queue is bounded by those who send.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::answers::Answers;
use super::asks::Random;
use crate::id::Right;
use crate::outcome::ExitReason;
use crate::sys::Wake;
use crate::wire::{ChannelError, ControlSender, Outgoing, Word};

/// The connection to one child: words go down it, and it knows which rights to answer went along
/// and were not used yet.
pub(crate) struct Edge(Mutex<State>);

struct State {
    control: Option<Arc<ControlSender>>,
    wake: Option<Arc<Wake>>,
    queue: VecDeque<Outgoing>,
    rights: HashMap<u64, Right, BuildHasherDefault<Random>>,
    stop: Stop,
    /// The child has ended, or has closed its end.
    gone: bool,
    /// Who waits for answers that come over the lane.
    answers: Weak<Answers>,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Edge")
    }
}

/// How far the child was asked to stop. That overtakes what is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    Wanted,
    Said,
}

/// The child has ended, or hears nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// Hears what a child says to its parent alone, on the thread that looks after it. It never waits.
pub(crate) type Listener = Box<dyn Fn(Vec<u8>) + Send + Sync>;

/// Hears how a child ended. What the child had said was heard before; who waits for the child, and
/// who waits for answers that it owed, hears of its end after.
pub(crate) type Mourner = Box<dyn FnOnce(&Arc<Edge>, &ExitReason) + Send>;

/// What whoever starts a child wants to hear of it. Neither is called where the start fails.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) local: Option<Listener>,
    pub(crate) ended: Option<Mourner>,
}

impl Edge {
    pub(super) fn new(wake: Wake) -> Arc<Self> {
        Arc::new(Edge(Mutex::new(State {
            control: None,
            wake: Some(Arc::new(wake)),
            queue: VecDeque::new(),
            rights: HashMap::default(),
            stop: Stop::No,
            gone: false,
            answers: Weak::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Sends a word down, with the rights in it; never waits. What is sent before the child can
    /// hear waits for that.
    pub(crate) fn send(&self, word: &Word) -> Result<(), Gone> {
        // A copy made by `fork` would talk in between.
        if crate::sys::is_copy() {
            return Err(Gone);
        }
        let outgoing = Outgoing::new(word);
        let mut state = self.state();
        if state.gone {
            return Err(Gone);
        }
        if let Word::Packet(packet) = word {
            state.rights.extend(packet.rights.iter().map(|right| (right.number, right.clone())));
        }
        let first = state.queue.is_empty();
        state.queue.push_back(outgoing);
        if !first {
            return Ok(());
        }
        state.go_on();
        if state.gone {
            state.queue.pop_back();
            if let Word::Packet(packet) = word {
                packet.rights.iter().for_each(|right| drop(state.rights.remove(&right.number)));
            }
            return Err(Gone);
        }
        state.ask_for_help();
        Ok(())
    }

    /// Notes a right that goes down without a packet.
    pub(crate) fn lend(&self, right: Right) -> Result<(), Gone> {
        let mut state = self.state();
        if state.gone {
            return Err(Gone);
        }
        state.rights.insert(right.number, right);
        Ok(())
    }

    /// Strikes out a right that was used or came back; whether it was there.
    pub(crate) fn settle(&self, number: u64) -> bool {
        self.state().rights.remove(&number).is_some()
    }

    /// Strikes out a right that came up in a packet: its answer is not coming over the lane.
    /// Whether it was down there.
    pub(super) fn settle_elsewhere(&self, number: u64) -> bool {
        let mut state = self.state();
        let lent = state.rights.remove(&number).is_some();
        let answers = state.answers.upgrade();
        drop(state);
        if let Some(answers) = answers {
            answers.strike_out(number);
        }
        lent
    }

    /// Says who waits for answers that come over the lane.
    pub(super) fn set_answers(&self, answers: &Arc<Answers>) {
        self.state().answers = Arc::downgrade(answers);
    }

    /// Whether a right is down there.
    pub(super) fn holds(&self, number: u64) -> bool {
        self.state().rights.contains_key(&number)
    }

    /// Takes all rights that are down there.
    pub(crate) fn take_rights(&self) -> Vec<Right> {
        let rights = std::mem::take(&mut self.state().rights);
        let mut rights: Vec<Right> = rights.into_values().collect();
        rights.sort_by_key(|right| right.number);
        rights
    }

    /// Asks the child to stop, once: now, or as soon as it can hear.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        if state.stop == Stop::No {
            state.stop = Stop::Wanted;
            state.go_on();
            state.ask_for_help();
        }
    }

    /// The child has begun and can be told things.
    pub(crate) fn hears(&self, control: ControlSender) {
        let mut state = self.state();
        if !state.gone {
            state.control = Some(Arc::new(control));
            state.go_on();
        }
    }

    /// What to wait for before going on, if there is something to say.
    pub(super) fn backlog(&self) -> Option<Arc<ControlSender>> {
        let state = self.state();
        if state.waits() { state.control.clone() } else { None }
    }

    /// Says what is queued, as far as the child takes it.
    pub(super) fn go_on(&self) {
        self.state().go_on();
    }

    /// What is ready when there is something to say that there was not before.
    pub(super) fn wake(&self) -> Option<Arc<Wake>> {
        self.state().wake.clone()
    }

    /// Takes no more words; the answer is those that did not go. Their rights went nowhere.
    pub(super) fn close(&self) -> Vec<Word> {
        let mut state = self.state();
        state.gone = true;
        let queue = std::mem::take(&mut state.queue);
        let words: Vec<Word> = queue.into_iter().filter_map(Outgoing::into_word).collect();
        for word in &words {
            if let Word::Packet(packet) = word {
                packet.rights.iter().for_each(|right| drop(state.rights.remove(&right.number)));
            }
        }
        words
    }

    /// Closes the descriptors, once nobody cares how long that takes.
    pub(super) fn release(&self) {
        let mut state = self.state();
        let held = (state.control.take(), state.wake.take());
        drop(state);
        drop(held);
    }
}

impl State {
    fn waits(&self) -> bool {
        !self.gone && (self.stop == Stop::Wanted || !self.queue.is_empty())
    }

    fn go_on(&mut self) {
        while self.waits()
            && let Some(control) = self.control.clone()
            && control.takes_more()
        {
            if self.say(&control).is_err() {
                // If the child has ended, that is about to be noticed.
                self.gone = true;
            }
        }
    }

    /// Says the next thing, which the channel takes.
    fn say(&mut self, control: &ControlSender) -> Result<(), ChannelError> {
        if self.stop == Stop::Wanted {
            self.stop = Stop::Said;
            return control.stop();
        }
        if let Some(word) = self.queue.front_mut() {
            control.frame(&word.frame())?;
            if word.gone() {
                self.queue.pop_front();
            }
        }
        Ok(())
    }

    /// Wakes the attendant where the channel did not take all. Before the child hears there is
    /// nothing to be done.
    fn ask_for_help(&self) {
        if self.waits()
            && self.control.is_some()
            && let Some(wake) = &self.wake
        {
            wake.wake();
        }
    }
}

//! Where the outcome of a child arrives, for whoever reads it first: its attendant once the child is
//! dead, or who waits for the value alone.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::outcome::Said;
use crate::sys;
use crate::wire::{Fault, LaneReceiver, LaneSender, OwnedBody, Tag};

/// The outcome of one child.
pub(crate) struct Outbox {
    /// Who waits for the value of a child whose arguments were sent holds this for as long.
    state: Mutex<State>,
    changed: Condvar,
    /// Whether a thread sends the arguments and reads what follows.
    pumped: bool,
}

enum State {
    Unread(Box<Lanes>),
    /// A thread reads it, which keeps the lane from filling up.
    Pumped,
    Read(Outcome),
}

struct Lanes {
    /// Keeps the regions of the arguments.
    to_child: LaneSender,
    from_child: LaneReceiver,
    /// The arguments, where they are too much for a lane that nobody reads yet.
    arguments: Option<Vec<u8>>,
}

/// What a lane said, its value, and the report of a panic that came along.
pub(super) type Outcome = (Said, Option<OwnedBody>, Option<Vec<u8>>);

const NOTHING: Outcome = (Said::Nothing, None, None);

impl Outbox {
    pub(crate) fn new(
        to_child: LaneSender,
        from_child: LaneReceiver,
        arguments: Option<Vec<u8>>,
    ) -> Arc<Self> {
        let pumped = arguments.is_some();
        let lanes = Box::new(Lanes { to_child, from_child, arguments });
        let state = Mutex::new(State::Unread(lanes));
        Arc::new(Outbox { state, changed: Condvar::new(), pumped })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Sends the arguments that were not sent, and reads the outcome, on a thread of its own. Where
    /// they were, there is nothing to be done.
    pub(super) fn pump(self: &Arc<Self>) -> std::io::Result<()> {
        // Asked first: the attendant must not wait here for who waits for the value.
        if !self.pumped {
            return Ok(());
        }
        let mut state = self.state();
        if !matches!(*state, State::Unread(_)) {
            return Ok(());
        }
        let outbox = Arc::clone(self);
        let (give, given) = std::sync::mpsc::sync_channel::<Box<Lanes>>(1);
        sys::run_aside("procession-lane", move || {
            let outcome = given.recv().map_or(NOTHING, |lanes| lanes.pump());
            *outbox.state() = State::Read(outcome);
            outbox.changed.notify_all();
        })?;
        if let State::Unread(lanes) = std::mem::replace(&mut *state, State::Pumped) {
            let _ = give.send(lanes);
        }
        Ok(())
    }

    /// Whether a look finds what was sent: where no thread has to read first.
    pub(super) fn can_look(&self) -> bool {
        !self.pumped
    }

    /// Takes the value if it is there.
    pub(super) fn look(&self) -> Option<OwnedBody> {
        self.state().take(Some(Instant::now()))
    }

    /// Waits for the value; `None` if the child ends without one, or its attendant has it.
    pub(crate) fn value(self: &Arc<Self>) -> Option<OwnedBody> {
        self.pump().ok()?;
        let mut state = self.state();
        while matches!(*state, State::Pumped) {
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        state.take(None)
    }

    /// What a child that is dead has said. Whoever waits for its value has been woken.
    pub(super) fn collect(&self) -> Outcome {
        let mut state = self.state();
        while matches!(*state, State::Pumped) {
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        match std::mem::replace(&mut *state, State::Read(NOTHING)) {
            State::Unread(mut lanes) => lanes.hear(Some(Instant::now())),
            State::Pumped => NOTHING,
            State::Read(outcome) => outcome,
        }
    }
}

impl State {
    /// Takes the value, and waits for it until the deadline.
    fn take(&mut self, deadline: Option<Instant>) -> Option<OwnedBody> {
        if let State::Unread(lanes) = self {
            // Where there is none the child is dead, or about to be: its attendant reads that.
            let message = lanes.from_child.receive(deadline).ok()?;
            let (said, value) = read(message.tag, message.body.to_owned());
            *self = State::Read((said, value, None));
        }
        match self {
            State::Read((_, value, _)) => value.take(),
            _ => None,
        }
    }
}

impl Lanes {
    fn pump(mut self) -> Outcome {
        if let Some(arguments) = self.arguments.take() {
            // Whoever ends before it has read them has an end of its own to tell.
            let _ = self.to_child.send_bytes(Tag::Value, &arguments);
        }
        self.hear(None)
    }

    fn hear(&mut self, deadline: Option<Instant>) -> Outcome {
        let (said, value) = match self.from_child.receive(deadline) {
            Ok(message) => read(message.tag, message.body.to_owned()),
            Err(fault) => unread(fault),
        };
        (said, value, self.from_child.take_report())
    }
}

/// What it means that a lane brought nothing.
pub(super) fn unread(fault: Fault) -> (Said, Option<OwnedBody>) {
    let said = match fault {
        Fault::Gone | Fault::TimedOut => Said::Nothing,
        Fault::NoRoom(_) | Fault::Lost => {
            Said::Undeliverable("no descriptor or memory is left for it".into())
        }
        Fault::Rubbish => Said::Rubbish("what it wrote over its lane makes no sense".into()),
    };
    (said, None)
}

/// What a message of an outcome says.
pub(super) fn read(tag: Tag, body: OwnedBody) -> (Said, Option<OwnedBody>) {
    let text = |body: &OwnedBody| {
        let read = body.body().decode(|mut row| row.section::<String>());
        read.unwrap_or_else(|error| error.to_string())
    };
    match tag {
        Tag::Value => (Said::Value, Some(body)),
        Tag::Panicked => (Said::Panicked, None),
        Tag::Unencodable => (Said::Undeliverable(text(&body)), None),
        Tag::BadArguments => (Said::StartFailed(text(&body)), None),
        _ => (Said::Rubbish("it sent what no worker sends".into()), None),
    }
}

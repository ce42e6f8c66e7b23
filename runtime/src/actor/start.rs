//! How an actor is started, the first time and again.

use std::sync::Arc;
use std::time::Duration;

use super::owned::Actor;
use super::{ActorProcess, fingerprint};
use crate::error::SpawnError;
use crate::outcome::ExitReason;
use crate::process::{Begun, Builder, Lanes, Settings, is_fork, no_room};
use crate::registry::Entry;
use crate::route::{self, Held, Line, Listeners, Slot, Terms};
use crate::wire::{Carrier, Encoder, MailboxSender};

/// What there is to say of a function with a mailbox, besides what there is of any process.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Mailed {
    bound: usize,
    pub(super) retries: u32,
    deadline: Option<Duration>,
}

impl Default for Mailed {
    fn default() -> Self {
        Mailed { bound: 1024, retries: 0, deadline: None }
    }
}

/// What an actor's builder can besides.
impl<P: ActorProcess> Builder<P, Mailed> {
    /// How many messages may wait in its mailbox, the one in hand included; 1024 unless told. The
    /// ring that holds them takes up 64 KiB, so that it may be full with fewer.
    ///
    /// # Panics
    ///
    /// If it is 0: a mailbox without room takes no message, ever.
    pub fn mailbox(mut self, most: usize) -> Self {
        assert!(most > 0, "a mailbox has room for at least one message");
        self.kind.bound = most;
        self
    }

    /// How long it may have one message in hand: from when it takes it until it asks for the next
    /// one. Then its process is killed, and its end is
    /// [`TimedOut`](crate::ExitReason::TimedOut); a supervisor starts it again, and the messages
    /// behind that one are handled. There is no limit unless told, here or by the attribute.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.kind.deadline = Some(limit);
        self
    }

    /// Starts the actor; returns when its process exists. What goes wrong after that is told by the
    /// handle, and to whoever sends to it.
    ///
    /// # Errors
    ///
    /// If an argument cannot be encoded or is too large, or the system has no room for a process or
    /// its mailbox. Nothing is left of the attempt then.
    pub fn spawn(self, input: P::Input) -> Result<Actor<P::Message, P::Output>, SpawnError> {
        let made = Made::new(self, &input)?;
        let slot = Arc::clone(&made.slot);
        match made.start(made.settings.again(), None) {
            Ok(begun) => Ok(Actor::new(begun, slot, P::decode_output)),
            Err(error) => {
                route::close(&slot);
                Err(error)
            }
        }
    }
}

/// An actor that can be started, again and again.
pub(crate) struct Made {
    pub(crate) slot: Arc<Slot>,
    pub(super) settings: Settings,
    entry: &'static Entry,
    arguments: Vec<u8>,
}

/// Hears how a process ended, once.
pub(crate) type Ended = Box<dyn FnOnce(ExitReason) + Send>;

impl Made {
    pub(super) fn new<P: ActorProcess>(
        builder: Builder<P, Mailed>,
        input: &P::Input,
    ) -> Result<Self, SpawnError> {
        let Builder { settings, kind, .. } = builder;
        let entry = P::entry();
        let name = settings.name.clone().unwrap_or_else(|| entry.name().to_owned());
        if is_fork() {
            return Err(SpawnError::Forked { process: name });
        }
        route::ready();
        let mut row = Encoder::new(settings.max_message);
        let encoded = P::encode(input, &mut row);
        encoded.map_err(|source| SpawnError::Encode { process: name.clone(), source })?;
        let arguments = row.into_vec();
        let line = match settings.carrier {
            Carrier::Ring => {
                let ring = MailboxSender::new().map_err(|fault| no_room(&name, fault))?;
                Line::Ring(Box::new(ring))
            }
            Carrier::Frames => Line::Held(Held::default()),
        };
        let terms = Terms {
            name,
            message_type: std::any::type_name::<P::Message>(),
            bound: kind.bound,
            max_message: settings.max_message,
            retries: kind.retries,
            deadline: kind.deadline.or(P::DEADLINE),
        };
        let slot = route::open(terms, fingerprint::<P::Message>(), line);
        Ok(Made { slot, settings, entry, arguments })
    }

    /// Starts the next process. What waits in the mailbox is its.
    pub(super) fn start(
        &self,
        settings: std::io::Result<Settings>,
        ended: Option<Ended>,
    ) -> Result<Begun, SpawnError> {
        let settings = settings.map_err(|source| SpawnError::System {
            process: self.slot.terms.name.clone(),
            action: "duplicating its standard input",
            source,
        })?;
        let ready = settings.ready(self.entry)?;
        let row = Encoder::of_row(&self.arguments);
        let (hearing, mourning) = (Arc::clone(&self.slot), Arc::clone(&self.slot));
        let listeners = Listeners {
            local: Some(Box::new(move |bytes| route::heard(&hearing, &bytes))),
            ended: Some(Box::new(move |edge, reason| {
                // Where nobody wants to hear of it, nobody starts another one.
                mourning.ended(edge, reason, ended.is_none());
                if let Some(ended) = ended {
                    ended(reason.clone());
                }
            })),
        };
        settings.start(ready, row, Lanes::Serve(Arc::clone(&self.slot)), listeners)
    }
}

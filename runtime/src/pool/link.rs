//! One worker process, as its pool sees it.

use std::sync::Arc;

use super::chunk::Frames;
use super::inbox::{Inbox, WINDOW};
use super::serve::WORKER;
use crate::error::SpawnError;
use crate::outcome::Intent;
use crate::process::{Begun, Lanes, Settings};
use crate::route::{AskLast, Life, Listeners, Mourner, Tail};
use crate::sys;
use crate::wire::{
    Answers, Belt, Carrier, Encoder, Fault, Gong, LaneReceiver, Shape, Sleeper, WORD, add_frame,
};

/// One worker process, as its pool sees it. Dropping it kills the process.
pub(super) struct Link {
    life: Arc<Life>,
    stderr: Tail,
    way: Way,
}

/// How tasks go there and results come back.
enum Way {
    Belt(Box<Belt>),
    Words(Inbox),
}

impl Link {
    /// Starts a worker; `ended` hears how it ended, on the thread of its attendant, before others do.
    pub(super) fn start(
        settings: Settings,
        gong: &Arc<Gong>,
        ended: Mourner,
    ) -> Result<Link, SpawnError> {
        let ready = settings.ready(&WORKER)?;
        let bell = Arc::clone(gong);
        let listeners = Listeners {
            local: None,
            ended: Some(Box::new(move |edge, reason| {
                ended(edge, reason);
                bell.ring(Sleeper::Pump);
                bell.ring(Sleeper::Keeper);
            })),
        };
        let inbox = Inbox::new();
        let heard = match settings.carrier {
            Carrier::Ring => None,
            Carrier::Frames => {
                let process = ready.name.clone();
                let heard = inbox.listen(gong);
                Some(heard.map_err(|source| SpawnError::Processes { process, source })?)
            }
        };
        let asked = inbox.clone();
        let hear = move |from: LaneReceiver| -> AskLast {
            if let Some(heard) = heard {
                // The thread lives: it waits for this.
                let _ = heard.send(from);
            }
            Box::new(move || asked.last_word())
        };
        let lanes = Lanes::Pool(Arc::clone(gong), Box::new(hear));
        let begun = settings.start(ready, Encoder::new(0), lanes, listeners)?;
        let Begun { life, tails, belt, .. } = begun;
        let way = belt.map_or(Way::Words(inbox), |belt| Way::Belt(Box::new(belt)));
        Ok(Link { life, stderr: tails.1, way })
    }

    pub(super) fn pid(&self) -> u32 {
        self.life.pid
    }

    pub(super) fn name(&self) -> &str {
        &self.life.name
    }

    /// The end of what it printed on its standard error.
    pub(super) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Kills it for a reason, unless it has ended.
    pub(super) fn kill(&self, intent: Intent) {
        // A process that cannot be killed has ended.
        let _ = self.life.kill(intent);
    }

    /// Hands over the tasks at the front of `frames` as far as there is room, visible to the worker at
    /// once; where they are numbers, this is their tag. How many bytes of `frames` those are, and how
    /// many tasks.
    pub(super) fn put(&mut self, tag: u32, frames: &Frames) -> Result<(usize, u64), Fault> {
        let (bytes, shape) = (frames.bytes(), frames.shape());
        match &mut self.way {
            Way::Belt(belt) if shape == Shape::Numbers => belt.put_numbers(tag, bytes),
            Way::Belt(belt) => belt.put(bytes, shape.stride()),
            Way::Words(inbox) if shape == Shape::Numbers => {
                let mut framed = Vec::new();
                let words = bytes.chunks(WORD as usize).take(WINDOW as usize);
                words.for_each(|word| add_frame(&mut framed, tag, word));
                let (_, count) = inbox.put(&self.life, &framed)?;
                Ok(((count * WORD) as usize, count))
            }
            Way::Words(inbox) => inbox.put(&self.life, bytes),
        }
    }

    /// Nothing will follow: the worker leaves when it has done what it has.
    pub(super) fn finish(&mut self) {
        match &mut self.way {
            Way::Belt(belt) => belt.finish(),
            Way::Words(inbox) => inbox.finish(&self.life),
        }
    }

    /// Moves all results that are there behind those in `into`: how many. Each is whole, however large it
    /// is.
    ///
    /// A fault is told after the last result that makes sense. [`Fault::NoRoom`] may pass; after any
    /// other the worker is not to be believed any more.
    pub(super) fn collect(&mut self, into: &mut Vec<Answers>) -> Result<u64, Fault> {
        match &mut self.way {
            Way::Belt(belt) => belt.collect(into),
            Way::Words(inbox) => {
                let mut bytes = Vec::new();
                let count = inbox.collect(&mut bytes)?;
                into.push(Answers { bytes, count, shape: Shape::Mixed });
                Ok(count)
            }
        }
    }

    /// Whether memory that it sends large results in did not get here. Each of those is an answer that
    /// says so.
    pub(super) fn has_lost(&self) -> bool {
        match &self.way {
            Way::Belt(belt) => belt.has_lost(),
            Way::Words(_) => false,
        }
    }

    /// How many of the frames put so far the worker has taken, since the start. Exact once it is dead.
    pub(super) fn taken(&mut self) -> Result<u64, Fault> {
        match &mut self.way {
            Way::Belt(belt) => belt.taken(),
            Way::Words(inbox) => inbox.taken(),
        }
    }

    /// When the task last taken began, in nanoseconds of the monotonic clock, to some milliseconds:
    /// the worker's own word, which may be wild. 0 if there was none.
    pub(super) fn began(&self) -> u64 {
        match &self.way {
            Way::Belt(belt) => belt.began(),
            Way::Words(inbox) => inbox.began(),
        }
    }

    /// Takes back what the worker has not taken: how many frames, the last ones that were put. 0
    /// where that cannot be done.
    pub(super) fn recall(&mut self) -> Result<u64, Fault> {
        match &mut self.way {
            Way::Belt(belt) => belt.recall(),
            Way::Words(_) => Ok(0),
        }
    }

    /// Whether what it has not taken can be taken back.
    pub(super) fn can_recall(&self) -> bool {
        matches!(self.way, Way::Belt(_))
    }

    /// How many tasks may be on their way to it.
    pub(super) fn window(&self) -> u64 {
        match &self.way {
            Way::Belt(_) => u64::MAX,
            Way::Words(_) => WINDOW,
        }
    }

    /// Says that the parent wants to hear of results by the gong. After one fence for all links,
    /// [`has_news`](Link::has_news) is asked, and then slept.
    pub(super) fn arm(&self, sleeper: Sleeper) {
        match &self.way {
            Way::Belt(belt) => belt.arm(sleeper),
            Way::Words(inbox) => inbox.arm(Some(sleeper)),
        }
    }

    /// Says that it does not, for now.
    pub(super) fn disarm(&self) {
        match &self.way {
            Way::Belt(belt) => belt.disarm(),
            Way::Words(inbox) => inbox.arm(None),
        }
    }

    /// Whether there is something to collect, or room that there was not.
    pub(super) fn has_news(&self) -> bool {
        self.has_results(1)
    }

    /// Whether so many results may be there, or other news.
    pub(super) fn has_results(&self, count: u64) -> bool {
        match &self.way {
            Way::Belt(belt) => belt.has_results(count),
            Way::Words(inbox) => inbox.has_news(),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !sys::is_copy() {
            self.kill(Intent::Kill);
        }
    }
}

//! A door to the bare lanes, for the benchmarks that hold them against the floor. Hidden: actors
//! will make lanes public in their own way.

use linkme::distributed_slice;
use serde::{Deserialize, Serialize};

use super::start::{Lanes, Settings};
use crate::error::SpawnError;
use crate::outcome::Intent;
use crate::registry::{ENTRIES, Entry, Speak, Work};
use crate::route::{Life, Listeners};
use crate::wire::{Carrier, Encoder, Fault, LaneReceiver, LaneSender, Tag};

#[distributed_slice(ENTRIES)]
static ECHO: Entry = Entry::own("procession::door", Work::Converse(converse));

/// A message of 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forty(pub [f64; 5]);

/// What the other side does with the messages that follow.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Mode {
    /// Sends each number back.
    Echo,
    /// Takes messages of 40 bytes.
    Take,
    /// Takes blocks of bytes.
    TakeBlocks,
    /// Gives so many blocks of so many bytes.
    GiveBlocks(u64, u64),
}

/// A child that talks over its lanes.
#[derive(Debug)]
pub struct Lane {
    life: std::sync::Arc<Life>,
    lanes: Ends,
}

struct Ends(LaneSender, LaneReceiver);

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ends")
    }
}

impl Lane {
    /// Starts it, over frames if asked, over a ring otherwise.
    ///
    /// # Errors
    ///
    /// As any start.
    pub fn open(frames: bool) -> Result<Self, SpawnError> {
        let mut settings = Settings::default();
        if frames {
            settings.carrier = Carrier::Frames;
        }
        let ready = settings.ready(&ECHO)?;
        let mode = Mode::Echo;
        let row = row(&mode);
        let begun = settings.start(ready, row, Lanes::Open, Listeners::default())?;
        let (sender, receiver) = begun.lanes.expect("they were asked for");
        Ok(Lane { life: begun.life, lanes: Ends(sender, receiver) })
    }

    /// The child's pid.
    pub fn pid(&self) -> u32 {
        self.life.pid
    }

    /// Changes what the other side does, once it has done what was sent before.
    pub fn mode(&mut self, mode: Mode) {
        self.lanes.0.send(Tag::Sync, &row(&mode), None).expect("it lives");
        self.answer(Tag::Sync, |_| ());
    }

    /// Sends a number and waits for it to come back.
    pub fn round_trip(&mut self, number: u64) -> u64 {
        self.send(&number);
        self.receive()
    }

    /// Sends a value.
    pub fn send<T: Serialize + 'static>(&mut self, value: &T) {
        self.lanes.0.send(Tag::Value, &row(value), None).expect("it lives");
    }

    /// Receives a value.
    pub fn receive<T: serde::de::DeserializeOwned + 'static>(&mut self) -> T {
        self.answer(Tag::Value, |row| row.section().expect("it is one"))
    }

    fn answer<T>(&mut self, tag: Tag, read: impl FnOnce(&mut crate::wire::Decoder<'_>) -> T) -> T {
        let message = self.lanes.1.receive(None).expect("it lives");
        assert_eq!(message.tag, tag);
        message.body.decode(|mut row| read(&mut row))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let _ = self.life.kill(Intent::Kill);
        self.life.wait(None);
    }
}

fn row<T: Serialize + 'static>(value: &T) -> Encoder<'_> {
    let mut row = Encoder::new(usize::MAX >> 1);
    row.section(value).expect("it is plain data");
    row
}

/// The other side: works by the mode it was told last.
fn converse(from: &mut LaneReceiver, to: Speak) {
    let mut mode = Mode::Echo;
    let mut first = true;
    let mut block: Vec<u8> = Vec::new();
    let mut take = || -> Result<(), Fault> {
        let message = from.receive(None)?;
        let synced = message.tag == Tag::Sync;
        if synced || std::mem::take(&mut first) {
            mode = message.body.decode(|mut row| row.section()).map_err(|_| Fault::Rubbish)?;
        } else {
            match mode {
                Mode::Echo => {
                    let number: u64 = message.body.decode(|mut row| row.section()).unwrap_or(0);
                    to(Tag::Value, &row(&number))?;
                }
                Mode::Take | Mode::GiveBlocks(..) => {
                    let forty: Result<Forty, _> = message.body.decode(|mut row| row.section());
                    std::hint::black_box(forty).map_err(|_| Fault::Rubbish)?;
                }
                Mode::TakeBlocks => {
                    block = message.body.decode(|mut row| row.section()).unwrap_or_default();
                    std::hint::black_box(&block);
                }
            }
        }
        if synced {
            to(Tag::Sync, &row(&0_u8))?;
            if let Mode::GiveBlocks(count, len) = mode {
                block.resize(usize::try_from(len).unwrap_or(0), 7);
                (0..count).try_for_each(|_| to(Tag::Value, &row(&block)))?;
            }
        }
        Ok(())
    };
    while take().is_ok() {}
}

//! What travels between a parent and a child besides lanes: words, in frames of at most 60 KiB.

use serde::{Deserialize, Serialize};

use super::codec;
use super::frames::{self, Progress, Reassembly};
use super::lane::Fault;
use crate::id::{ProcessId, Right};

/// One thing said over an edge of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Word {
    /// For some process of the tree, which may be further on.
    Packet(Packet),
    /// For the process at the other end of this edge.
    Local(#[serde(with = "super::bytes")] Vec<u8>),
}

/// What one process of the tree sends to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packet {
    pub(crate) to: ProcessId,
    pub(crate) from: ProcessId,
    /// The rights to answer that travel in it.
    pub(crate) rights: Vec<Right>,
    /// The number of the right that it uses up, if it is an answer.
    pub(crate) answers: Option<u64>,
    /// The message itself, which nobody on the way reads.
    #[serde(with = "super::bytes")]
    pub(crate) parcel: Vec<u8>,
}

/// What a word may have besides a message of the limit's size: paths, and rights.
const BESIDES: usize = 1 << 20;

/// The most bytes of a word where messages have at most `limit`.
pub(crate) fn longest(limit: usize) -> usize {
    limit.saturating_add(BESIDES)
}

/// A word on its way out, frame by frame.
#[derive(Debug)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    begun: bool,
}

impl Outgoing {
    pub(crate) fn new(word: &Word) -> Self {
        // A word is plain data: there is nothing in it that could fail.
        let bytes = codec::plain(word).unwrap_or_default();
        Outgoing { bytes, sent: 0, begun: false }
    }

    /// How many bytes the word has.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The next frame, which stays the next one until it has [gone](Self::gone).
    pub(crate) fn frame(&self) -> Vec<u8> {
        frames::frame(WORD, &self.bytes, self.begun.then_some(self.sent))
    }

    /// The next frame has gone; whether it was the last.
    pub(crate) fn gone(&mut self) -> bool {
        self.sent += frames::room(self.begun).min(self.bytes.len() - self.sent);
        self.begun = true;
        self.sent == self.bytes.len()
    }

    /// The word again, which did not go.
    pub(crate) fn into_word(self) -> Option<Word> {
        read(&self.bytes).ok()
    }
}

/// How the frames of words are tagged.
pub(super) const WORD: u32 = 1;

/// Words of which frames come in.
pub(crate) struct Incoming {
    message: Reassembly,
    bytes: Vec<u8>,
}

impl Incoming {
    /// Takes words of up to so many bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Incoming { message: Reassembly::new(longest), bytes: Vec::new() }
    }

    /// Adds the next frame; gives the word that it completes.
    pub(crate) fn add(&mut self, frame: &[u8]) -> Result<Option<Word>, Fault> {
        match self.message.add(frame, &mut self.bytes)? {
            Progress::More => Ok(None),
            Progress::Whole(WORD) => read(&std::mem::take(&mut self.bytes)).map(Some),
            Progress::Whole(_) | Progress::Aside(..) => Err(Fault::Rubbish),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Word, Fault> {
    match postcard::take_from_bytes(bytes) {
        Ok((word, [])) => Ok(word),
        _ => Err(Fault::Rubbish),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = ProcessId> {
        proptest::collection::vec(0_u64..100, 0..4)
            .prop_map(|steps| steps.iter().fold(ProcessId::root(), |id, &step| id.child(step)))
    }

    fn right() -> impl Strategy<Value = Right> {
        let parts = (any::<u64>(), id(), any::<u64>(), any::<bool>());
        parts.prop_map(|(number, asker, until, passed)| Right { number, asker, until, passed })
    }

    pub(in crate::wire) fn word() -> impl Strategy<Value = Word> {
        let bytes = (0_usize..200_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]);
        let packet =
            (id(), id(), proptest::collection::vec(right(), 0..5), any::<Option<u64>>(), bytes)
                .prop_map(|(to, from, rights, answers, parcel)| {
                    Word::Packet(Packet { to, from, rights, answers, parcel })
                });
        let local = (0_usize..200_000).prop_map(|len| Word::Local(vec![7; len]));
        prop_oneof![packet, local]
    }

    #[test]
    fn a_word_takes_as_much_memory_as_it_has_bytes() {
        let to = ProcessId::root().child(7);
        let parcel = vec![1; 100];
        let packet = Packet { to, from: ProcessId::root(), rights: vec![], answers: None, parcel };

        let outgoing = Outgoing::new(&Word::Packet(packet));

        // One that grew would be rounded up.
        assert_eq!(outgoing.bytes.capacity(), outgoing.bytes.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn words_arrive_as_they_went_in_frames_that_are_never_too_long(
            words in proptest::collection::vec(word(), 1..4),
        ) {
            let mut incoming = Incoming::new(usize::MAX);
            for word in words {
                let mut outgoing = Outgoing::new(&word);
                let arrived = loop {
                    let frame = outgoing.frame();
                    prop_assert!(frame.len() <= 60 * 1024);
                    let arrived = incoming.add(&frame).unwrap();
                    let last = outgoing.gone();
                    prop_assert_eq!(last, arrived.is_some());
                    if last {
                        break arrived;
                    }
                };

                prop_assert_eq!(arrived.as_ref(), Some(&word));
                prop_assert_eq!(outgoing.into_word(), Some(word));
            }
        }

        #[test]
        fn a_word_over_the_limit_is_refused_with_its_first_frame(len in 1_usize..300_000) {
            let outgoing = Outgoing::new(&Word::Local(vec![1; len]));
            let mut incoming = Incoming::new(outgoing.len() - 1);

            let added = incoming.add(&outgoing.frame());

            prop_assert_eq!(added, Err(Fault::Rubbish));
        }
    }

    #[test]
    fn bytes_behind_a_word_are_refused() {
        let mut bytes = postcard::to_stdvec(&Word::Local(vec![1, 2])).unwrap();
        bytes.push(0);

        assert_eq!(read(&bytes), Err(Fault::Rubbish));
    }
}

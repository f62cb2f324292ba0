//! What was found last, by what it was found for: a few things of each kind, and so many at all. The oldest go first.

use std::collections::{BTreeMap, VecDeque};

use strata_model::digest::Digest;

/// See the module.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    kinds: BTreeMap<Digest, Vec<T>>,
    /// The kinds of all that is kept, the oldest first.
    kept: VecDeque<Digest>,
    most_of_one: usize,
    most: usize,
}

impl<T> Recent<T> {
    pub(crate) const fn new(most_of_one: usize, most: usize) -> Self {
        Self { kinds: BTreeMap::new(), kept: VecDeque::new(), most_of_one, most }
    }

    /// The oldest first.
    pub(crate) fn of(&self, kind: &Digest) -> &[T] {
        self.kinds.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Keeps one more, unless there are enough of its kind.
    pub(crate) fn keep(&mut self, kind: &Digest, thing: T) {
        let alike = self.kinds.entry(kind.clone()).or_default();
        if alike.len() >= self.most_of_one {
            return;
        }
        alike.push(thing);
        self.kept.push_back(kind.clone());
        while self.kept.len() > self.most {
            let Some(oldest) = self.kept.pop_front() else { break };
            if let Some(alike) = self.kinds.get_mut(&oldest) {
                alike.remove(0);
                if alike.is_empty() {
                    self.kinds.remove(&oldest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_no_kind_takes_all() {
        let [one, other] = [b"one".as_slice(), b"other"].map(Digest::of_content);
        let mut recent = Recent::new(2, 3);
        for number in 1..=3 {
            recent.keep(&one, number);
        }
        assert_eq!((recent.of(&one), recent.of(&other)), (&[1, 2][..], &[][..]));
        recent.keep(&other, 4);
        recent.keep(&other, 5);
        assert_eq!((recent.of(&one), recent.of(&other)), (&[2][..], &[4, 5][..]));
        recent.keep(&one, 6);
        assert_eq!((recent.of(&one), recent.of(&other)), (&[6][..], &[4, 5][..]));
    }
}

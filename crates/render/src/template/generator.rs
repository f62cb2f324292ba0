//! Where generated values come from.
//!
//! *Idea.* The engine has no clock and no randomness. Functions such as `randAlphaNum` and `now` draw from a
//! [`Generator`] that the caller supplies; [`SeededGenerator`] derives them from a secret seed, so that the same
//! composition renders the same passwords again and nobody without the seed can compute them.

use std::{convert::Infallible, fmt};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rand_core::{TryCryptoRng, TryRng};
use sha2::Sha256;

/// One call of a generating function.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'d> {
    /// The file that is being rendered.
    pub template: &'d str,
    /// The function.
    pub function: &'d str,
    /// Its arguments as texts.
    pub arguments: &'d [String],
    /// How many calls of the same function with the same arguments this file made before.
    pub occurrence: u64,
}

/// Gives the values that must not come from thin air.
pub trait Generator: fmt::Debug {
    /// Block `counter` of the endless random bytes of a draw. Equal draws give equal blocks.
    fn block(&self, draw: &Draw<'_>, counter: u64) -> [u8; 32];

    /// The instant that counts as now.
    fn now(&self) -> Timestamp;
}

/// Names the way of deriving, so that a later one is never mistaken for it.
const SCHEME: &[u8] = b"generated-v1";

/// Derives values from a seed by HMAC-SHA-256 over template, function, arguments, occurrence and block.
#[derive(Clone)]
pub struct SeededGenerator {
    seed: [u8; 32],
    instant: Timestamp,
}

impl SeededGenerator {
    /// From a secret seed and the instant stored with it.
    #[must_use]
    pub const fn new(seed: [u8; 32], instant: Timestamp) -> Self {
        Self { seed, instant }
    }
}

impl fmt::Debug for SeededGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededGenerator").field("instant", &self.instant).finish_non_exhaustive()
    }
}

impl Generator for SeededGenerator {
    fn block(&self, draw: &Draw<'_>, counter: u64) -> [u8; 32] {
        // A key of any length is fine for HMAC; the fallback keeps the function total.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.seed) else { return [0; 32] };
        // Each field goes in with its length, so that no two draws run together.
        let mut field = |bytes: &[u8]| {
            mac.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(bytes);
        };
        field(SCHEME);
        field(draw.template.as_bytes());
        field(draw.function.as_bytes());
        field(&u64::try_from(draw.arguments.len()).unwrap_or(u64::MAX).to_be_bytes());
        for argument in draw.arguments {
            field(argument.as_bytes());
        }
        field(&draw.occurrence.to_be_bytes());
        field(&counter.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    fn now(&self) -> Timestamp {
        self.instant
    }
}

/// The bytes of a draw, one after the other.
pub(crate) struct Stream<'s> {
    generator: &'s dyn Generator,
    draw: Draw<'s>,
    counter: u64,
    block: Vec<u8>,
}

impl<'s> Stream<'s> {
    pub(crate) fn new(generator: &'s dyn Generator, draw: Draw<'s>) -> Self {
        Self { generator, draw, counter: 0, block: Vec::new() }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.block.pop() {
                return byte;
            }
            self.block = self.generator.block(&self.draw, self.counter).to_vec();
            self.counter += 1;
        }
    }

    /// A number below a bound, each equally likely; a bound of 0 gives 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        // Numbers at the upper end that would make the small ones more likely are thrown away.
        let limit = u64::MAX - u64::MAX % bound;
        // Each round fails with a chance below one half: 128 of them do not all fail.
        for _ in 0..128 {
            let number = (0..8).fold(0_u64, |number, _| number << 8 | u64::from(self.byte()));
            if number < limit {
                return number % bound;
            }
        }
        0
    }
}

/// So that libraries may draw from it, too.
impl TryRng for Stream<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.byte());
        Ok(())
    }
}

/// HMAC-SHA-256 of a secret seed is one.
impl TryCryptoRng for Stream<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(arguments: &[&str], occurrence: u64, seed: u8) -> [u8; 32] {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let draw = Draw { template: "a.yaml", function: "randAlphaNum", arguments: &arguments, occurrence };
        SeededGenerator::new([seed; 32], Timestamp::UNIX_EPOCH).block(&draw, 0)
    }

    #[test]
    fn equal_draws_are_equal_and_others_are_not() {
        assert_eq!(block(&["10"], 0, 1), block(&["10"], 0, 1));
        assert_ne!(block(&["10"], 0, 1), block(&["10"], 1, 1));
        assert_ne!(block(&["10"], 0, 1), block(&["10"], 0, 2));
        assert_ne!(block(&["1", "0"], 0, 1), block(&["10"], 0, 1));
    }

    #[test]
    fn the_seed_is_not_shown() {
        let generator = SeededGenerator::new([222; 32], Timestamp::UNIX_EPOCH);
        assert!(!format!("{generator:?}").contains("222"));
    }
}

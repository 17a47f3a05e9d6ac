//! So many attempts, then one more each so often. Pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Attempts that each of many may make. What is known of those who made none lately is forgotten.
#[derive(Debug)]
pub struct Allowance<K> {
    at_once: u32,
    each: Duration,
    most: usize,
    /// When all attempts of somebody are back.
    full_at: HashMap<K, Duration>,
}

impl<K: Hash + Eq + Clone> Allowance<K> {
    /// `at_once` attempts, and one more after each `each`, for at most `most` of them; others push out whoever has most left.
    pub fn new(at_once: u32, each: Duration, most: usize) -> Self {
        Self { at_once, each, most, full_at: HashMap::new() }
    }

    /// Takes an attempt, or says how long until there is one.
    pub fn take(&mut self, who: &K, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.get(who).copied().unwrap_or_default().max(now);
        let wait = (full_at + self.each).saturating_sub(now + self.each * self.at_once);
        if !wait.is_zero() {
            return Err(wait);
        }
        if self.full_at.len() >= self.most && !self.full_at.contains_key(who) {
            self.make_room(now);
        }
        self.full_at.insert(who.clone(), full_at + self.each);
        Ok(())
    }

    /// The attempt that was taken last was none.
    pub fn give_back(&mut self, who: &K) {
        if let Some(full_at) = self.full_at.get_mut(who) {
            *full_at = full_at.saturating_sub(self.each);
        }
    }

    fn make_room(&mut self, now: Duration) {
        self.full_at.retain(|_, full_at| now < *full_at);
        if self.full_at.len() >= self.most {
            let first = self.full_at.iter().min_by_key(|(_, full_at)| **full_at).map(|(who, _)| who.clone());
            first.and_then(|who| self.full_at.remove(&who));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn some_at_once_then_one_each_time_and_all_after_a_rest() {
        let mut allowance = Allowance::new(3, SECOND * 60, 10);
        for _ in 0..3 {
            allowance.take(&'a', SECOND).unwrap();
        }
        assert_eq!(allowance.take(&'a', SECOND * 11), Err(SECOND * 50));
        allowance.take(&'b', SECOND * 11).unwrap();
        allowance.take(&'a', SECOND * 61).unwrap();
        assert_eq!(allowance.take(&'a', SECOND * 61), Err(SECOND * 60));
        for _ in 0..3 {
            allowance.take(&'a', SECOND * 1_000).unwrap();
        }
        allowance.take(&'a', SECOND * 1_000).unwrap_err();
    }

    #[test]
    fn what_is_given_back_was_never_taken() {
        let mut allowance = Allowance::new(2, SECOND, 10);
        for _ in 0..100 {
            allowance.take(&'a', SECOND).unwrap();
            allowance.give_back(&'a');
        }
        allowance.take(&'a', SECOND).unwrap();
        allowance.take(&'a', SECOND).unwrap();
        allowance.take(&'a', SECOND).unwrap_err();
    }

    #[test]
    fn a_crowd_takes_no_more_memory_and_pushes_out_who_has_most_left() {
        let mut allowance = Allowance::new(2, SECOND, 100);
        allowance.take(&-1, SECOND).unwrap();
        allowance.take(&-1, SECOND).unwrap();
        for n in 0..10_000 {
            allowance.take(&n, SECOND).unwrap();
        }
        assert_eq!(allowance.full_at.len(), 100);
        allowance.take(&-1, SECOND).unwrap_err();
    }
}

//! A life that fails, with as few deeds as still make it fail the same check.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::lives::{Failure, Life, live};
use crate::schedule::{Cuts, Deed, Kind, Tag};

/// Who waits for the result does not wait longer.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Shrunk {
    pub cuts: Cuts,
    pub failure: Failure,
    pub done: Vec<Deed>,
    /// How many deeds the whole life had, and how long it was.
    pub before: (usize, u64),
    pub lives: u32,
}

struct Shrinker {
    seed: u64,
    place: String,
    best: Shrunk,
    began: Instant,
}

/// Shortens the life of this seed, if it fails.
pub fn shrink(seed: u64, cuts: &Cuts) -> Option<Shrunk> {
    let cuts = cuts.clone();
    let whole = live(seed, cuts.clone(), false);
    let failure = whole.failure?;
    let (before, place) = ((whole.done.len(), failure.at), failure.place.clone());
    let best = Shrunk { cuts, failure, done: whole.done, before, lives: 1 };
    let mut shrinker = Shrinker { seed, place, best, began: Instant::now() };
    let all = shrinker.tags();
    shrinker.fails_with(&all, None);
    loop {
        let known = (shrinker.best.done.len(), shrinker.best.cuts.until_ms);
        shrinker.by_kind();
        shrinker.by_time();
        shrinker.by_chunks();
        let now = (shrinker.best.done.len(), shrinker.best.cuts.until_ms);
        if now == known || shrinker.began.elapsed() > PATIENCE {
            return Some(shrinker.best);
        }
    }
}

impl Shrinker {
    fn tags(&self) -> Vec<Tag> {
        self.best.done.iter().map(|deed| deed.tag).collect()
    }

    /// Does the life with these deeds alone fail in the same way? Then it is the best so far.
    fn fails_with(&mut self, tags: &[Tag], until_ms: Option<u64>) -> bool {
        if self.began.elapsed() > PATIENCE {
            return false;
        }
        self.best.lives += 1;
        let only: BTreeSet<Tag> = tags.iter().copied().collect();
        let until_ms = until_ms.or(self.best.cuts.until_ms);
        let cuts = Cuts { only: Some(only), until_ms, ..self.best.cuts };
        let Life { failure, done, .. } = live(self.seed, cuts.clone(), false);
        let Some(failure) = failure.filter(|failure| failure.place == self.place) else { return false };
        // What did not come up any more need not be named.
        let only = done.iter().map(|deed| deed.tag).collect();
        self.best.cuts = Cuts { only: Some(only), ..cuts };
        (self.best.failure, self.best.done) = (failure, done);
        true
    }

    fn by_kind(&mut self) {
        for kind in Kind::ALL {
            let tags = self.tags();
            let others: Vec<Tag> = tags.iter().copied().filter(|tag| tag.0 != kind).collect();
            if others.len() < tags.len() {
                self.fails_with(&others, None);
            }
        }
    }

    /// Good times from earlier on.
    fn by_time(&mut self) {
        for eighths in [1, 2, 4, 6, 7] {
            let now = self.best.cuts.until_ms.unwrap_or(self.best.failure.at).min(self.best.failure.at);
            let tags = self.tags();
            if self.fails_with(&tags, Some(now * eighths / 8)) {
                break;
            }
        }
    }

    /// Half of them, a quarter, and so on down to each alone.
    fn by_chunks(&mut self) {
        let mut size = self.best.done.len().div_ceil(2);
        while size > 0 {
            // The last ones first: what came after the harm was done is most.
            let mut end = self.best.done.len();
            while end > 0 {
                let mut tags = self.tags();
                end = end.min(tags.len());
                let begin = end.saturating_sub(size);
                tags.drain(begin..end);
                self.fails_with(&tags, None);
                end = begin;
            }
            size /= 2;
        }
    }
}

//! How far one actor got: the events of one actor, in the order of time, against the steps of a funnel.
//!
//! Ordered and strict funnels keep an *entry* per number of steps taken: the run that got there last, for it has the most
//! time left, and with it when it took each step. Entry 0 is a run about to begin. An event that is a step moves the run
//! before that step onto it; later steps are looked at first, so that one event never serves two steps of a run.
//!
//! Unordered funnels keep a queue of times for each step instead. A run is as far as there are queues with anything in
//! them, and its first event is the oldest of their heads.

use std::collections::VecDeque;
use std::ops::Range;

/// Steps are bits of a number.
pub(super) const STEPS_MAX: usize = 32;

/// An event of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event<'e> {
    /// Microseconds since the epoch.
    pub(super) at: i64,
    /// The steps that it is; bit 0 is the first.
    pub(super) steps: u32,
    /// The runs that it ends, by how many steps they have taken; bit 0 is one step.
    pub(super) ends: u32,
    /// What the funnel is cut by.
    pub(super) value: &'e str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ordered,
    /// No other event in between.
    Strict,
    Unordered,
}

/// What a funnel asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Funnel {
    pub(super) steps: usize,
    /// From the first step to any other at most, in microseconds.
    pub(super) window: i64,
    pub(super) order: Order,
    /// Steps that may be left out, as bits.
    pub(super) optional: u32,
}

/// Which runs count.
#[derive(Debug, Clone)]
pub(super) struct Asked<'v> {
    /// Times at which they begin.
    pub(super) begin: Range<i64>,
    /// The value that the event of one step has, and which step that is, from 1.
    pub(super) value: Option<(usize, &'v str)>,
}

/// Finds the run that got furthest. Used for one actor after the other, so that memory is taken once.
#[derive(Debug)]
pub(super) struct Matcher {
    funnel: Funnel,
    entries: Vec<Entry>,
    queues: Vec<VecDeque<(i64, bool)>>,
    best: Best,
    scratch: Vec<Option<i64>>,
    used: Vec<bool>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    start: Option<i64>,
    ended: bool,
    /// When each step was taken.
    times: Vec<Option<i64>>,
}

#[derive(Debug, Default)]
struct Best {
    level: usize,
    start: i64,
    ended: bool,
    times: Vec<Option<i64>>,
}

impl Matcher {
    pub(super) fn new(funnel: Funnel) -> Self {
        let steps = funnel.steps;
        let entry = Entry { start: None, ended: false, times: vec![None; steps] };
        Self {
            funnel,
            entries: vec![entry; steps + 1],
            queues: vec![VecDeque::new(); steps],
            best: Best { times: vec![None; steps], ..Best::default() },
            scratch: vec![None; steps],
            used: Vec::new(),
        }
    }

    /// When each step of the furthest run was taken; `None` if there is no run, or an event ended it. `events` are in the
    /// order of time.
    pub(super) fn furthest(&mut self, events: &[Event<'_>], asked: &Asked<'_>) -> Option<&[Option<i64>]> {
        self.best.level = 0;
        self.best.ended = false;
        if self.funnel.order == Order::Unordered {
            self.unordered(events, asked);
        } else {
            self.ordered(events, asked);
        }
        (self.best.level > 0 && !self.best.ended).then_some(self.best.times.as_slice())
    }

    fn is_done(&self) -> bool {
        self.best.level == self.funnel.steps && !self.best.ended
    }

    fn ordered(&mut self, events: &[Event<'_>], asked: &Asked<'_>) {
        for entry in &mut self.entries {
            entry.start = None;
            entry.times.fill(None);
        }
        for instant in events.chunk_by(|one, other| one.at == other.at) {
            let [first, rest @ ..] = instant else { continue };
            if let Some(begin) = self.entries.first_mut() {
                begin.start = asked.begin.contains(&first.at).then_some(first.at);
            }
            if rest.iter().all(|event| (event.steps, event.ends) == (first.steps, first.ends)) {
                for event in instant {
                    self.event(event, asked);
                }
            } else {
                self.at_once(instant, asked);
            }
            if self.is_done() {
                break;
            }
        }
    }

    fn event(&mut self, event: &Event<'_>, asked: &Asked<'_>) {
        let has = |bits: u32, step: usize| bits & (1 << (step - 1)) != 0;
        for level in (1..=self.funnel.steps).filter(|level| has(event.ends, *level)) {
            self.end(level, event.at);
        }
        for step in (1..=self.funnel.steps).rev().filter(|step| has(event.steps, *step)) {
            self.take(step, event, asked);
        }
        if self.funnel.order == Order::Strict {
            for (step, entry) in self.entries.iter_mut().enumerate().skip(1) {
                if !has(event.steps, step) {
                    entry.start = None;
                }
            }
        }
    }

    /// Events at one time have no order: they count in the order of their steps, each once.
    fn at_once(&mut self, instant: &[Event<'_>], asked: &Asked<'_>) {
        self.used.clear();
        self.used.resize(instant.len(), false);
        for step in 1..=self.funnel.steps {
            let unused = instant.iter().zip(&self.used).enumerate().filter(|(_, (_, used))| !**used);
            let fitting = unused.filter(|(_, (event, _))| event.steps & (1 << (step - 1)) != 0);
            let chosen = fitting.min_by_key(|(_, (event, _))| event.steps.count_ones()).map(|(at, _)| at);
            if let Some(at) = chosen
                && let Some(event) = instant.get(at)
                && self.take(step, event, asked)
            {
                self.used[at] = true;
            }
        }
    }

    fn is_open(&self, level: usize, at: i64) -> bool {
        self.entries[level].start.is_some_and(|start| at.saturating_sub(start) <= self.funnel.window)
    }

    /// Ends the run that has taken `level` steps.
    fn end(&mut self, level: usize, at: i64) {
        if self.is_open(level, at) {
            self.entries[level].ended = true;
        }
        if self.best.level == level && at.saturating_sub(self.best.start) <= self.funnel.window {
            self.best.ended = true;
        }
    }

    /// Moves the run before `step` onto it, if there is one.
    fn take(&mut self, step: usize, event: &Event<'_>, asked: &Asked<'_>) -> bool {
        let mut before = step - 1;
        while before > 0 && self.funnel.optional & (1 << (before - 1)) != 0 && !self.is_open(before, event.at) {
            before -= 1;
        }
        let run = &self.entries[before];
        let Some(start) = run.start.filter(|_| self.is_open(before, event.at)) else { return false };
        let is_there_already = self.entries[step].start == Some(start);
        let has_other_value = asked.value.is_some_and(|(which, value)| which == step && event.value != value);
        if is_there_already || has_other_value {
            return false;
        }
        let ended = run.ended;
        self.scratch.clone_from_slice(&run.times);
        if before == 0 {
            self.scratch.fill(None);
        }
        self.scratch[step - 1] = Some(event.at);
        if !ended {
            let entry = &mut self.entries[step];
            (entry.start, entry.ended) = (Some(start), false);
            entry.times.clone_from_slice(&self.scratch);
        }
        if step > self.best.level || (step == self.best.level && self.best.ended) {
            (self.best.level, self.best.start, self.best.ended) = (step, start, ended);
            self.best.times.clone_from_slice(&self.scratch);
        }
        true
    }

    fn unordered(&mut self, events: &[Event<'_>], asked: &Asked<'_>) {
        self.queues.iter_mut().for_each(VecDeque::clear);
        for event in events {
            for queue in &mut self.queues {
                while queue.front().is_some_and(|(at, _)| event.at.saturating_sub(*at) > self.funnel.window) {
                    queue.pop_front();
                }
            }
            if event.ends != 0 {
                self.queues.iter_mut().for_each(VecDeque::clear);
                self.best.ended |= event.at.saturating_sub(self.best.start) <= self.funnel.window;
                continue;
            }
            let steps = (0..self.funnel.steps).filter(|step| event.steps & (1 << step) != 0);
            let Some(step) = steps.min_by_key(|step| self.queues[*step].back().copied()) else { continue };
            self.queues[step].push_back((event.at, asked.value.is_none_or(|(_, value)| event.value == value)));
            self.note(asked);
            if self.is_done() {
                break;
            }
        }
    }

    /// Keeps what is in the queues, if it is more than was there before.
    fn note(&mut self, asked: &Asked<'_>) {
        let level = self.queues.iter().filter(|queue| !queue.is_empty()).count();
        if level < self.best.level || (level == self.best.level && !self.best.ended) {
            return;
        }
        let Some((start, has_value)) = self.queues.iter().filter_map(VecDeque::front).min().copied() else { return };
        if !asked.begin.contains(&start) || !has_value {
            return;
        }
        (self.best.level, self.best.start, self.best.ended) = (level, start, false);
        let heads = self.queues.iter().map(|queue| queue.front().map(|(at, _)| *at));
        for (time, head) in self.best.times.iter_mut().zip(heads) {
            *time = head;
        }
        // Taken steps first, by time.
        self.best.times.sort_by_key(|time| time.unwrap_or(i64::MAX));
    }
}

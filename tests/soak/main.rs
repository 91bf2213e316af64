//! Weeks of a session's life on a simulated clock, past the day on which the timers of hosts overflow: in every hour
//! everything goes wrong once, and after it the session must hold no more than after the first one, but for the events
//! that it remembers on purpose.

mod allocations;
mod faults;
mod hours;
mod life;
mod seen;
mod server;

use faults::Fault;
use hours::Hours;
use life::Dialect;

/// Past 2^31 ms, which are 24.9 days.
const DAYS: u64 = 26;

/// The digits of numbers that grow, and how full lists happen to be.
const MARGIN: isize = 8_192;

/// Of each of the three channels the last 256 events that were passed are remembered, which an hour does not fill: what
/// identifies them, and the numbers by which they were given out; not their texts.
const REMEMBERED: isize = 3 * 256 * 320;

fn soak(dialect: Dialect, faults: &[Fault]) {
    let mut life = Hours::new(dialect);
    let held: Vec<isize> = (0..DAYS * 24)
        .map(|hour| {
            life.live(hour, faults);
            life.held()
        })
        .collect();
    let (hour, day, last) = (held[0], held[23], held[held.len() - 1]);
    let most = held.iter().copied().max().unwrap_or_default();
    println!(
        "{dialect:?}: {hour} bytes after an hour, {day} after a day, {last} after {DAYS} days, {most} at most"
    );
    println!("{life}");
    let remembered = if dialect == Dialect::Salesforce { REMEMBERED } else { 0 };
    assert!(most <= hour + remembered + MARGIN, "{most} bytes at most, {hour} after the first hour");
    assert!(last <= day + MARGIN, "{last} bytes after {DAYS} days, {day} after the first");
    life.close();
}

#[test]
fn weeks_of_faults_leave_nothing_behind_with_replay() {
    soak(Dialect::Salesforce, &Fault::ALL);
}

#[test]
fn weeks_of_faults_leave_nothing_behind_with_acknowledgements() {
    soak(Dialect::Plain, &Fault::ALL);
}

#[test]
fn weeks_without_a_fault_leave_nothing_behind_with_replay() {
    soak(Dialect::Salesforce, &[]);
}

#[test]
fn weeks_without_a_fault_leave_nothing_behind_with_acknowledgements() {
    soak(Dialect::Plain, &[]);
}

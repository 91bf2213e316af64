//! `cargo bench`: how long a session takes over its work with 10 to 10,000 channels. Only its own time counts, not that of
//! the server, the store and the application around it. `cargo bench -- '/(10|100|1000)$'` leaves the largest out.

mod client;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use client::{Client, Dialect};

const CHANNELS: [u32; 4] = [10, 100, 1_000, 10_000];
const DIALECTS: [Dialect; 2] = [Dialect::Plain, Dialect::Replay];
/// In one chunk.
const EVENTS: u32 = 100;

/// One subscription for each channel, until all are confirmed.
fn subscribe(criterion: &mut Criterion) {
    each(criterion, "subscribe", u64::from, |dialect, channels, rounds| {
        let round = |_| {
            let mut client = Client::connected(dialect);
            client.spent();
            client.subscribe(0..channels);
            client.spent()
        };
        (0..rounds).map(round).sum()
    });
}

/// A chunk of events, spread over all channels: read, and with replay committed and saved.
fn events(criterion: &mut Criterion) {
    each(
        criterion,
        "events",
        |_| u64::from(EVENTS),
        |dialect, channels, rounds| {
            let mut client = Client::subscribed(dialect, channels);
            let mut round = |_| {
                let events = client.events(EVENTS, channels);
                client.begin_poll();
                client.spent();
                client.chunk(events.as_bytes());
                assert_eq!(client.read_all(), EVENTS as usize);
                let spent = client.spent();
                client.finish_poll();
                spent
            };
            (0..rounds).map(&mut round).sum()
        },
    );
}

/// Every subscription is ended, until the server has answered.
fn unsubscribe(criterion: &mut Criterion) {
    each(criterion, "unsubscribe", u64::from, |dialect, channels, rounds| {
        let round = |_| {
            let mut client = Client::connected(dialect);
            let first = client.subscribe(0..channels);
            client.spent();
            client.unsubscribe(first..first + channels);
            client.spent()
        };
        (0..rounds).map(round).sum()
    });
}

/// The server has forgotten the session: a new one, and every subscription again.
fn resubscribe(criterion: &mut Criterion) {
    each(criterion, "resubscribe", u64::from, |dialect, channels, rounds| {
        let round = |_| {
            // The storm guard would make a client wait that loses one session after another.
            let mut client = Client::subscribed(dialect, channels);
            client.spent();
            client.lose_session(channels);
            client.spent()
        };
        (0..rounds).map(round).sum()
    });
}

/// One bench for each dialect and number of channels; `work` gives the time that so many rounds took.
fn each(
    criterion: &mut Criterion,
    name: &str,
    elements: impl Fn(u32) -> u64,
    work: impl Fn(Dialect, u32, u64) -> Duration,
) {
    let mut group = criterion.benchmark_group(name);
    for dialect in DIALECTS {
        for channels in CHANNELS {
            group.throughput(Throughput::Elements(elements(channels)));
            let id = BenchmarkId::new(format!("{dialect:?}").to_lowercase(), channels);
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|rounds| work(dialect, channels, rounds));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = subscribe, events, resubscribe, unsubscribe
}
criterion_main!(benches);
